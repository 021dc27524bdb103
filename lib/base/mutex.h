// Annotated locks: std::mutex and std::condition_variable as clang's thread-safety analysis sees
// them, with a short spin before a thread sleeps.
//
// Not absl::Mutex: Debian builds it without TSAN's hooks, which drowns TSAN in false reports.

#ifndef WEIR_BASE_MUTEX_H_
#define WEIR_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "base/fork_generation.h"
#include "base/schedule.h"

namespace weir::internal {

// Tells the processor that this is a spin loop.
inline void SpinPause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    MayYield();
    // Critical sections are tens of nanoseconds long where speed matters: a holder that runs is
    // gone before a sleeper would have been put to sleep.
    for (int i = 0; i < kSpins; ++i) {
      if (mutex_.try_lock()) return;
      SpinPause();
    }
    mutex_.lock();
  }
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    MayYield();
    return mutex_.try_lock();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    mutex_.unlock();
    MayYield();
  }

 private:
  friend class CondVar;
#ifdef WEIR_SCHEDULES
  // The thread sanitizer looks at the order of locks only where a thread asks to wait for one.
  static constexpr int kSpins = 0;
#else
  static constexpr int kSpins = 64;
#endif
  std::mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

class CondVar {
 public:
  CondVar() = default;
  // In a forked child the threads that waited are not there, and destroying what they waited for
  // would wait for them for ever: it is left to the end of the process.
  ~CondVar() {
    if (ForkGeneration() != generation_) static_cast<void>(condition_.release());
  }
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_->wait(lock);
    lock.release();
  }
  // Returns after at most `nanos`, possibly earlier.
  void WaitFor(Mutex& mutex, int64_t nanos) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_->wait_for(lock, std::chrono::nanoseconds(nanos));
    lock.release();
  }
  void NotifyAll() { condition_->notify_all(); }

 private:
  std::unique_ptr<std::condition_variable> condition_ = std::make_unique<std::condition_variable>();
  const uint32_t generation_ = ForkGeneration();
};

}  // namespace weir::internal

#endif  // WEIR_BASE_MUTEX_H_
