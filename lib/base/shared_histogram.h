// A histogram that many threads write and anybody reads, stopping nobody.

#ifndef WEIR_BASE_SHARED_HISTOGRAM_H_
#define WEIR_BASE_SHARED_HISTOGRAM_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/histogram.h"

namespace weir::internal {

// For what happens some thousand times a second, not for every append: a record is three atomic
// increments.
class SharedHistogram final {
 public:
  void Record(uint64_t value) {
    buckets_[Histogram::BucketOf(value)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
    uint64_t max = max_.load(std::memory_order_relaxed);
    while (max < value && !max_.compare_exchange_weak(max, value, std::memory_order_relaxed)) {
    }
  }

  // What was recorded so far. What is recorded meanwhile may be in it in part.
  Histogram Snapshot() const;

 private:
  // Not inside of what counts: several make an object so large that allocators map it anew each
  // time.
  const std::unique_ptr<std::atomic<uint64_t>[]> buckets_ =
      std::make_unique<std::atomic<uint64_t>[]>(Histogram::kBuckets);
  std::atomic<uint64_t> sum_{0};
  std::atomic<uint64_t> max_{0};
};

}  // namespace weir::internal

#endif  // WEIR_BASE_SHARED_HISTOGRAM_H_
