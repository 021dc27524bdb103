// Claims that the host holds open: who waits is told of them, and who holds one must not wait.

#ifndef WEIR_LOG_HELD_CLAIMS_H_
#define WEIR_LOG_HELD_CLAIMS_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "weir/message.h"

namespace weir::internal {

// All functions may be called from any thread.
class HeldClaims {
 public:
  // The calling thread holds a claim since `now`.
  void Add(LogPosition position, int64_t now) {
    MutexLock lock(mutex_);
    claims_.emplace(position, Held{now, ThisThread()});
    any_.store(true, std::memory_order_release);
  }

  // A claim that was moved is held by whoever uses it.
  void Own(LogPosition position) {
    MutexLock lock(mutex_);
    const auto found = claims_.find(position);
    if (found != claims_.end()) found->second.thread = ThisThread();
  }

  void Remove(LogPosition position) {
    MutexLock lock(mutex_);
    claims_.erase(position);
    any_.store(!claims_.empty(), std::memory_order_release);
  }

  bool HeldByThisThread() const {
    if (!any_.load(std::memory_order_acquire)) return false;
    MutexLock lock(mutex_);
    return std::any_of(claims_.begin(), claims_.end(),
                       [](const auto& claim) { return claim.second.thread == ThisThread(); });
  }

  // The claim with the lowest position, and since when it is held.
  std::optional<std::pair<LogPosition, int64_t>> Lowest() const {
    MutexLock lock(mutex_);
    if (claims_.empty()) return std::nullopt;
    return std::pair(claims_.begin()->first, claims_.begin()->second.since);
  }

 private:
  struct Held {
    int64_t since;
    const void* thread;
  };

  // An address that no other living thread has.
  static const void* ThisThread() {
    thread_local const char place = 0;
    return &place;
  }

  mutable Mutex mutex_;
  std::map<LogPosition, Held> claims_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> any_{false};
};

}  // namespace weir::internal

#endif  // WEIR_LOG_HELD_CLAIMS_H_
