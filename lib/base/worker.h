// One thread that runs one step when it is notified or when its time has come.
//
//   Worker writer("weir-writer", [&] { return log_writer.RunOnce(clock->MonotonicNanos()); });
//   writer.Notify();  // from any thread
//
// Every background job is a class with a step; this is the only place that owns a thread. The
// thread takes no asynchronous signal of the host (SIGXFSZ among those it blocks, so that a file
// size limit becomes an error of the write). Signals that a fault raises in the thread itself stay
// open: the host's crash reporter wants them.

#ifndef WEIR_BASE_WORKER_H_
#define WEIR_BASE_WORKER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace weir::internal {

class Worker final {
 public:
  // Runs one bounded piece of work and returns how long to rest before the next: zero for at once,
  // infinite for until notified. Does not throw.
  using Step = std::function<absl::Duration()>;

  // Starts the thread, which runs its first step at once. `name` is cut to the 15 bytes that the
  // system keeps. `core`: the processor it runs on; negative: any. status() says whether the
  // system gave a thread (else kUnavailable) and that core (else kInvalidArgument).
  Worker(const std::string& name, Step step, int core = -1);

  // Stops. In a forked child, which has no such thread, it lets go of everything instead.
  ~Worker();

  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // OK, or kUnavailable: there is no thread, no step will ever be run.
  const absl::Status& status() const { return status_; }

  // A step will begin after this call, and it sees all that the caller did before. Costs one atomic
  // exchange if a notification is already under way. From any thread, the step included.
  void Notify();

  // Lets the running step end, runs no further one and waits for the thread. May be called again,
  // by one thread at a time. From within the step it does not wait; the thread ends with the step.
  void Stop();

 private:
  struct Shared;

  bool IsForkedChild() const;

  absl::Status status_;
  // Shared with the thread, which may outlive a Worker that its own step destroys.
  std::shared_ptr<Shared> shared_;
};

}  // namespace weir::internal

#endif  // WEIR_BASE_WORKER_H_
