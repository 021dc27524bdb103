// Segments and index files that are missing: what is left stays readable, what is lost is told.

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/match.h"
#include "api/small_store.h"

namespace weir::testing {
namespace {

constexpr size_t kBodyBytes = 200;

// Appends [0, count) to queue 0 of "events" and closes; sealed segments have index files then.
void MakeClosedStore(FaultFileSystem& disk, ManualClock& clock, size_t count) {
  auto store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "events", 0, count, kBodyBytes);
  Close(*store);
}

std::string SegmentPath(uint64_t index) { return FileOf(LogPosition(index * kSegment)); }

struct Found {
  Words bodies;
  size_t damages = 0;
};

Found ReadQueue(MessageStore& store) {
  Found found;
  for (QueueOffset offset(0);;) {
    const ReadResult result = Read(store, "events", 0, offset.value(), {.max_messages = 7});
    if (result.outcome() == ReadOutcome::kAtEnd) return found;
    if (result.outcome() == ReadOutcome::kDamaged) ++found.damages;
    for (const MessageView& message : result) found.bodies.emplace_back(message.body());
    REQUIRE(result.next_offset() > offset);
    offset = result.next_offset();
  }
}

Found ReadWholeTopic(MessageStore& store) {
  Found found;
  for (LogPosition position;;) {
    const auto result = store.ReadTopic("events", position, {.max_messages = 7});
    INFO(result.status());
    REQUIRE(result.ok());
    if (result->outcome() == ReadOutcome::kAtEnd) return found;
    if (result->outcome() == ReadOutcome::kDamaged) {
      ++found.damages;
      CHECK(result->damage().has_value());
    }
    for (const MessageView& message : *result) found.bodies.emplace_back(message.body());
    REQUIRE(result->next_position() > position);
    position = result->next_position();
  }
}

size_t IndexFiles(const FaultFileSystem& disk) {
  size_t count = 0;
  for (const std::string& name : disk.ListFiles("/store")) count += absl::EndsWith(name, ".index");
  return count;
}

TEST_CASE("closing seals: the next open reads index files, not sealed segments") {
  FaultFileSystem disk;
  ManualClock clock;
  MakeClosedStore(disk, clock, 150);
  CHECK(IndexFiles(disk) >= 9);
  auto store = OpenStore(SmallOptions(disk, clock));
  CHECK(store->recovery().was_clean);
  CHECK(store->recovery().bytes_read < 3 * kSegment);
  CHECK(AllOf(*store, "events", 0) == NumberedBodies(0, 150, kBodyBytes));
}

TEST_CASE("without a segment the messages of all others are read, with and without its index") {
  FaultFileSystem disk;
  ManualClock clock;
  MakeClosedStore(disk, clock, 150);
  const bool has_index = GENERATE(true, false);
  const uint64_t missing = GENERATE(uint64_t{1}, uint64_t{4}, uint64_t{8});
  CAPTURE(has_index, missing);
  REQUIRE(IndexFiles(disk) > missing);
  disk.RemoveFile(SegmentPath(missing));
  if (!has_index) disk.RemoveFile(SegmentPath(missing) + ".index");

  Words expected;
  size_t lost = 0;
  const auto check = [&](MessageStore& store) {
    const Found by_queue = ReadQueue(store);
    const Found by_topic = ReadWholeTopic(store);
    CHECK(by_queue.bodies == by_topic.bodies);
    CHECK(by_queue.damages == 1);
    CHECK(by_topic.damages == 1);
    if (expected.empty()) expected = by_queue.bodies;
    CHECK(by_queue.bodies == expected);
  };
  {
    StoreOptions options = SmallOptions(disk, clock);
    options.read_only = true;
    check(*OpenStore(options));
  }
  lost = 150 - expected.size();
  CHECK(lost > 5);
  CHECK(lost < 20);
  for (int opens = 0; opens < 3; ++opens) {
    auto store = OpenStore(SmallOptions(disk, clock));
    CHECK(store->state() == StoreState::kDegraded);
    check(*store);
    const size_t appended = 150 + static_cast<size_t>(opens) * 60;
    AppendNumbered(*store, "events", appended, 60, kBodyBytes);
    for (const std::string& body : NumberedBodies(appended, 60, kBodyBytes)) {
      expected.push_back(body);
    }
    RunUntilIdle(*store, clock);  // seals what follows the gap
    CHECK_FALSE(absl::StrContains(store->Info().reason, "index"));
    check(*store);
    Close(*store);
  }
  // The orphan stays where it is: it is all that is left of the segment.
  CHECK(disk.FileExists(SegmentPath(missing) + ".index") == has_index);
}

TEST_CASE("a deleted index file is computed again, and that is said") {
  FaultFileSystem disk;
  ManualClock clock;
  MakeClosedStore(disk, clock, 150);
  const size_t files = IndexFiles(disk);
  const uint64_t deleted = GENERATE(uint64_t{0}, uint64_t{1}, uint64_t{5});
  CAPTURE(deleted);
  disk.RemoveFile(SegmentPath(deleted) + ".index");
  auto store = OpenStore(SmallOptions(disk, clock));
  CHECK(AllOf(*store, "events", 0) == NumberedBodies(0, 150, kBodyBytes));
  CHECK(ReadWholeTopic(*store).bodies.size() == 150);
  const bool was_said = !store->recovery().notes.empty() || store->Stats().index_files_rebuilt == 1;
  CHECK(was_said);
  CHECK(store->state() == StoreState::kHealthy);
  Close(*store);
  CHECK(IndexFiles(disk) >= files);
  CHECK(disk.FileExists(SegmentPath(deleted) + ".index"));
}

TEST_CASE("without any index file everything is there, and closing writes them again") {
  FaultFileSystem disk;
  ManualClock clock;
  MakeClosedStore(disk, clock, 150);
  const size_t files = IndexFiles(disk);
  for (const std::string& name : disk.ListFiles("/store")) {
    if (absl::EndsWith(name, ".index")) disk.RemoveFile("/store/" + name);
  }
  auto store = OpenStore(SmallOptions(disk, clock));
  CHECK(AllOf(*store, "events", 0) == NumberedBodies(0, 150, kBodyBytes));
  Close(*store);
  CHECK(IndexFiles(disk) >= files);
}

TEST_CASE("a topic whose record is lost leaves its numbers to nobody") {
  FaultFileSystem disk;
  ManualClock clock;
  MakeClosedStore(disk, clock, 150);
  disk.RemoveFile(SegmentPath(0));  // it holds both copies of the catalogue record
  for (const std::string& name : disk.ListFiles("/store")) {
    if (absl::EndsWith(name, ".index")) disk.RemoveFile("/store/" + name);
  }
  for (int opens = 0; opens < 2; ++opens) {
    auto store = OpenStore(SmallOptions(disk, clock));
    CHECK(store->state() == StoreState::kDegraded);
    const Receipt receipt = Append(*store, {.topic = "other", .queue_id = 0, .body = "mine"});
    CHECK(receipt.queue_offset == QueueOffset(static_cast<uint64_t>(opens)));
    CHECK(AllOf(*store, "other", 0) == Words(static_cast<size_t>(opens) + 1, "mine"));
    // A message of the lost topic is nobody's.
    const auto dumped = store->Dump(LogPosition(kSegment), 1);
    REQUIRE(dumped.ok());
    REQUIRE(dumped->size() == 1);
    CHECK(absl::IsNotFound(store->ReadAt((*dumped)[0].position).status()));
    Close(*store);
  }
}

TEST_CASE("a superblock that is gone does not look like no store at all") {
  FaultFileSystem disk;
  ManualClock clock;
  MakeClosedStore(disk, clock, 20);
  disk.RemoveFile("/store/superblock");
  for (const bool read_only : {false, true}) {
    StoreOptions options = SmallOptions(disk, clock);
    options.read_only = read_only;
    const absl::Status refused = MessageStore::Open(options).status();
    CHECK(absl::IsDataLoss(refused));
    CHECK(absl::StrContains(refused.message(), "no superblock"));
  }
}

}  // namespace
}  // namespace weir::testing
