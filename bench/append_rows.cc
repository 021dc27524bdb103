// Rows: what an append costs its caller.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "append_cost.h"
#include "kernels.h"
#include "references.h"
#include "row.h"

namespace weir::bench {
namespace {

constexpr double kMiB = 1 << 20;

// One burst of appends. It fits the default front with room to spare, so that no append meets
// back-pressure; the store settles before the next one.
constexpr double kBurstBytes = 12 * kMiB;

size_t BurstCount(const StoreAppend& append) {
  return static_cast<size_t>(kBurstBytes / append.MeanRecordBytes());
}

// More than a segment: files, indexes and pools are as they are for the rest of a store's life.
void WarmUp(BenchStore& store, StoreAppend& append) {
  for (int i = 0; i < 12; ++i) {
    TimeAll(append, BurstCount(append));
    store.Settle();
  }
}

Measurement SmallAppend(Run& run) {
  BenchStore store(*run.workspace);
  const Topic topic = Must("topic", store->CreateTopic("append", 1));
  const Bodies bodies(64, 128);
  StoreAppend append(store.get(), topic, 0, bodies);
  RefAppend reference(bodies);
  WarmUp(store, append);

  const size_t count = BurstCount(append);
  return CompareCalls(
      run.Rounds(15), 50, [&](Histogram* nanos) { TimeEach(reference, count, nanos); },
      [&](Histogram* nanos) {
        TimeEach(append, count, nanos);
        store.Settle();
      });
}

Measurement PacedAppend(Run& run) {
  BenchStore store(*run.workspace);
  const Topic topic = Must("topic", store->CreateTopic("paced", 1));
  const Bodies bodies(64, 128);
  StoreAppend append(store.get(), topic, 0, bodies);
  RefAppend reference(bodies);
  // The drain rate is what a producer gets that always finds the front full.
  auto unpaced = std::make_unique<Histogram>();
  RateFor(append, run.Length(absl::Seconds(2)), unpaced.get());
  const double drain = RateFor(append, run.Length(absl::Seconds(3)), unpaced.get());
  store.Settle();

  const absl::Duration turn = run.Length(absl::Milliseconds(2'200));
  const size_t segments_before = store->Info().segments.size();
  auto responses = std::make_unique<Histogram>();
  auto reference_responses = std::make_unique<Histogram>();
  Measurement measurement = CompareCalls(
      5, 99.9,
      [&](Histogram* nanos) { Pace(reference, drain / 2, turn, nanos, reference_responses.get()); },
      [&](Histogram* nanos) {
        Pace(append, drain / 2, turn, nanos, responses.get());
        store.Settle();
      });
  const size_t rolls = store->Info().segments.size() - segments_before;
  const Percentiles response(*responses);
  const Percentiles reference_response(*reference_responses);
  measurement.note = absl::StrFormat(
      "%.0f appends/s for %.1f s, %d segment rolls; response from the intended start "
      "p50/p99/p99.9: %.0f/%.0f/%.0f ns, ref_append %.0f/%.0f/%.0f ns",
      drain / 2, 5 * absl::ToDoubleSeconds(turn), rolls, response.p50, response.p99, response.p999,
      reference_response.p50, reference_response.p99, reference_response.p999);
  if (rolls < 3) measurement.invalid = "fewer than 3 segment rolls";
  if (5 * turn < absl::Seconds(10)) measurement.invalid = "less than 10 s";
  return measurement;
}

Measurement CostOfAppend(Run& run) {
  const AppendCost cost = MeasureAppendCost(run.workspace->NewPath());
  if (!cost.failure.empty()) Fail("append cost", absl::InternalError(cost.failure));
  const uint64_t beyond_wakes =
      cost.system_calls > cost.wakes_max ? cost.system_calls - cost.wakes_max : 0;
  const uint64_t sum = cost.allocations + cost.page_faults + beyond_wakes;
  return {.value = static_cast<double>(sum) / static_cast<double>(cost.appends),
          .note = absl::StrFormat(
              "%d appends: %s system calls (wakes allowed: %d), %d page faults, "
              "%d allocations, %d waits, %d stalls",
              cost.appends,
              cost.untraced.empty() ? absl::StrCat(cost.system_calls)
                                    : absl::StrCat("UNCOUNTED (", cost.untraced, ")"),
              cost.wakes_max, cost.page_faults, cost.allocations, cost.context_switches,
              cost.front_stalls),
          .invalid = !cost.untraced.empty()   ? "system calls could not be counted"
                     : cost.front_stalls != 0 ? "the front was full: no steady state"
                                              : ""};
}

Measurement Bandwidth(Run& run) {
  BenchStore store(*run.workspace);
  const Topic topic = Must("topic", store->CreateTopic("bandwidth", 1));
  Measurement worst{.value = 1e9};
  for (size_t kib : {1u, 4u, 16u, 64u}) {
    const size_t bytes = kib << 10;
    const Bodies bodies(bytes, bytes);
    StoreAppend append(store.get(), topic, 0, bodies);
    RefCopy copy(bodies);
    WarmUp(store, append);
    const size_t count = BurstCount(append);
    std::vector<double> bandwidths;
    const double ratio = MedianRatio(
        run.Rounds(9), [&] { return 1 / TimeAll(copy, count); },
        [&] {
          const double nanos = TimeAll(append, count);
          bandwidths.push_back(static_cast<double>(bytes) / nanos);
          store.Settle();
          return 1 / nanos;
        });
    worst.value = std::min(worst.value, ratio);
    absl::StrAppendFormat(&worst.note, "%s%d KiB: %.2f (%.1f GB/s)", worst.note.empty() ? "" : ", ",
                          kib, ratio, Median(bandwidths));
  }
  return worst;
}

// Appends per second of all threads together, each on its own queue, over one burst.
double RateOfProducers(BenchStore& store, Topic topic, int producers, size_t count) {
  std::atomic<int> ready = 0;
  std::atomic<bool> is_started = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < producers; ++i) {
    threads.emplace_back([&, i] {
      StoreAppend append(store.get(), topic, static_cast<uint32_t>(i), Bodies(64, 128));
      ++ready;
      ready.notify_one();
      is_started.wait(false);
      TimeAll(append, count / static_cast<size_t>(producers));
    });
  }
  for (int now = ready; now < producers; now = ready) ready.wait(now);
  const int64_t start = NowNanos();
  is_started = true;
  is_started.notify_all();
  for (std::thread& thread : threads) thread.join();
  const double nanos = static_cast<double>(NowNanos() - start);
  store.Settle();
  return static_cast<double>(count) * 1e9 / nanos;
}

Measurement FourProducers(Run& run) {
  StoreOptions options = OptionsFor(run.workspace->NewPath());
  // Longer bursts, so that waking four threads does not count.
  options.front_bytes = uint64_t{128} << 20;
  BenchStore store(options);
  const Topic topic = Must("topic", store->CreateTopic("producers", 4));
  StoreAppend append(store.get(), topic, 0, Bodies(64, 128));
  WarmUp(store, append);

  const size_t count = 5 * BurstCount(append);
  // A burst is as long as a segment. If the disk has not prepared the next one by then, the burst
  // measures the disk; it is done again, up to a limit.
  constexpr int kAgainMax = 30;
  int again = 0;
  const auto rate = [&](int producers) {
    for (;;) {
      const uint64_t before = store->Stats().stalls_segment;
      const double measured = RateOfProducers(store, topic, producers, count);
      if (store->Stats().stalls_segment == before || again == kAgainMax) return measured;
      ++again;
    }
  };
  std::vector<double> alone;
  std::vector<double> together;
  const double ratio = MedianRatio(
      run.Rounds(9), [&] { return alone.emplace_back(rate(1)); },
      [&] { return together.emplace_back(rate(4)); });
  return {.value = ratio,
          .note = absl::StrFormat("one: %.2f M/s, four: %.2f M/s; %d bursts done again because the "
                                  "disk had no segment ready",
                                  Median(alone) / 1e6, Median(together) / 1e6, again),
          .invalid = again == kAgainMax ? "the disk prepares segments too slowly" : ""};
}

Measurement BlockedReader(Run& run) {
  BenchStore store(*run.workspace);
  const Topic topic = Must("topic", store->CreateTopic("reader", 2));
  StoreAppend append(store.get(), topic, 0, Bodies(64, 128));
  StoreAppend wake(store.get(), topic, 1, Bodies(64, 64));
  WarmUp(store, append);
  const size_t count = BurstCount(append);
  QueueOffset next;

  const uint64_t rings_before = store->Stats().doorbell_rings;
  Measurement measurement = CompareCalls(
      run.Rounds(15), 50,
      [&](Histogram* nanos) {
        TimeEach(append, count, nanos);
        store.Settle();
      },
      [&](Histogram* nanos) {
        std::thread reader([&] {
          const ReadResult result =
              Must("read", store->Read(topic, 1, next, {.wait = absl::Seconds(60)}));
          next = result.next_offset();
        });
        absl::SleepFor(absl::Milliseconds(20));  // until it sleeps
        TimeEach(append, count, nanos);
        wake();
        reader.join();
        store.Settle();
      });
  measurement.note = absl::StrFormat("%d wakes of the reader in %d turns",
                                     store->Stats().doorbell_rings - rings_before, run.Rounds(15));
  return measurement;
}

}  // namespace

std::vector<Row> AppendRows() {
  using Bar = Row::Bar;
  return {
      {"append 64-128 B, one producer, checksum on: p50 / ref_append p50", Bar::kAtMost, 2.5, 1.6,
       SmallAppend},
      {"the same, paced at half the drain rate, >= 10 s, >= 3 rolls: p99.9 / ref_append's",
       Bar::kAtMost, 2, 1.1, PacedAppend},
      {"system calls, page faults, heap allocations per append in steady state", Bar::kAtMost, 0, 0,
       CostOfAppend},
      {"append throughput >= 1 KiB / memcpy bandwidth (front not full)", Bar::kAtLeast, 0.7, 0.95,
       Bandwidth},
      {"4 producers on 2 cores / one producer: rate", Bar::kAtLeast, 0.7, 1.0, FourProducers},
      {"append with a reader blocked on another queue / without: p50", Bar::kAtMost, 1.1, 1.02,
       BlockedReader},
  };
}

}  // namespace weir::bench
