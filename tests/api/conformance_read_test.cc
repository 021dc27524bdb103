// What a message store must do, as its users know it from RocketMQ: reading.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "api/small_store.h"
#include "store/engine.h"
#include "weir/commit_log.h"

namespace weir::testing {
namespace {

TEST_CASE("a read gives as many messages as are asked for and there, with their offsets", "[c25]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "t", 0, 32, 20);

  for (const size_t max : {size_t{32}, size_t{20}, size_t{10}, size_t{64}}) {
    const ReadResult result = Read(*store, "t", 0, 0, {.max_messages = static_cast<uint32_t>(max)});
    CHECK(result.outcome() == ReadOutcome::kFound);
    REQUIRE(result.size() == std::min<size_t>(max, 32));
    for (size_t i = 0; i < result.size(); ++i) {
      CHECK(result[i].queue_offset() == QueueOffset(i));
      CHECK(result[i].body() == Numbered(i, 20));
      CHECK(result[i].topic() == "t");
      CHECK(result[i].queue_id() == 0);
    }
    CHECK(result.next_offset() == QueueOffset(result.size()));
  }
}

TEST_CASE("a read outside the queue says on which side, and where to go on", "[c26]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "t", 0, 5, 20);
  const auto outcome = [&](TopicRef topic, uint32_t queue_id, uint64_t offset) {
    const ReadResult result = Read(*store, topic, queue_id, offset);
    CHECK(result.empty());
    return std::pair(result.outcome(), result.next_offset().value());
  };
  using Answer = std::pair<ReadOutcome, uint64_t>;

  CHECK(outcome("t", 0, 5) == Answer(ReadOutcome::kAtEnd, 5));
  CHECK(outcome("t", 0, 6) == Answer(ReadOutcome::kBeyondEnd, 5));
  CHECK(outcome("t", 0, ~uint64_t{0}) == Answer(ReadOutcome::kBeyondEnd, 5));
  CHECK(outcome("t", 1, 0) == Answer(ReadOutcome::kAtEnd, 0));
  CHECK(outcome("t", 1, 1) == Answer(ReadOutcome::kBeyondEnd, 0));
  CHECK(outcome("t", 2, 0) == Answer(ReadOutcome::kNoSuchQueue, 0));
  CHECK(outcome("none", 0, 7) == Answer(ReadOutcome::kNoSuchQueue, 0));
}

TEST_CASE("the limit of bytes is kept, but one message is always given", "[c27]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const std::vector<Receipt> receipts = AppendNumbered(*store, "t", 0, 6, 100);
  const uint64_t record = receipts[0].end - receipts[0].position;

  CHECK(Read(*store, "t", 0, 0, {.max_bytes = 0}).size() == 1);
  CHECK(Read(*store, "t", 0, 0, {.max_bytes = 1}).size() == 1);
  CHECK(Read(*store, "t", 0, 0, {.max_bytes = 3 * record - 1}).size() == 2);
  CHECK(Read(*store, "t", 0, 0, {.max_bytes = 3 * record}).size() == 3);
  CHECK(Read(*store, "t", 0, 0, {.max_bytes = 3 * record}).next_offset() == QueueOffset(3));
  CHECK(Read(*store, "t", 0, 0, {.max_bytes = 3 * record + 1}).size() == 3);
}

TEST_CASE("a read whose tags match nothing says so and moves on", "[c29]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  for (const char* tag : {"A", "B", "A", "C", ""}) {
    Append(*store, {.topic = "t", .queue_id = 0, .tag = tag, .body = tag});
  }

