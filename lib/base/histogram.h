// How often which value was seen: a log-linear histogram of 64-bit values.
//
//   Histogram nanos;
//   nanos.Record(elapsed);
//   printf("p99 %lu\n", nanos.Percentile(99));
//
// Values below 256 have a bucket each. Above, every power of two is cut into 128 buckets of equal
// width; a bucket answers with its middle, so what Percentile() gives is at most 0.4 % off.
//
// Recording is one increment of a plain counter: no clock, no lock, no allocation. One thread
// writes at a time; who wants the sum of many threads gives each its own and merges them.

#ifndef WEIR_BASE_HISTOGRAM_H_
#define WEIR_BASE_HISTOGRAM_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace weir::internal {

// 58 KiB: not for the stacks of small threads. Only buckets that are hit cost cache.
class Histogram final {
 public:
  void Record(uint64_t value) {
    ++buckets_[BucketOf(value)];
    ++count_;
    sum_ += static_cast<double>(value);
    if (value > max_) max_ = value;
  }

  // Afterwards this is as if everything recorded in `other` had been recorded here too.
  void Merge(const Histogram& other);

  // The smallest value that at least `percent` (0 to 100) of all values do not exceed; never above
  // Max(), which is exact. 0 if nothing was recorded.
  uint64_t Percentile(double percent) const;

  // How many values were at most `value`. Exact below 256; above, all of the bucket that `value`
  // falls into count.
  uint64_t CountUpTo(uint64_t value) const;

  uint64_t Count() const { return count_; }
  uint64_t Max() const { return max_; }
  // 0 if nothing was recorded.
  double Mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

 private:
  friend class SharedHistogram;

  static constexpr int kPrecisionBits = 7;
  static constexpr uint64_t kLinear = uint64_t{1} << (kPrecisionBits + 1);
  static constexpr size_t kBuckets = kLinear + (64 - (kPrecisionBits + 1)) * (kLinear / 2);

  // The leading bit selects the power of two, the kPrecisionBits behind it the bucket in it. The
  // leading bit of `value >> shift` is always set, hence the sum runs on without a gap.
  static size_t BucketOf(uint64_t value) {
    if (value < kLinear) return value;
    const int shift = 64 - std::countl_zero(value) - (kPrecisionBits + 1);
    return static_cast<size_t>(shift) * (kLinear / 2) + (value >> shift);
  }
  static uint64_t MiddleOf(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_ = {};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
  double sum_ = 0;  // a double cannot overflow, and Mean() needs no more digits
};

}  // namespace weir::internal

#endif  // WEIR_BASE_HISTOGRAM_H_
