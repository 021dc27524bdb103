#include "base/histogram.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace weir::internal {
namespace {

double RelativeError(uint64_t measured, uint64_t exact) {
  if (measured == exact) return 0;
  return std::abs(static_cast<double>(measured) - static_cast<double>(exact)) /
         static_cast<double>(exact);
}

TEST_CASE("an empty histogram answers zero to everything") {
  const Histogram histogram;

  CHECK(histogram.Count() == 0);
  CHECK(histogram.Max() == 0);
  CHECK(histogram.Mean() == 0);
  CHECK(histogram.Percentile(0) == 0);
  CHECK(histogram.Percentile(50) == 0);
  CHECK(histogram.Percentile(100) == 0);
}

TEST_CASE("a single value is every percentile") {
  const std::vector<uint64_t> values = {
      0, 1, 255, 256, 257, 1'000'003, uint64_t{1} << 63, std::numeric_limits<uint64_t>::max()};
  for (uint64_t value : values) {
    Histogram histogram;

    histogram.Record(value);

    for (double percent : {0.0, 0.1, 50.0, 99.9, 100.0}) {
      CHECK(histogram.Percentile(percent) == value);
    }
    CHECK(histogram.Max() == value);
    CHECK(histogram.Count() == 1);
  }
}

TEST_CASE("values below 256 are exact") {
  Histogram histogram;
  for (uint64_t value = 0; value < 256; ++value) histogram.Record(value);

  // The k-th smallest of 256 values is asked for by its rank; 1/512 stands between two ranks.
  for (uint64_t value = 0; value < 256; ++value) {
    const double percent = 100 * (static_cast<double>(value) + 0.5) / 256;
    CHECK(histogram.Percentile(percent) == value);
  }
  CHECK(histogram.Mean() == 127.5);
}

TEST_CASE("on and beside every power of two the error stays below one percent") {
  for (int shift = 0; shift < 64; ++shift) {
    const uint64_t power = uint64_t{1} << shift;
    for (uint64_t value : {power - 1, power, power + 1, power + power / 3, power + (power - 1)}) {
      if (value == 0) continue;
      Histogram histogram;
      histogram.Record(value);
      // A larger one, so that the answer is a bucket's middle and not Max().
      histogram.Record(std::numeric_limits<uint64_t>::max());

      const uint64_t median = histogram.Percentile(50);

      INFO("value " << value << " median " << median);
      CHECK(RelativeError(median, value) <= 0.01);
    }
  }
}

TEST_CASE("percentiles of random values are those of the sorted values within one percent") {
  std::mt19937_64 random(4711);
  Histogram histogram;
  std::vector<uint64_t> values;
  for (int i = 0; i < 100'000; ++i) {
    // Log-uniform: all magnitudes are equally likely.
    const uint64_t value = random() >> (random() % 64);
    values.push_back(value);
    histogram.Record(value);
  }
  std::sort(values.begin(), values.end());

  for (double percent : {0.01, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
    const size_t rank = static_cast<size_t>(std::ceil(percent / 100 * 100'000));
    const uint64_t exact = values[rank - 1];
    INFO("percent " << percent);
    CHECK(RelativeError(histogram.Percentile(percent), exact) <= 0.01);
  }
  CHECK(histogram.Percentile(100) == values.back());
  CHECK(histogram.Max() == values.back());
}

TEST_CASE("percentiles never fall as the percentage grows, and never exceed the maximum") {
  std::mt19937_64 random(815);
  Histogram histogram;
  for (int i = 0; i < 1'000; ++i) histogram.Record(random() % 1'000'000);

  uint64_t previous = 0;
  for (int step = 0; step <= 1'000; ++step) {
    const uint64_t value = histogram.Percentile(static_cast<double>(step) / 10);
    REQUIRE(value >= previous);
    REQUIRE(value <= histogram.Max());
    previous = value;
  }
}

TEST_CASE("the count up to a value is that of all values not above it") {
  Histogram histogram;
  for (uint64_t value : {0u, 7u, 7u, 255u, 1'000u, 1'000'000u}) histogram.Record(value);

  CHECK(histogram.CountUpTo(0) == 1);
  CHECK(histogram.CountUpTo(6) == 1);
  CHECK(histogram.CountUpTo(7) == 3);
  CHECK(histogram.CountUpTo(254) == 3);
  CHECK(histogram.CountUpTo(255) == 4);
  CHECK(histogram.CountUpTo(990) == 4);
  CHECK(histogram.CountUpTo(1'000) == 5);
  CHECK(histogram.CountUpTo(std::numeric_limits<uint64_t>::max()) == 6);
}

TEST_CASE("percentages outside of 0 to 100 are taken as the nearest of them") {
  Histogram histogram;
  histogram.Record(3);
  histogram.Record(5);

  CHECK(histogram.Percentile(-1) == 3);
  CHECK(histogram.Percentile(101) == 5);
}

TEST_CASE("merging is the same as recording everything in one") {
  std::mt19937_64 random(42);
  Histogram all;
  Histogram even;
  Histogram odd;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t value = random() >> (random() % 50);
    all.Record(value);
    (i % 2 == 0 ? even : odd).Record(value);
  }

  even.Merge(odd);

  CHECK(even.Count() == all.Count());
  CHECK(even.Max() == all.Max());
  CHECK(even.Mean() == Approx(all.Mean()));
  for (double percent : {1.0, 50.0, 99.0, 99.9}) {
    CHECK(even.Percentile(percent) == all.Percentile(percent));
  }
}

TEST_CASE("merging with an empty histogram changes nothing") {
  Histogram histogram;
  histogram.Record(1'000);

  histogram.Merge(Histogram());

  CHECK(histogram.Count() == 1);
  CHECK(histogram.Max() == 1'000);
  CHECK(histogram.Percentile(50) == 1'000);
}

TEST_CASE("the mean of values that would overflow a 64-bit sum is right") {
  Histogram histogram;
  const uint64_t value = uint64_t{3} << 62;

  for (int i = 0; i < 8; ++i) histogram.Record(value);

  CHECK(histogram.Mean() == Approx(static_cast<double>(value)));
}

}  // namespace
}  // namespace weir::internal
