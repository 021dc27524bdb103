// Reading one queue, forwards and backwards. By topic and by position: message_reader_log_test.cc.

#include "store/message_reader.h"

#include <catch2/catch.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "store/small_engine.h"

namespace weir::testing {
namespace {

struct Answer {
  ReadOutcome outcome;
  uint64_t next;
  size_t messages;
  friend bool operator==(const Answer&, const Answer&) = default;
  friend std::ostream& operator<<(std::ostream& stream, const Answer& answer) {
    return stream << ReadOutcomeName(answer.outcome) << ", next " << answer.next << ", "
                  << answer.messages << " messages";
  }
};

Answer Of(const ReadResult& result) {
  return {result.outcome(), result.next_offset().value(), result.size()};
}

TEST_CASE("every outcome says where to go on") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  std::vector<Receipt> receipts = AppendNumbered(*engine, 0, 60, 300);
  Append(*engine, {.topic = "t", .queue_id = 0, .tag = "A", .body = "tagged"});
  Close(*engine);
  FlipBit(disk, receipts[50].position + 60);
  engine = OpenEngine(SmallOptions(disk, clock));

  CHECK(Of(Read(*engine, "t", 0, 10, {.max_messages = 5})) == Answer{ReadOutcome::kFound, 15, 5});
  CHECK(Of(Read(*engine, "t", 0, 60, {.tags = "A"})) == Answer{ReadOutcome::kFound, 61, 1});
  CHECK(Of(Read(*engine, "t", 0, 0, {.tags = "B"})) == Answer{ReadOutcome::kNoMatch, 61, 0});
  CHECK(Of(Read(*engine, "t", 0, 61)) == Answer{ReadOutcome::kAtEnd, 61, 0});
  CHECK(Of(Read(*engine, "t", 0, 62)) == Answer{ReadOutcome::kBeyondEnd, 61, 0});
  CHECK(Of(Read(*engine, "t", 1, 0)) == Answer{ReadOutcome::kAtEnd, 0, 0});
  CHECK(Of(Read(*engine, "t", 1, 9)) == Answer{ReadOutcome::kBeyondEnd, 0, 0});
  CHECK(Of(Read(*engine, "t", 0, 50)) == Answer{ReadOutcome::kDamaged, 51, 0});
  CHECK(Of(Read(*engine, "t", 0, 45)) == Answer{ReadOutcome::kFound, 50, 5});
  CHECK(Of(Read(*engine, "t", 0, 51, {.max_messages = 99})) == Answer{ReadOutcome::kFound, 61, 10});

  // Dropped, and a reader that knows the queue's first offset is told it.
  REQUIRE(engine->log().TrimTo(receipts[30].position).ok());
  uint64_t first = 0;
  while (receipts[first].position < engine->log().segments().begin()) ++first;
  const Answer dropped = Of(Read(*engine, "t", 0, first - 1));
  CHECK(dropped == Answer{ReadOutcome::kOffsetTooSmall, first, 0});
  CHECK(Of(Read(*engine, "t", 0, first, {.max_messages = 1})) ==
        Answer{ReadOutcome::kFound, first + 1, 1});
}

TEST_CASE("messages that are removed while their entries are in memory are being removed") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  std::vector<Receipt> receipts = AppendNumbered(*engine, 0, 60, 300);
  REQUIRE(engine->log().Flush(internal::kNever).ok());
  REQUIRE(engine->log().TrimTo(receipts[30].position).ok());
  CHECK(Of(Read(*engine, "t", 0, 2)) == Answer{ReadOutcome::kBeingRemoved, 3, 0});
}

TEST_CASE("a limit of bytes ends a read behind the first message, and only there if it is small") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  std::vector<Receipt> receipts = AppendNumbered(*engine, 0, 8, 400);
  const uint64_t record = receipts[0].end - receipts[0].position;
  for (const uint64_t messages : {1u, 2u, 5u, 8u}) {
    for (const uint64_t bytes : {messages * record, messages * record + record - 1}) {
      const ReadOptions options{.max_bytes = bytes};
      CHECK(Of(Read(*engine, "t", 0, 0, options)) ==
            Answer{ReadOutcome::kFound, messages, messages});
      CHECK(Of(ReadBackwards(*engine, "t", 0, 8, options)) ==
            Answer{ReadOutcome::kFound, 8 - messages, messages});
      CHECK(ReadTopic(*engine, "t", LogPosition(0), options).size() == messages);
    }
  }
  CHECK(Read(*engine, "t", 0, 0, {.max_bytes = 0}).size() == 1);
  CHECK(ReadBackwards(*engine, "t", 0, 8, {.max_bytes = 0}).size() == 1);
  CHECK(ReadTopic(*engine, "t", LogPosition(0), {.max_bytes = 0}).size() == 1);
}

