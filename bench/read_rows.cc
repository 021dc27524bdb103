// Rows: what a consumer gets and when.

#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "absl/strings/str_format.h"
#include "hand_off.h"
#include "kernels.h"
#include "references.h"
#include "row.h"
#include "weir/filter.h"

namespace weir::bench {
namespace {

Measurement AppendToConsumer(Run& run) {
  BenchStore store(*run.workspace);
  const Topic topic = Must("topic", store->CreateTopic("handoff", 1));
  // Few in a turn: on a busy machine each takes the scheduler's time, not ours.
  constexpr size_t kCount = 3'000;
  std::string body(64, 'h');
  Message message{.topic = topic, .queue_id = 0};
  QueueOffset next;
  const ReadOptions options{
      .max_messages = 1, .wait = absl::Seconds(60), .spin = absl::Seconds(60)};

  const auto from_store = [&](Histogram* nanos) {
    HandOff(
        kCount, nanos,
        [&](size_t, int64_t now) {
          memcpy(body.data(), &now, sizeof(now));
          message.body = body;
          Must("append", store->Append(message));
        },
        [&](size_t) {
          const ReadResult result = Must("read", store->Read(topic, 0, next, options));
          if (result.size() != 1) Fail("read", absl::InternalError("not one message"));
          next = result.next_offset();
          int64_t made;
          memcpy(&made, result[0].body().data(), sizeof(made));
          return made;
        });
    store.Settle();
  };
  return CompareCalls(
      run.Rounds(15), 50, [](Histogram* nanos) { RefHandOff(kCount, nanos); }, from_store);
}

// Reads everything from the first offset on, block cache and front of default size, more bytes
// than the cache holds: most blocks are copied from the kernel's page cache as the reader goes.
Measurement SequentialRead(Run& run, size_t body_bytes) {
  BenchStore store(*run.workspace);
  const Topic topic = Must("topic", store->CreateTopic("sequential", 1));
  StoreAppend append(store.get(), topic, 0, Bodies(body_bytes, body_bytes));
  const size_t count =
      static_cast<size_t>(double{160 << 20} / append.MeanRecordBytes()) / (run.is_quick ? 2 : 1);
  TimeAll(append, count);
  store.Settle();
  const QueueOffset end(count);

  RefRead records;
  ReadQueue(store.get(), topic, 0, QueueOffset(), end, [&records](const MessageView& message) {
    records.Add(message.record(), message.record_bytes());
  });
  std::vector<double> rates;
  const auto rate_of_store = [&](QueueOffset last) {
    uint64_t sum = 0;
    const int64_t start = NowNanos();
    const uint64_t messages =
        ReadQueue(store.get(), topic, 0, QueueOffset(), last, [&sum](const MessageView& message) {
          sum += message.body().size() + static_cast<unsigned char>(message.body()[0]);
        });
    benchmark::DoNotOptimize(sum);
    return static_cast<double>(messages) * 1e9 / static_cast<double>(NowNanos() - start);
  };
  const auto rate_of_reference = [&] {
    const int64_t start = NowNanos();
    benchmark::DoNotOptimize(records.Walk());
    return static_cast<double>(records.count()) * 1e9 / static_cast<double>(NowNanos() - start);
  };

  const int turns = run.Rounds(9);
  const double ratio =
      MedianRatio(turns, rate_of_reference, [&] { return rates.emplace_back(rate_of_store(end)); });
  // The same from blocks that are in the store's cache.
  const QueueOffset cached_end(count / 8);
  rate_of_store(cached_end);
  const double cached_ratio =
      MedianRatio(turns, rate_of_reference, [&] { return rate_of_store(cached_end); });
  return {.value = ratio,
          .note = absl::StrFormat(
              "%.2f M/s, %.2f GB/s of bodies; from cached blocks: %.2f", Median(rates) / 1e6,
              Median(rates) * static_cast<double>(body_bytes) / 1e9, cached_ratio)};
}

Measurement ReadOne(Run& run) {
  StoreOptions options = OptionsFor(run.workspace->NewPath());
  options.front_bytes = uint64_t{4} << 20;
  BenchStore store(options);
  const Topic topic = Must("topic", store->CreateTopic("one", 1));
  StoreAppend append(store.get(), topic, 0, Bodies(128, 128));
  const size_t count = 150'000;
  TimeAll(append, count);
  store.Settle();

  // The first half: far below what the front still holds, and small enough for the cache.
  std::mt19937_64 random(3);
  std::vector<QueueOffset> offsets;
  for (size_t i = 0; i < count / 2; ++i) offsets.push_back(QueueOffset(random() % (count / 2)));
  StoreReadOne read(store.get(), topic, 0, std::move(offsets));
  TimeAll(read, count / 2);
  const StoreStats before = store->Stats();
  Histogram nanos;
  TimeEach(read, run.is_quick ? count / 2 : count, &nanos);
  const StoreStats after = store->Stats();
  return {.value = PercentileNanos(nanos, 50),
          .store = Percentiles(nanos),
          .note = absl::StrFormat("p50 at random offsets, clock read included; %d cache misses",
                                  after.cache_misses - before.cache_misses)};
}

// Messages of a store, as a consumer sees them: with a tag, a key and five properties, of which the
// filter wants the second, the fourth and the fifth. The last term decides, so all are looked at.
Measurement MatchFilter(Run& run) {
  BenchStore store(*run.workspace);
  const Topic topic = Must("topic", store->CreateTopic("filtered", 1));
  constexpr size_t kMessages = 4'096;
  std::mt19937_64 random(7);
  for (size_t i = 0; i < kMessages; ++i) {
    const PropertyValue sequence(i);
    const PropertyValue price(100.5 + static_cast<double>(random() % 1'000) / 4);
    const PropertyValue quantity(random() % 1'000);
    Must("append", store->Append({.topic = topic,
                                  .tag = "NEW",
                                  .keys = {"AAPL-1"},
                                  .properties = {{"sequence", sequence},
                                                 {"venue", "XNAS"},
                                                 {"desk", "equities"},
                                                 {"price", price},
                                                 {"quantity", quantity}},
                                  .body = "buy at market, and tell me what it was"}));
  }
  ReadResult result = Must("read", store->Read(topic, 0, QueueOffset(),
                                               {.max_messages = kMessages, .max_bytes = 64 << 20}));
  if (result.size() != kMessages) Fail("read", absl::InternalError("not all messages"));
  const Filter filter = Must("filter", Filter::Compile("venue = 'XNAS' AND price >= 100.5 AND "
                                                       "quantity < 500"));

  uint64_t matched = 0;
  const auto match_all = [&] {
    for (const MessageView& message : result) matched += filter.Matches(message) ? 1 : 0;
  };
  constexpr size_t kPasses = 50;
  std::vector<double> nanos;
  for (int turn = 0; turn < run.Rounds(15); ++turn) {
    nanos.push_back(TimeAll(match_all, kPasses) / kMessages);
  }
  const double looked_at = static_cast<double>(nanos.size() * kPasses * kMessages);
  return {.value = Median(nanos),
          .note = absl::StrFormat("%.0f %% of the messages match",
                                  100 * static_cast<double>(matched) / looked_at)};
}

}  // namespace

std::vector<Row> ReadRows() {
  using Bar = Row::Bar;
  return {
      {"append -> consumer thread sees it (spinning): p50 / ref_handoff", Bar::kAtMost, 4, 2,
       AppendToConsumer},
      {"sequential read by queue, checksum verified, 128 B: messages/s / ref_read", Bar::kAtLeast,
       0.4, 0.8, [](Run& run) { return SequentialRead(run, 128); }},
      {"sequential read by queue, checksum verified, 1 KiB: messages/s / ref_read", Bar::kAtLeast,
       0.4, 0.8, [](Run& run) { return SequentialRead(run, 1'024); }},
      {"read of one message by queue offset, block cached", Bar::kAtMost, 1'000, 300, ReadOne,
       "ns"},
      {"filter of three terms, a message with five properties", Bar::kAtMost, 100, 50, MatchFilter,
       "ns"},
  };
}

}  // namespace weir::bench
