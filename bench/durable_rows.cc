// Rows: durable appends, against what the disk gives a loop of write and sync.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "kernels.h"
#include "references.h"
#include "row.h"

namespace weir::bench {
namespace {

constexpr absl::Duration kTurn = absl::Milliseconds(600);

// Appends per second of `producers` threads that each wait for the disk. The threads are started
// and warm before the count begins.
double RateOfBlockedProducers(BenchStore& store, Topic topic, int producers,
                              absl::Duration duration, Histogram* nanos) {
  struct alignas(64) Producer {
    std::atomic<uint64_t> count = 0;
    Histogram nanos;
  };
  std::vector<std::unique_ptr<Producer>> states;
  std::vector<std::thread> threads;
  std::atomic<bool> is_over = false;
  for (int i = 0; i < producers; ++i) {
    states.push_back(std::make_unique<Producer>());
    threads.emplace_back([&store, topic, &is_over, state = states.back().get()] {
      StoreAppend append(store.get(), topic, 0, Bodies(64, 128), Durability::kDisk);
      while (!is_over.load(std::memory_order_relaxed)) {
        TimeEach(append, 1, &state->nanos);
        state->count.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  const auto sum = [&states] {
    uint64_t count = 0;
    for (const auto& state : states) count += state->count.load(std::memory_order_relaxed);
    return static_cast<double>(count);
  };
  absl::SleepFor(absl::Milliseconds(50));
  const double count_before = sum();
  const int64_t start = NowNanos();
  absl::SleepFor(duration);
  const double count = sum() - count_before;
  const double seconds = static_cast<double>(NowNanos() - start) / 1e9;

  is_over = true;
  for (std::thread& thread : threads) thread.join();
  for (const auto& state : states) nanos->Merge(state->nanos);
  return count / seconds;
}

// Appends per second with `in_flight_max` that wait for the disk at any time, from one thread.
double RateOfAsync(BenchStore& store, Topic topic, uint32_t in_flight_max,
                   absl::Duration duration) {
  std::atomic<uint32_t> in_flight = 0;
  std::atomic<uint64_t> done = 0;
  Bodies bodies(64, 128);
  Message message{.topic = topic, .queue_id = 0};
  const AppendOptions options{.durability = Durability::kDisk};
  const auto on_done = [&](const absl::Status& status) {
    Must("asynchronous append", status);
    done.fetch_add(1, std::memory_order_relaxed);
    if (in_flight.fetch_sub(1) == in_flight_max) in_flight.notify_one();
  };

  const int64_t start = NowNanos();
  const int64_t end = start + absl::ToInt64Nanoseconds(duration);
  while (NowNanos() < end) {
    in_flight.wait(in_flight_max);
    if (in_flight.load() == in_flight_max) continue;
    ++in_flight;
    message.body = bodies.Next();
    // One reference: std::function keeps it without allocating.
    Must("append", store->AppendAsync(message, options,
                                      [&on_done](const absl::Status& status, const Receipt&) {
                                        on_done(status);
                                      }));
  }
  const double seconds = static_cast<double>(NowNanos() - start) / 1e9;
  const double count = static_cast<double>(done.load());
  while (in_flight.load() > 0) absl::SleepFor(absl::Milliseconds(1));
  return count / seconds;
}

// Store and ref_sync in turns; acks per sync and both rates go into the note.
template <typename StoreRate>
Measurement AgainstSync(Run& run, absl::string_view name, StoreRate store_rate) {
  RefSync sync(run.workspace->NewPath());
  BenchStore store(*run.workspace);
  const Topic topic = Must("topic", store->CreateTopic(name, 1));
  const absl::Duration turn = run.Length(kTurn);
  auto sync_nanos = std::make_unique<Histogram>();
  auto nanos = std::make_unique<Histogram>();
  store_rate(store, topic, turn, nanos.get());  // to warm up
  *nanos = Histogram();

  const StoreStats before = store->Stats();
  std::vector<double> sync_rates;
  std::vector<double> rates;
  const double ratio = MedianRatio(
      run.Rounds(7), [&] { return sync_rates.emplace_back(RateFor(sync, turn, sync_nanos.get())); },
      [&] {
        rates.push_back(store_rate(store, topic, turn, nanos.get()));
        store.Settle();
        return rates.back();
      });
  const StoreStats after = store->Stats();
  Measurement measurement{.value = ratio, .reference = Percentiles(*sync_nanos)};
  if (nanos->Count() > 0) measurement.store = Percentiles(*nanos);
  measurement.note = absl::StrFormat(
      "%.0f/s against %.0f/s; %.1f appends per sync", Median(rates), Median(sync_rates),
      static_cast<double>(after.appends - before.appends) /
          static_cast<double>(std::max<uint64_t>(1, after.syncs - before.syncs)));
  return measurement;
}

Measurement OneThread(Run& run) {
  return AgainstSync(
      run, "one", [](BenchStore& store, Topic topic, absl::Duration turn, Histogram* nanos) {
        StoreAppend append(store.get(), topic, 0, Bodies(64, 128), Durability::kDisk);
        return RateFor(append, turn, nanos);
      });
}

Measurement BlockedThreads(Run& run) {
  return AgainstSync(run, "blocked",
                     [](BenchStore& store, Topic topic, absl::Duration turn, Histogram* nanos) {
                       return RateOfBlockedProducers(store, topic, 64, turn, nanos);
                     });
}

Measurement InFlight(Run& run) {
  return AgainstSync(run, "async",
                     [](BenchStore& store, Topic topic, absl::Duration turn, Histogram*) {
                       return RateOfAsync(store, topic, 1'024, turn);
                     });
}

}  // namespace

std::vector<Row> DurableRows() {
  using Bar = Row::Bar;
  return {
      {"durable appends, 1 thread: rate / ref_sync", Bar::kAtLeast, 0.9, 0.99, OneThread},
      {"durable appends, 64 blocked threads on 2 cores: rate / ref_sync", Bar::kAtLeast, 12, 40,
       BlockedThreads},
      {"durable appends, 1,024 in flight by AppendAsync: rate / ref_sync", Bar::kAtLeast, 300, 900,
       InFlight},
  };
}

}  // namespace weir::bench