TEST_CASE("a call that matches nothing ends after a bounded piece, and the next one goes on") {
  constexpr uint64_t kMessages = 40'000;
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.segment_bytes = 1 << 20;
  options.front_bytes = 1 << 20;
  auto engine = OpenEngine(options);
  for (uint64_t i = 0; i < kMessages; ++i) {
    Append(*engine, {.topic = "t", .queue_id = 0, .tag = "A"});
  }
  Append(*engine, {.topic = "t", .queue_id = 0, .tag = "B", .body = "the one"});

  int calls = 0;
  ReadResult result = Read(*engine, "t", 0, 0, {.tags = "B"});
  for (; result.outcome() == ReadOutcome::kNoMatch; ++calls) {
    const QueueOffset next = result.next_offset();
    CHECK(next.value() <= static_cast<uint64_t>(calls + 1) * 20'000);
    result = Read(*engine, "t", 0, next.value(), {.tags = "B"});
    REQUIRE(result.next_offset() > next);
  }
  CHECK(BodiesOf(result) == Words{"the one"});
  CHECK(calls >= 2);

  // Backwards, and over the whole topic.
  result = ReadBackwards(*engine, "t", 0, kMessages + 1, {.tags = "C"});
  CHECK(result.outcome() == ReadOutcome::kNoMatch);
  CHECK(result.next_offset() >= QueueOffset(kMessages - 20'000));
  CHECK(result.next_offset() < QueueOffset(kMessages - 1000));
  calls = 0;
  result = ReadTopic(*engine, "t", LogPosition(0), {.tags = "B"});
  for (; result.outcome() == ReadOutcome::kNoMatch; ++calls) {
    const LogPosition next = result.next_position();
    result = ReadTopic(*engine, "t", next, {.tags = "B"});
    REQUIRE(result.next_position() > next);
  }
  CHECK(BodiesOf(result) == Words{"the one"});
  CHECK(calls >= 2);
}

TEST_CASE("reading backwards gives the newest first, and goes on below the last one") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  AppendNumbered(*engine, 0, 60, 300);
  SealAll(*engine);

  CHECK(BodiesOf(ReadBackwards(*engine, "t", 0, 3)) ==
        Words{Numbered(2, 300), Numbered(1, 300), Numbered(0, 300)});
  for (const uint32_t max : {1u, 7u, 100u}) {
    size_t expected = 60;
    for (uint64_t offset = 60;;) {
      const ReadResult result = ReadBackwards(*engine, "t", 0, offset, {.max_messages = max});
      if (result.outcome() == ReadOutcome::kAtEnd) break;
      REQUIRE(result.outcome() == ReadOutcome::kFound);
      CHECK(result.size() <= max);
      for (const MessageView& message : result) {
        CHECK(message.queue_offset() == QueueOffset(--expected));
        CHECK(message.body() == Numbered(expected, 300));
      }
      CHECK(result.next_offset() == QueueOffset(expected));
      offset = result.next_offset().value();
    }
    CHECK(expected == 0);
  }
  CHECK(Of(ReadBackwards(*engine, "t", 0, 61)) == Answer{ReadOutcome::kBeyondEnd, 60, 0});
  CHECK(Of(ReadBackwards(*engine, "t", 0, 0)) == Answer{ReadOutcome::kAtEnd, 0, 0});
  CHECK(Of(ReadBackwards(*engine, "t", 1, 0)) == Answer{ReadOutcome::kAtEnd, 0, 0});
}

TEST_CASE("backwards too a filter picks, voids are stepped over and damage is told") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  std::vector<Receipt> receipts;
  for (const char* tag : {"A", "B", "A", "B", "A"}) {
    receipts.push_back(Append(*engine, {.topic = "t", .queue_id = 0, .tag = tag, .body = tag}));
    auto claim = engine->Claim({.topic = "t", .queue_id = 0}, 10, absl::InfiniteDuration());
    REQUIRE(claim.ok());
    engine->Abandon(*claim);
  }
  const ReadResult some = ReadBackwards(*engine, "t", 0, 10, {.max_messages = 2, .tags = "A"});
  CHECK(BodiesOf(some) == Words{"A", "A"});
  CHECK(some[0].queue_offset() == QueueOffset(8));
  CHECK(some[1].queue_offset() == QueueOffset(4));
  CHECK(some.next_offset() == QueueOffset(4));
  CHECK(Of(ReadBackwards(*engine, "t", 0, 10, {.tags = "C"})) ==
        Answer{ReadOutcome::kNoMatch, 0, 0});
  Close(*engine);
  engine = nullptr;

  FlipBit(disk, receipts[2].position + 50);
  engine = OpenEngine(SmallOptions(disk, clock));
  const ReadResult above = ReadBackwards(*engine, "t", 0, 10);
  CHECK(BodiesOf(above) == Words{"A", "B"});
  const ReadResult bad = ReadBackwards(*engine, "t", 0, 5);
  CHECK(Of(bad) == Answer{ReadOutcome::kDamaged, 4, 0});
  CHECK(bad.damage().has_value());
  CHECK(BodiesOf(ReadBackwards(*engine, "t", 0, 4)) == Words{"B", "A"});
}

}  // namespace
}  // namespace weir::testing
