#include "tool/latencies.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace weir::tool {
namespace {

// Every power of two is cut into so many buckets of one width; numbers below it have their own.
constexpr uint64_t kBucketsPerPower = 128;
constexpr int kBits = std::bit_width(kBucketsPerPower);  // 8

size_t BucketOf(uint64_t nanos) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(nanos)) - kBits);
  return static_cast<size_t>(shift) * kBucketsPerPower + static_cast<size_t>(nanos >> shift);
}

uint64_t LargestOf(size_t bucket) {
  if (bucket < 2 * kBucketsPerPower) return bucket;
  const size_t shift = bucket / kBucketsPerPower - 1;
  const uint64_t mantissa = bucket - shift * kBucketsPerPower;
  return ((mantissa + 1) << shift) - 1;
}

}  // namespace

Latencies::Latencies() : counts_(BucketOf(UINT64_MAX) + 1) {}

void Latencies::Add(uint64_t nanos) {
  ++counts_[BucketOf(nanos)];
  ++count_;
  max_ = std::max(max_, nanos);
}

uint64_t Latencies::Quantile(double share) const {
  if (count_ == 0) return 0;
  const auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted && seen > 0) return std::min(LargestOf(bucket), max_);
  }
  return max_;
}

}  // namespace weir::tool
