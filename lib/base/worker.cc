#include "base/worker.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/fork_generation.h"
#include "base/mutex.h"

namespace weir::internal {
namespace {

// Keeps deadlines far from overflow.
constexpr absl::Duration kRestMax = absl::Hours(24 * 365);
constexpr size_t kNameBytesMax = 15;

// Blocks asynchronous signals for as long as it lives. A thread inherits the mask of its creator,
// so there is no moment in which a signal of the host could land in a new one.
class SignalBlock {
 public:
  SignalBlock() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
      sigdelset(&blocked, fault);
    }
    pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  ~SignalBlock() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalBlock(const SignalBlock&) = delete;
  SignalBlock& operator=(const SignalBlock&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

struct Worker::Shared {
  explicit Shared(Step s) : step(std::move(s)) {}

  void Run() {
    while (true) {
      // Before the step: a notification that comes while it runs means another step.
      notified.exchange(false);
      if (stopping.load()) return;
      Rest(step());
    }
  }

  void Rest(absl::Duration rest) {
    if (rest <= absl::ZeroDuration()) return;
    const auto deadline =
        std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(std::min(rest, kRestMax));
    MutexLock lock(mutex);
    while (!notified.load()) {
      const std::chrono::nanoseconds left = deadline - std::chrono::steady_clock::now();
      if (left.count() <= 0) {
        if (rest <= kRestMax) return;
        condition.Wait(mutex);
      } else {
        condition.WaitFor(mutex, left.count());
      }
    }
  }

  void Notify() {
    // Only who turns the flag wakes the thread. The exchange also publishes what the caller did
    // before, and cannot be overtaken by it as a plain load could.
    if (notified.exchange(true)) return;
    // Taking the lock once makes sure that a thread which saw the flag down already sleeps.
    { MutexLock lock(mutex); }
    condition.NotifyAll();
  }

  const Step step;
  const uint32_t generation = ForkGeneration();
  std::atomic<bool> notified{false};
  std::atomic<bool> stopping{false};
  Mutex mutex;  // held between looking at `notified` and sleeping
  CondVar condition;
  std::thread thread;  // touched by the owner only
};

Worker::Worker(const std::string& name, Step step, int core)
    : shared_(std::make_shared<Shared>(std::move(step))) {
  const SignalBlock block;
  try {
    shared_->thread = std::thread([shared = shared_] { shared->Run(); });
  } catch (const std::system_error& error) {
    status_ = absl::UnavailableError(absl::StrCat("thread ", name, ": ", error.what()));
    return;
  }
  if (core >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    if (core < CPU_SETSIZE) CPU_SET(static_cast<size_t>(core), &cores);
    if (pthread_setaffinity_np(shared_->thread.native_handle(), sizeof cores, &cores) != 0) {
      status_ = absl::InvalidArgumentError(absl::StrCat("there is no core ", core, " to run on"));
    }
  }
  pthread_setname_np(shared_->thread.native_handle(), name.substr(0, kNameBytesMax).c_str());
}

Worker::~Worker() {
  if (IsForkedChild()) {
    // Leaked on purpose: joining a thread that was not copied would hang for ever.
    static_cast<void>(new std::shared_ptr<Shared>(std::move(shared_)));
    return;
  }
  Stop();
  if (shared_->thread.joinable()) shared_->thread.detach();
}

void Worker::Notify() {
  // The lock may have been held by another thread when the process forked.
  if (!IsForkedChild()) shared_->Notify();
}

void Worker::Stop() {
  if (IsForkedChild() || !shared_->thread.joinable()) return;
  shared_->stopping.store(true);
  shared_->Notify();
  if (shared_->thread.get_id() != std::this_thread::get_id()) shared_->thread.join();
}

bool Worker::IsForkedChild() const { return shared_->generation != ForkGeneration(); }

}  // namespace weir::internal
