// Rows: what it costs those who append that old segments go, and what a filter costs.

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels.h"
#include "row.h"
#include "weir/filter.h"

namespace weir::bench {
namespace {

constexpr uint64_t kSegmentBytes = uint64_t{4} << 20;

StoreOptions SmallSegments(Run& run) {
  StoreOptions options = OptionsFor(run.workspace->NewPath());
  options.segment_bytes = kSegmentBytes;
  return options;
}

// The same store twice, one of which has a budget that is full all the time: with every segment
// that begins another one is carried, dropped, and used again.
Measurement WithRetention(Run& run) {
  StoreOptions bounded = SmallSegments(run);
  bounded.retention.max_bytes = 16 * kSegmentBytes;
  BenchStore kept(SmallSegments(run));
  BenchStore dropped(bounded);
  const Bodies bodies(64, 128);
  StoreAppend append_kept(kept.get(), Must("topic", kept->CreateTopic("t", 1)), 0, bodies);
  StoreAppend append_dropped(dropped.get(), Must("topic", dropped->CreateTopic("t", 1)), 0, bodies);
  // The state that is carried: what a game server has of topics and groups.
  for (int i = 0; i < 100; ++i) {
    const std::string name = absl::StrCat("idle.", i);
    Must("topic", dropped->CreateTopic(name, 1).status());
    Must("append", dropped->Append({.topic = name, .queue_id = 0, .body = "x"}).status());
    Must("commit",
         dropped->CommitOffset(absl::StrCat("group.", i), name, 0, QueueOffset(1)).status());
  }
  auto unpaced = std::make_unique<Histogram>();
  RateFor(append_kept, run.Length(absl::Seconds(2)), unpaced.get());
  const double drain = RateFor(append_kept, run.Length(absl::Seconds(2)), unpaced.get());
  RateFor(append_dropped, run.Length(absl::Seconds(4)), unpaced.get());  // up to its budget
  kept.Settle();
  dropped.Settle();

  const absl::Duration turn = run.Length(absl::Milliseconds(2'200));
  const uint64_t recycled_before = dropped->Stats().segments_recycled;
  auto responses = std::make_unique<Histogram>();
  Measurement measurement = CompareCalls(
      5, 99.9,
      [&](Histogram* nanos) {
        Pace(append_kept, drain / 2, turn, nanos, responses.get());
        kept.Settle();
      },
      [&](Histogram* nanos) {
        Pace(append_dropped, drain / 2, turn, nanos, responses.get());
        dropped.Settle();
      });
  const uint64_t recycled = dropped->Stats().segments_recycled - recycled_before;
  measurement.note = absl::StrFormat(
      "%.0f appends/s, budget of 16 segments of 4 MiB, %d files used again, 100 topics and groups "
      "carried",
      drain / 2, recycled);
  if (recycled < 3) measurement.invalid = "fewer than 3 segments were dropped";
  return measurement;
}

Measurement FilterCost(Run& run) {
  BenchStore store(*run.workspace);
  const Topic topic = Must("topic", store->CreateTopic("quotes", 1));
  const Filter filter =
      Must("filter", Filter::Compile("price > 100 AND venue = 'XETR' AND NOT is_test"));
  constexpr uint64_t kMessages = 1'000;
  for (uint64_t i = 0; i < kMessages; ++i) {
    const PropertyValue price(static_cast<int64_t>(i % 200));
    const PropertyValue is_test(i % 10 == 0);
    Message message{.topic = topic, .queue_id = 0, .body = "quote"};
    message.properties = {{"venue", i % 3 == 0 ? "XETR" : "XLON"},
                          {"price", price.text()},
                          {"is_test", is_test.text()}};
    Must("append", store->Append(message).status());
  }
  const ReadResult read =
      Must("read", store->Read(topic, 0, QueueOffset(0), {.max_messages = kMessages}));
  if (read.size() != kMessages) Fail("read", absl::InternalError("not all of them"));
  size_t next = 0;
  uint64_t matched = 0;
  const auto match = [&] { matched += filter.Matches(read[next++ % kMessages]) ? 1 : 0; };
  std::vector<double> nanos;
  for (int round = 0; round < run.Rounds(15); ++round) nanos.push_back(TimeAll(match, 100'000));
  if (matched == 0) Fail("filter", absl::InternalError("nothing matches"));
  return {.value = Median(nanos),
          .note = absl::StrFormat(
              "median of %d times 100,000 messages of three properties, %.0f %% "
              "of which match",
              nanos.size(),
              100 * static_cast<double>(matched) / (1e5 * static_cast<double>(nanos.size())))};
}

}  // namespace

std::vector<Row> RetentionRows() {
  using Bar = Row::Bar;
  return {
      {"append paced at half the drain rate, with retention running / without: p99.9", Bar::kAtMost,
       1.5, 1.05, WithRetention},
      {"a filter of three terms on a message of three properties", Bar::kAtMost, 100, 50,
       FilterCost, "ns"},
  };
}

}  // namespace weir::bench
