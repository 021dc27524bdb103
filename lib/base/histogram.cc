#include "base/histogram.h"

#include <algorithm>
#include <cmath>

namespace weir::internal {

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

uint64_t Histogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  const double share = std::clamp(percent, 0.0, 100.0) / 100;
  const uint64_t rank =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_))));
  if (rank >= count_) return max_;

  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(MiddleOf(i), max_);
  }
  return max_;
}

uint64_t Histogram::CountUpTo(uint64_t value) const {
  const size_t last = BucketOf(value);
  uint64_t count = 0;
  for (size_t i = 0; i <= last; ++i) count += buckets_[i];
  return count;
}

uint64_t Histogram::MiddleOf(size_t bucket) {
  if (bucket < kLinear) return bucket;
  const size_t shift = bucket / (kLinear / 2) - 1;
  const uint64_t low = (bucket - shift * (kLinear / 2)) << shift;
  return low + (uint64_t{1} << shift) / 2;
}

}  // namespace weir::internal
