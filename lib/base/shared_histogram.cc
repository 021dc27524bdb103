#include "base/shared_histogram.h"

namespace weir::internal {

Histogram SharedHistogram::Snapshot() const {
  Histogram copy;
  for (size_t i = 0; i < Histogram::kBuckets; ++i) {
    copy.buckets_[i] = buckets_[i].load(std::memory_order_relaxed);
    copy.count_ += copy.buckets_[i];
  }
  copy.sum_ = static_cast<double>(sum_.load(std::memory_order_relaxed));
  copy.max_ = max_.load(std::memory_order_relaxed);
  return copy;
}

}  // namespace weir::internal
