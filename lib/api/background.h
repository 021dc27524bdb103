// All jobs of a store in one table: name, step, worker.

#ifndef WEIR_API_BACKGROUND_H_
#define WEIR_API_BACKGROUND_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/worker.h"
#include "log/commit_log.h"

namespace weir::internal {

struct Job {
  std::string name;
  std::function<absl::Duration()> step;
  std::unique_ptr<Worker> worker;  // null with Background::kManual
};

class Background {
 public:
  // The jobs of the log, and `more` behind them. Nothing runs before Start().
  Background(CommitLog* log, std::vector<Job> more);
  ~Background() { Stop(); }

  // Gives each job a worker. kUnavailable if the system refuses a thread.
  absl::Status Start(int core);
  void Stop();

  // Each step once. Returns how long there is nothing to do.
  absl::Duration RunOnce();

 private:
  CommitLog* const log_;
  std::vector<Job> jobs_;
  std::atomic<bool> started_{false};
};

}  // namespace weir::internal

#endif  // WEIR_API_BACKGROUND_H_
