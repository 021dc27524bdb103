#include "row.h"

#include <algorithm>

namespace weir::bench {

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

namespace {

// By how many nanoseconds the clock steps. Differences of readings then come in clusters one step
// apart, and no cluster is wider than what rounding to nanoseconds makes of it. 1: a fine clock.
uint64_t ClockStepNanos() {
  constexpr uint64_t kReadings = 100'000;
  internal::Histogram differences;
  int64_t last = NowNanos();
  for (uint64_t i = 0; i < kReadings; ++i) {
    const int64_t now = NowNanos();
    differences.Record(static_cast<uint64_t>(now - last));
    last = now;
  }
  uint64_t clusters = 0;
  uint64_t first = 0;   // value of the first cluster
  uint64_t newest = 0;  // value of the newest one
  for (uint64_t value = 1; value < 256; ++value) {
    const uint64_t count = differences.CountUpTo(value) - differences.CountUpTo(value - 1);
    if (count < kReadings / 200) continue;
    if (clusters > 0 && value == newest + 1) continue;
    if (clusters > 0 && value == newest + 2) return 1;
    if (clusters++ == 0) first = value;
    newest = value;
  }
  return clusters > 1 ? (newest - first) / (clusters - 1) : 1;
}

}  // namespace

double PercentileNanos(const internal::Histogram& nanos, double percent) {
  static const uint64_t step = ClockStepNanos();
  const uint64_t value = nanos.Percentile(percent);
  // Above, the buckets of the histogram are wider than what could be gained.
  if (value < step || value >= 256 - step) return static_cast<double>(value);
  const uint64_t below = nanos.CountUpTo(value - step / 2 - 1);
  const uint64_t within = nanos.CountUpTo(value + step / 2) - below;
  const double rank = percent / 100 * static_cast<double>(nanos.Count());
  const double share = (rank - static_cast<double>(below)) / static_cast<double>(within);
  return static_cast<double>(value) + (share - 0.5) * static_cast<double>(step);
}

double MedianRatio(int turns, const std::function<double()>& reference,
                   const std::function<double()>& store) {
  std::vector<double> ratios;
  for (int i = 0; i < turns; ++i) {
    const double below = reference();
    ratios.push_back(store() / below);
  }
  return Median(std::move(ratios));
}

Measurement CompareCalls(int turns, double percent,
                         const std::function<void(internal::Histogram*)>& reference,
                         const std::function<void(internal::Histogram*)>& store) {
  auto all_reference = std::make_unique<internal::Histogram>();
  auto all_store = std::make_unique<internal::Histogram>();
  const auto take_turn = [percent](const auto& measure, internal::Histogram* all) {
    auto turn = std::make_unique<internal::Histogram>();
    measure(turn.get());
    all->Merge(*turn);
    return PercentileNanos(*turn, percent);
  };

  const double ratio = MedianRatio(
      turns, [&] { return take_turn(reference, all_reference.get()); },
      [&] { return take_turn(store, all_store.get()); });
  return {
      .value = ratio, .store = Percentiles(*all_store), .reference = Percentiles(*all_reference)};
}

}  // namespace weir::bench