  const ReadResult none = Read(*store, "t", 0, 0, {.tags = "X || Y"});
  CHECK(none.outcome() == ReadOutcome::kNoMatch);
  CHECK(none.empty());
  CHECK(none.next_offset() == QueueOffset(5));
  CHECK(BodiesOf(Read(*store, "t", 0, 0, {.tags = "A"})) == Words{"A", "A"});
  CHECK(BodiesOf(Read(*store, "t", 0, 0, {.tags = " C||B "})) == Words{"B", "C"});
  CHECK(Read(*store, "t", 0, 0, {.tags = "*"}).size() == 5);
  CHECK(absl::IsInvalidArgument(store->Read("t", 0, QueueOffset(0), {.tags = "A ||"}).status()));
}

// The engine below the public store: retention, which drops segments, has no public face yet.
std::unique_ptr<internal::Engine> EngineWith(FaultFileSystem& disk, ManualClock& clock,
                                             size_t messages) {
  auto engine = internal::Engine::Open(SmallOptions(disk, clock));
  REQUIRE(engine.ok());
  for (size_t i = 0; i < messages; ++i) {
    const std::string body = Numbered(i, 400);
    REQUIRE((*engine)->Append({.topic = "t", .queue_id = 0, .body = body}, {}).ok());
  }
  REQUIRE((*engine)->log().Flush(internal::kNever).ok());
  return *std::move(engine);
}

ReadResult ReadFrom(internal::Engine& engine, uint64_t offset) {
  const auto wanted = internal::Wanted::Of({});
  auto result =
      engine.reader().Read(*engine.catalogue().Find("t"), 0, QueueOffset(offset), {}, *wanted);
  INFO(result.status());
  REQUIRE(result.ok());
  return *std::move(result);
}

TEST_CASE("a reader whose messages are being removed is told, and comes to those that stay",
          "[c30]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = EngineWith(disk, clock, 100);
  // Nothing is sealed: entries of dropped messages still stand in memory.
  const LogPosition keep(5 * kSegment);
  REQUIRE(engine->log().TrimTo(keep).ok());

  uint64_t offset = 0;
  ReadResult result = ReadFrom(*engine, offset);
  CHECK(result.outcome() == ReadOutcome::kBeingRemoved);
  for (int reads = 0; result.outcome() != ReadOutcome::kFound; ++reads) {
    REQUIRE(reads < 100);
    REQUIRE(result.next_offset().value() > offset);
    offset = result.next_offset().value();
    result = ReadFrom(*engine, offset);
  }
  CHECK(result[0].position() >= keep);
  CHECK(result[0].body() == Numbered(offset, 400));
}

TEST_CASE("a view outlives its segment, and the file is recycled all the same", "[c31]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = EngineWith(disk, clock, 100);
  const ReadResult old = ReadFrom(*engine, 0);
  REQUIRE(old.size() > 3);

  REQUIRE(engine->log().TrimTo(LogPosition(8 * kSegment)).ok());
  for (size_t i = 0; i < 100; ++i) {
    REQUIRE(engine->Append({.topic = "t", .queue_id = 0, .body = Numbered(i, 400)}, {}).ok());
    engine->log().PrepareStep();
  }

  CHECK(engine->log().segments().recycled_count() > 0);
  for (size_t i = 0; i < old.size(); ++i) CHECK(old[i].body() == Numbered(i, 400));
}

TEST_CASE("a message is found by its position: the first, the last, and none out of bounds",
          "[c32]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const std::vector<Receipt> receipts = AppendNumbered(*store, "t", 0, 60, 400);
  const auto check_all = [&] {
    for (const size_t i : {size_t{0}, size_t{30}, size_t{59}}) {
      const auto found = store->ReadAt(receipts[i].position);
      REQUIRE(found.ok());
      CHECK((*found)[0].body() == Numbered(i, 400));
      CHECK((*found)[0].queue_offset() == QueueOffset(i));
      CHECK(absl::IsNotFound(store->ReadAt(receipts[i].position + 8).status()));
      CHECK(absl::IsNotFound(store->ReadAt(receipts[i].position + 1).status()));
    }
    CHECK(absl::IsOutOfRange(store->ReadAt(store->Info().end).status()));
    CHECK(absl::IsOutOfRange(store->ReadAt(LogPosition(~uint64_t{0})).status()));
    CHECK(absl::IsOutOfRange(store->ReadAt(LogPosition(~uint64_t{7})).status()));
    CHECK(absl::IsNotFound(store->ReadAt(LogPosition(0)).status()));
  };

  check_all();
  Close(*store);
  store = OpenStore(SmallOptions(disk, clock));
  check_all();
}

TEST_CASE("a journal is read over all its segments, byte for byte, up to its end", "[c33]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = CommitLog::Open(SmallOptions(disk, clock));
  REQUIRE(log.ok());
  Words expected;
  for (size_t i = 0; i < 70; ++i) {
    expected.push_back(Numbered(i, 50 + i * 7));
    REQUIRE((*log)->Append(expected.back()).ok());
  }
  REQUIRE((*log)->end() > LogPosition(6 * kSegment));

  const auto read = (*log)->Read(LogPosition(0), 1000);

  REQUIRE(read.ok());
  Words bodies;
  for (const JournalEntry& entry : read->entries) bodies.emplace_back(entry.body);
  CHECK(bodies == expected);
  CHECK(read->damage.empty());
  CHECK((*log)->Read(read->next, 10)->empty());
  // In pieces, and from the middle.
  bodies.clear();
  for (LogPosition next;;) {
    const auto piece = (*log)->Read(next, 7);
    REQUIRE(piece.ok());
    if (piece->empty()) break;
    for (const JournalEntry& entry : piece->entries) bodies.emplace_back(entry.body);
    next = piece->next;
  }
  CHECK(bodies == expected);
  CHECK((*log)->Read(read->entries[40].position, 1)->entries[0].body == expected[40]);
}

TEST_CASE("every read verifies: damage is told with its range, and neighbours stay readable",
          "[c34]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const std::vector<Receipt> receipts = AppendNumbered(*store, "t", 0, 20, 400);
  Close(*store);
  FlipBit(disk, receipts[7].position + 100);

  store = OpenStore(SmallOptions(disk, clock));
  const ReadResult before = Read(*store, "t", 0, 0);
  CHECK(BodiesOf(before) == NumberedBodies(0, 7, 400));
  CHECK(before.next_offset() == QueueOffset(7));
  const ReadResult bad = Read(*store, "t", 0, 7);
  CHECK(bad.outcome() == ReadOutcome::kDamaged);
  REQUIRE(bad.damage().has_value());
  CHECK(bad.damage()->begin == receipts[7].position);
  CHECK(bad.damage()->end == receipts[8].position);
  CHECK_FALSE(bad.damage()->reason.empty());
  CHECK(bad.next_offset() == QueueOffset(8));
  CHECK(BodiesOf(Read(*store, "t", 0, 8)) == NumberedBodies(8, 12, 400));
  CHECK(absl::IsDataLoss(store->ReadAt(receipts[7].position).status()));
  CHECK(store->Verify()->findings.size() >= 1);
}

TEST_CASE("reading an unknown topic creates nothing, on disk or in memory", "[c35]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Append(*store, {.topic = "t", .queue_id = 0, .body = "one"});
  const uint64_t operations = disk.operations();
  const LogPosition end = store->Info().end;
  const uint64_t memory = store->Stats().index_memory_bytes;

  for (int i = 0; i < 100; ++i) {
    const std::string name = absl::StrCat("unknown ", i);
    CHECK(Read(*store, name, 0, 0).outcome() == ReadOutcome::kNoSuchQueue);
    CHECK(store->ReadTopic(name, LogPosition(0))->outcome() == ReadOutcome::kNoSuchQueue);
    CHECK(store->ReadBackwards(name, 0, QueueOffset(0))->outcome() == ReadOutcome::kNoSuchQueue);
    CHECK(store->ReadLast(name, 0, 1)->outcome() == ReadOutcome::kNoSuchQueue);
    CHECK(absl::IsNotFound(store->Bounds(name, 0).status()));
    CHECK(absl::IsNotFound(store->FindTopic(name).status()));
  }

  CHECK(store->Info().end == end);
  CHECK(store->Info().topics.size() == 1);
  CHECK(store->Stats().index_memory_bytes == memory);
  // Info() itself looks at the directory.
  CHECK(disk.operations() - operations < 20);
}

// Calls of the file system and probes of index files for one read of an old message.
std::pair<uint64_t, uint64_t> CostOfOldRead(uint32_t queues, size_t segments) {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", queues).ok());
  AppendNumbered(*store, "t", 0, segments * 8, 400);
  Flush(*store);
  RunUntilIdle(*store, clock);
  Close(*store);
  store = OpenStore(SmallOptions(disk, clock));
  const uint64_t operations = disk.operations();
  const uint64_t probes = store->Stats().index_probes;
  REQUIRE(Read(*store, "t", 0, segments * 4, {.max_messages = 1}).size() == 1);
  return {disk.operations() - operations, store->Stats().index_probes - probes};
}

TEST_CASE("what a read costs does not grow with queues, and hardly with retention", "[c36]") {
  const auto [operations, probes] = CostOfOldRead(1, 16);
  const auto [operations_queues, probes_queues] = CostOfOldRead(5000, 16);
  const auto [operations_log, probes_log] = CostOfOldRead(1, 128);

  CHECK(probes_queues == probes);
  CHECK(operations_queues <= operations + 8);
  CHECK(probes_log <= probes + 8);
  CHECK(operations_log <= operations + 8 * 6);  // a probe looks at header, table and a block or two
}

}  // namespace
}  // namespace weir::testing
