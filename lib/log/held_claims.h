// Claims that the host holds open: who waits is told of them, and who holds one must not wait.

#ifndef WEIR_LOG_HELD_CLAIMS_H_
#define WEIR_LOG_HELD_CLAIMS_H_

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
  void Add(LogPosition position, int64_t now) {
    ++OfThisThread()[this];
    MutexLock lock(mutex_);
    since_.emplace(position, now);
  }

  // A claim may be given back by another thread than the one that took it; then the count of the
  // first stays too high until that thread ends, which refuses a wait but never lets one hang.
  void Remove(LogPosition position) {
    auto& mine = OfThisThread();
    if (const auto found = mine.find(this); found != mine.end() && --found->second <= 0) {
      mine.erase(found);
    }
    MutexLock lock(mutex_);
    since_.erase(position);
  }

  bool HeldByThisThread() const {
    const auto& mine = OfThisThread();
    return !mine.empty() && mine.find(this) != mine.end();
  }

  // The claim with the lowest position, and since when it is held.
  std::optional<std::pair<LogPosition, int64_t>> Lowest() const {
    MutexLock lock(mutex_);
    if (since_.empty()) return std::nullopt;
    return *since_.begin();
  }

 private:
  static std::map<const HeldClaims*, int>& OfThisThread() {
    thread_local std::map<const HeldClaims*, int> held;
    return held;
  }

  mutable Mutex mutex_;
  std::map<LogPosition, int64_t> since_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::internal

#endif  // WEIR_LOG_HELD_CLAIMS_H_
