// A row of the table: what is measured, what it must be, and how to measure it.

#ifndef WEIR_BENCH_ROW_H_
#define WEIR_BENCH_ROW_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/histogram.h"
#include "workspace.h"

namespace weir::bench {

// What all rows share in one run.
struct Run {
  Workspace* workspace;
  bool is_quick = false;  // shorter, and noisier

  // How often reference and store take turns. The median of the ratios of all turns counts: what
  // else happens on the machine hits a few of them, or both sides alike.
  int Rounds(int full) const { return is_quick ? (full + 2) / 3 : full; }
  absl::Duration Length(absl::Duration full) const { return is_quick ? full / 4 : full; }
};

// A percentile finer than the clock. Time stamp counters may step by 10 ns, which is a third of a
// short call; but calls begin anywhere between two steps, so the shares of the steps on both sides
// tell where between them the percentile lies (the median of grouped data).
double PercentileNanos(const internal::Histogram& nanos, double percent);

struct Percentiles {
  explicit Percentiles(const internal::Histogram& nanos)
      : p50(PercentileNanos(nanos, 50)),
        p99(PercentileNanos(nanos, 99)),
        p999(PercentileNanos(nanos, 99.9)) {}

  double p50;
  double p99;
  double p999;
};

struct Measurement {
  double value = 0;
  // Where what a row must be is only known when it has been measured.
  std::optional<double> must = std::nullopt;
  // Nanoseconds of one call.
  std::optional<Percentiles> store = std::nullopt;
  std::optional<Percentiles> reference = std::nullopt;
  std::string note = {};
  // Why the value is not what the row promises to measure; then the row is not met.
  std::string invalid = {};
};

struct Row {
  enum class Bar { kAtMost, kAtLeast };

  std::string name;
  Bar bar;
  double must;
  double aim;
  std::function<Measurement(Run&)> measure;
  std::string unit = {};  // of must, aim and value; empty: a ratio

  bool IsMetBy(double value, double limit) const {
    return bar == Bar::kAtMost ? value <= limit : value >= limit;
  }
};

double Median(std::vector<double> values);

// Reference and store in turns: the median of store / reference.
double MedianRatio(int turns, const std::function<double()>& reference,
                   const std::function<double()>& store);

// The same for calls: each turn fills a histogram, and the ratio of the percentiles counts.
Measurement CompareCalls(int turns, double percent,
                         const std::function<void(internal::Histogram*)>& reference,
                         const std::function<void(internal::Histogram*)>& store);

// All rows, in the order of the table.
std::vector<Row> AppendRows();
std::vector<Row> DurableRows();
std::vector<Row> ReadRows();
std::vector<Row> FindRows();
std::vector<Row> RetentionRows();
std::vector<Row> StoreRows();

}  // namespace weir::bench

#endif  // WEIR_BENCH_ROW_H_
