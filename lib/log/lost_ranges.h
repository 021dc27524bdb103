// Ranges of the log whose bytes are gone or wrong: known since the open or found by the steps.

#ifndef WEIR_LOG_LOST_RANGES_H_
#define WEIR_LOG_LOST_RANGES_H_

#include <atomic>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "base/status_macros.h"
#include "weir/message.h"

namespace weir::internal {

// All functions may be called from any thread.
class LostRanges {
 public:
  void Add(DamagedRange range) {
    HOLDS(range.begin <= range.end);
    HOLDS(!range.reason.empty());
    MutexLock lock(mutex_);
    ranges_.push_back(std::move(range));
    any_.store(true, std::memory_order_release);
  }

  // The first range that has a byte of [begin, end).
  std::optional<DamagedRange> Touching(LogPosition begin, LogPosition end) const {
    if (!any_.load(std::memory_order_acquire)) return std::nullopt;
    MutexLock lock(mutex_);
    for (const DamagedRange& range : ranges_) {
      if (range.begin < end && begin < range.end) return range;
    }
    return std::nullopt;
  }

 private:
  std::atomic<bool> any_{false};
  mutable Mutex mutex_;
  std::vector<DamagedRange> ranges_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::internal

#endif  // WEIR_LOG_LOST_RANGES_H_
