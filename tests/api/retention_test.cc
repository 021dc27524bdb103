// What goes, when, and what is never forgotten although its segment goes.

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "api/small_store.h"
#include "format/file_names.h"
#include "support/loss_plan.h"

namespace weir::testing {
namespace {

constexpr size_t kBody = 200;

size_t SegmentsOf(MessageStore& store) { return store.Info().segments.size(); }

// Everything that retention and index files are made of.
uint64_t BytesOn(FaultFileSystem& disk) {
  uint64_t bytes = 0;
  for (const std::string& name : disk.ListFiles("/store")) {
    bytes += disk.ReadFile("/store/" + name).size();
  }
  return bytes;
}

// Appends to queue 0 and lets the background work, message by message.
void Fill(MessageStore& store, ManualClock& clock, absl::string_view topic, size_t from,
          size_t count) {
  for (size_t i = from; i < from + count; ++i) {
    AppendNumbered(store, topic, i, 1, kBody);
    if (i % 8 == 0) RunUntilIdle(store, clock);
  }
  Flush(store);
  RunUntilIdle(store, clock);
}

// What must survive the dropping of every segment that said it.
struct Remembered {
  friend std::ostream& operator<<(std::ostream& to, const Remembered& all) {
    for (const auto& [topic, bounds] : all.bounds) {
      to << topic;
      for (const auto& [first, end] : bounds) to << " [" << first << ", " << end << ")";
      to << "; ";
    }
    for (const auto& [what, offset] : all.offsets) to << what << ": " << offset << "; ";
    return to;
  }

  std::map<std::string, std::vector<std::pair<uint64_t, uint64_t>>> bounds;  // by topic
  std::map<std::string, uint64_t> offsets;                                   // by group and queue
  friend bool operator==(const Remembered&, const Remembered&) = default;
};

Remembered Remember(MessageStore& store, const Words& topics, const Words& groups) {
  Remembered all;
  for (const std::string& name : topics) {
    const auto topic = store.FindTopic(name);
    REQUIRE(topic.ok());
    for (uint32_t i = 0; i < topic->queue_count(); ++i) {
      all.bounds[name].push_back(BoundsOf(store, name, i));
      for (const std::string& group : groups) {
        const auto offset = store.CommittedOffset(group, name, i);
        if (offset.ok()) all.offsets[absl::StrCat(group, " ", name, " ", i)] = offset->value();
      }
    }
  }
  return all;
}

TEST_CASE("a store with a budget never outgrows it by more than a segment, whatever it is given") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_bytes = 16 * kSegment;
  auto store = OpenStore(options);
  for (size_t i = 0; i < 600; ++i) {
    // No background work: who appends must make the space himself.
    AppendNumbered(*store, "t", i, 1, kBody);
    REQUIRE(BytesOn(disk) <= options.retention.max_bytes + kSegment);
  }
  RunUntilIdle(*store, clock);
  CHECK(BytesOn(disk) <= options.retention.max_bytes + kSegment);
  const auto [first, end] = BoundsOf(*store, "t", 0);
  CHECK(end == 600);
  CHECK(first > 300);
  CHECK(AllOf(*store, "t", 0) == NumberedBodies(first, end - first, kBody));
  CHECK(Read(*store, "t", 0, 0).outcome() == ReadOutcome::kOffsetTooSmall);
  CHECK(Read(*store, "t", 0, 0).next_offset() == QueueOffset(first));
  CHECK(store->Stats().segments_recycled > 10);
  CHECK(store->Verify()->findings.empty());
}

TEST_CASE("a queue that was purged before its messages were sealed is known to the next open") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "t", 0, 60, kBody);
  REQUIRE(store->PurgeQueue("t", 0, QueueOffset(60)).ok());
  RunUntilIdle(*store, clock);
  Close(*store);
  store = OpenStore(SmallOptions(disk, clock));
  CHECK(store->recovery().notes == Words{});  // no index file had to be made again
  CHECK(BoundsOf(*store, "t", 0) == std::pair<uint64_t, uint64_t>(60, 60));
}

TEST_CASE("a topic that begins anew behind a segment does not spoil what its index file saves") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("anew", 1).ok());
  AppendNumbered(*store, "anew", 0, 3, 20);
  REQUIRE(store->DeleteTopic("anew").ok());
  AppendNumbered(*store, "t", 0, 30, kBody);
  REQUIRE(store->CreateTopic("anew", 1).ok());
  Flush(*store);
  RunUntilIdle(*store, clock);
  FaultFileSystem after(disk.ProcessDeath());
  disk.Kill();
  StoreOptions options = SmallOptions(after, clock);
  auto again = OpenStore(options);
  CHECK(again->recovery().notes == Words{});
  CHECK(BoundsOf(*again, "anew", 0) == std::pair<uint64_t, uint64_t>(3, 3));
}

TEST_CASE("who holds a claim does not drop segments for room, which would wait for the claim") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_bytes = 8 * kSegment;
  auto store = OpenStore(options);
  AppendNumbered(*store, "t", 0, 100, kBody);
  RunUntilIdle(*store, clock);
  auto claim = store->Claim({.topic = "t", .queue_id = 0}, 10);
  REQUIRE(claim.ok());
  absl::Status status;
  for (int i = 0; i < 200 && status.ok(); ++i) {
    status = store
                 ->Append({.topic = "t", .queue_id = 1, .body = std::string(kBody, 'x')},
                          {.timeout = absl::Seconds(1)})
                 .status();
  }
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(store->state() == StoreState::kHealthy);
  REQUIRE(claim->Commit(10).ok());
  AppendNumbered(*store, "t", 0, 100, kBody);
}

TEST_CASE("what was dropped while a reading process slept is dropped for it, and not damaged") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("late", 1).ok());
  AppendNumbered(*store, "t", 0, 10, kBody);
  const auto process = disk.AnotherProcess();
  StoreOptions reading = SmallOptions(*process, clock);
  reading.read_only = true;
  auto reader = OpenStore(reading);
  REQUIRE(AllOf(*reader, "t", 0).size() == 10);

  for (size_t i = 0; i < 10; ++i) {
    AppendNumbered(*store, "t", 10 + i * 10, 10, kBody);
    AppendNumbered(*store, "late", i * 10, 10, kBody);
    RunUntilIdle(*store, clock);
  }
  REQUIRE(store->Retain({.max_bytes = 6 * kSegment})->segments > 5);
  clock.Advance(absl::Seconds(10));

  for (const std::string topic : {"t", "late"}) {
    const auto [first, end] = BoundsOf(*store, topic, 0);
    REQUIRE(first > 20);
    const ReadResult old = Read(*reader, topic, 0, topic == "t" ? 10 : 0);
    CHECK(old.outcome() == ReadOutcome::kOffsetTooSmall);
    CHECK(old.next_offset() == QueueOffset(first));
    CHECK(BoundsOf(*reader, topic, 0) == std::pair(first, end));
    CHECK(AllOf(*reader, topic, 0) == AllOf(*store, topic, 0));
  }
  CHECK(reader->Info().state == StoreState::kHealthy);
}

TEST_CASE("what went since a reading process looked last is dropped for it, and not damaged") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const std::vector<Receipt> receipts = AppendNumbered(*store, "t", 0, 200, kBody);
  Flush(*store);
  RunUntilIdle(*store, clock);
  const auto process = disk.AnotherProcess();
  StoreOptions reading = SmallOptions(*process, clock);
  reading.read_only = true;
  auto reader = OpenStore(reading);
  const auto id = store->IdOf(receipts[1].position);
  REQUIRE(id.ok());

  REQUIRE(store->Retain({.max_bytes = 6 * kSegment})->segments > 5);
  // Its clock stands still: it has no reason to look at the directory.
  SECTION("by its offset") {
    const ReadResult old = Read(*reader, "t", 0, 1);
    INFO(old.damage().value_or(DamagedRange()).reason);
    CHECK(old.outcome() != ReadOutcome::kDamaged);
    CHECK(Read(*reader, "t", 0, 1).next_offset().value() == BoundsOf(*store, "t", 0).first);
  }
  SECTION("by its position") {
    CHECK(absl::IsOutOfRange(reader->ReadAt(receipts[1].position).status()));
  }
  SECTION("by its id") { CHECK(absl::IsOutOfRange(reader->FindById(*id).status())); }
  SECTION("by its key") {
    const auto found = reader->FindByKey("t", "no such key");
    REQUIRE(found.ok());
    CHECK(found->damage().empty());
    CHECK(found->is_done());
  }
  SECTION("by its time") {
    const auto [first, end] = BoundsOf(*store, "t", 0);
    const auto offset = reader->OffsetForTime("t", 0, absl::UnixEpoch(), Boundary::kLower);
    REQUIRE(offset.ok());
    CHECK(*offset == QueueOffset(first));
  }
  SECTION("backwards") {
    const auto [first, end] = BoundsOf(*store, "t", 0);
    const auto old = reader->ReadBackwards("t", 0, QueueOffset(3));
    REQUIRE(old.ok());
    CHECK(old->outcome() != ReadOutcome::kDamaged);
    CHECK(AllOf(*reader, "t", 0) == NumberedBodies(first, end - first, kBody));
  }
  CHECK(reader->Info().state == StoreState::kHealthy);
}

TEST_CASE("all that lives in the log alone outlives every segment that said it") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_bytes = 16 * kSegment;
  auto store = OpenStore(options);
  REQUIRE(store->CreateTopic("idle", 3).ok());
  REQUIRE(store->CreateTopic("empty", 2).ok());
  REQUIRE(store->CreateTopic("purged", 1).ok());
  AppendNumbered(*store, "idle", 0, 7, 20);
  Append(*store, {.topic = "idle", .queue_id = 2, .body = "x"});
  AppendNumbered(*store, "purged", 0, 5, 20);
  REQUIRE(store->PurgeQueue("purged", 0, QueueOffset(3)).ok());
  REQUIRE(store->CommitOffset("group", "idle", 0, QueueOffset(4)).ok());
  REQUIRE(store->CommitOffset("group", "idle", 2, QueueOffset(1)).ok());
  REQUIRE(store->CommitOffset("other", "purged", 0, QueueOffset(5)).ok());
  REQUIRE(store->CreateTopic("gone", 2).ok());
  AppendNumbered(*store, "gone", 0, 9, 20);
  REQUIRE(store->DeleteTopic("gone").ok());
  const Words topics = {"idle", "empty", "purged", "busy"};
  const Words groups = {"group", "other"};
  const LogPosition begin = store->Info().end;
  Fill(*store, clock, "busy", 0, 400);
  REQUIRE(store->Info().begin > begin);  // no original is left
  const Remembered before = Remember(*store, topics, groups);
  CHECK(before.bounds.at("idle") ==
        std::vector<std::pair<uint64_t, uint64_t>>{{7, 7}, {0, 0}, {1, 1}});
  CHECK(before.bounds.at("purged") == std::vector<std::pair<uint64_t, uint64_t>>{{5, 5}});
  CHECK(before.offsets.size() == 3);

  const bool has_indexes = GENERATE(true, false);
  const bool loses_power = GENERATE(true, false);
  CAPTURE(has_indexes, loses_power);
  FaultFileSystem after(loses_power ? disk.PowerLoss(LossPlan::LoseEverything())
                                    : disk.ProcessDeath());
  disk.Kill();
  if (!has_indexes) {
    for (const std::string& name : after.ListFiles("/store")) {
      if (absl::EndsWith(name, ".index")) after.RemoveFile("/store/" + name);
    }
  }
  options.file_system = &after;
  auto again = OpenStore(options);
  INFO(again->recovery().damage.size());
  CHECK(again->state() == StoreState::kHealthy);
  CHECK(Remember(*again, topics, groups) == before);
  CHECK(again->Verify()->findings.empty());
  CHECK_FALSE(again->FindTopic("gone").ok());
  // No offset is given twice, neither of a topic that begins anew.
  CHECK(Append(*again, {.topic = "idle", .queue_id = 0, .body = "x"}).queue_offset.value() == 7);
  CHECK(Append(*again, {.topic = "purged", .queue_id = 0, .body = "x"}).queue_offset.value() == 5);
  REQUIRE(again->CreateTopic("gone", 1).ok());
  CHECK(Append(*again, {.topic = "gone", .queue_id = 0, .body = "x"}).queue_offset.value() == 9);
  CHECK(again->CommitOffset("group", "idle", 0, QueueOffset(3)).status().code() ==
        absl::StatusCode::kFailedPrecondition);
}

TEST_CASE(
    "the messages of a topic that began anew were dropped, and are no damage to the next open") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  for (const size_t from : {0, 3}) {
    if (from > 0) REQUIRE(store->DeleteTopic("anew").ok());
    REQUIRE(store->CreateTopic("anew", 1).ok());
    AppendNumbered(*store, "anew", from, 3, 20);
  }
  const LogPosition end = store->Info().end;
  Fill(*store, clock, "busy", 0, 60);
  // What is said again of the queue is said before anybody knows that its messages go.
  REQUIRE(store->Retain({.max_bytes = 8 * kSegment})->begin > end);

  const bool has_indexes = GENERATE(true, false);
  const bool has_more = GENERATE(true, false);
  CAPTURE(has_indexes, has_more);
  if (has_more) AppendNumbered(*store, "anew", 6, 1, 20);
  Close(*store);
  store.reset();
  for (const std::string& name : disk.ListFiles("/store")) {
    if (!has_indexes && absl::EndsWith(name, ".index")) disk.RemoveFile("/store/" + name);
  }
  store = OpenStore(SmallOptions(disk, clock));
  CHECK(Read(*store, "anew", 0, 3).outcome() == ReadOutcome::kOffsetTooSmall);
  CHECK(BoundsOf(*store, "anew", 0) == std::pair<uint64_t, uint64_t>(6, has_more ? 7 : 6));
  CHECK(store->Verify()->findings.empty());
}

TEST_CASE("a segment goes when its youngest message is too old, and not a moment before") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_age = absl::Hours(1);
  auto store = OpenStore(options);
  Fill(*store, clock, "t", 0, 60);
  const size_t before = SegmentsOf(*store);
  REQUIRE(before >= 4);
  clock.Advance(absl::Minutes(50));
  RunUntilIdle(*store, clock);
  CHECK(SegmentsOf(*store) == before);
  clock.Advance(absl::Minutes(11));
  RunUntilIdle(*store, clock);
  // The newest is never dropped, nor one that is not sealed.
  CHECK(SegmentsOf(*store) < before);
  CHECK(SegmentsOf(*store) >= 1);
  const auto [first, end] = BoundsOf(*store, "t", 0);
  CHECK(end == 60);
  CHECK(first < end);
  CHECK(AllOf(*store, "t", 0) == NumberedBodies(first, end - first, kBody));
}

TEST_CASE("a clock that jumps by a century makes nothing old, in this life or the next") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_age = absl::Hours(1);
  auto store = OpenStore(options);
  Fill(*store, clock, "t", 0, 60);
  const size_t before = SegmentsOf(*store);
  const bool reopens = GENERATE(true, false);
  if (reopens) {
    Close(*store);
    store.reset();
  }
  clock.SetWallNanos(ManualClock::kDefaultWallNanos + int64_t{73} * 365 * 86400 * 1000000000);
  if (reopens) store = OpenStore(options);
  RunUntilIdle(*store, clock);
  clock.Advance(absl::Minutes(20));
  RunUntilIdle(*store, clock);
  CHECK(SegmentsOf(*store) >= before);
  CHECK(AllOf(*store, "t", 0) == NumberedBodies(0, 60, kBody));
}

TEST_CASE("a segment that was cut goes for itself, and the log begins behind the gap") {
  FaultFileSystem before;
  ManualClock clock;
  auto old = OpenStore(SmallOptions(before, clock));
  Fill(*old, clock, "t", 0, 20);
  AppendNumbered(*old, "t", 20, 10, kBody);
  FaultFileSystem disk(before.PowerLoss(LossPlan::LoseEverything()));
  before.Kill();
  StoreOptions options = SmallOptions(disk, clock);
  auto store = OpenStore(options);
  Fill(*store, clock, "t", 20, 40);
  const auto segments = store->Info().segments;
  const auto cut = std::find_if(segments.begin(), segments.end(),
                                [](const SegmentInfo& segment) { return segment.is_cut; });
  REQUIRE(cut != segments.end());
  REQUIRE(std::next(cut)->begin > cut->begin + kSegment);
  // One at a time.
  for (uint64_t kept = segments.size(); kept >= 4; --kept) {
    const auto dropped = store->Retain({.max_bytes = (kept + 2) * kSegment});
    INFO(dropped.status());
    REQUIRE(dropped.ok());
  }
  REQUIRE(store->Info().begin > cut->begin);
  CHECK(store->state() == StoreState::kHealthy);
  const auto [first, end] = BoundsOf(*store, "t", 0);
  CHECK(AllOf(*store, "t", 0) == NumberedBodies(first, end - first, kBody));
  Close(*store);
  store = OpenStore(options);
  CHECK(AllOf(*store, "t", 0) == NumberedBodies(first, end - first, kBody));
  CHECK(store->Verify()->findings.empty());
}

TEST_CASE("what a group has not read stays if the policy keeps it, and appends are refused") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_bytes = 16 * kSegment;
  options.retention.unconsumed = Retention::Unconsumed::kKeep;
  auto store = OpenStore(options);
  AppendNumbered(*store, "t", 0, 3, kBody);
  REQUIRE(store->CommitOffset("slow", "t", 0, QueueOffset(2)).ok());
  size_t appended = 3;
  absl::Status refused;
  for (; appended < 1000; ++appended) {
    const std::string body = Numbered(appended, kBody);
    refused = store->Append({.topic = "t", .queue_id = 0, .body = body}).status();
    if (!refused.ok()) break;
  }
  INFO(refused);
  REQUIRE(absl::IsResourceExhausted(refused));
  CHECK(absl::StrContains(refused.message(), "slow"));
  CHECK(store->state() == StoreState::kDegraded);
  CHECK(BytesOn(disk) <= options.retention.max_bytes + kSegment);
  CHECK(AllOf(*store, "t", 0) == NumberedBodies(0, appended, kBody));
  // The group goes on, and so does everything.
  REQUIRE(store->CommitOffset("slow", "t", 0, QueueOffset(appended)).ok());
  RunUntilIdle(*store, clock);
  AppendNumbered(*store, "t", appended, 1, kBody);
  CHECK(store->state() == StoreState::kHealthy);
  CHECK(BoundsOf(*store, "t", 0).first > 0);
}

struct Losses final : StateListener {
  void OnState(StoreState, const std::string&) override {}
  void OnUnconsumedDropped(const UnconsumedMessages& messages) override { all.push_back(messages); }
  std::vector<UnconsumedMessages> all;
};

TEST_CASE("who drops what a group has not read says so, with the group and the offsets") {
  FaultFileSystem disk;
  ManualClock clock;
  Losses losses;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_bytes = 16 * kSegment;
  options.state_listener = &losses;
  auto store = OpenStore(options);
  AppendNumbered(*store, "t", 0, 3, kBody);
  REQUIRE(store->CommitOffset("slow", "t", 0, QueueOffset(2)).ok());
  Fill(*store, clock, "t", 3, 300);
  REQUIRE_FALSE(losses.all.empty());
  const uint64_t first = BoundsOf(*store, "t", 0).first;
  for (const UnconsumedMessages& lost : losses.all) {
    CHECK(lost.group == "slow");
    CHECK(lost.topic == "t");
    CHECK(lost.queue_id == 0);
    CHECK(lost.first == QueueOffset(2));
  }
  CHECK(losses.all.back().end == QueueOffset(first));
}

TEST_CASE("while the disk has less than it shall keep free old segments go and appends wait") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.free_bytes_low = 12 * kSegment;
  options.retention.free_bytes_min = 4 * kSegment;
  disk.SetCapacity(40 * kSegment);
  auto store = OpenStore(options);
  for (size_t i = 0; i < 600; ++i) {
    AppendNumbered(*store, "t", i, 1, kBody);
    if (i % 8 == 0) RunUntilIdle(*store, clock);
  }
  CHECK(BoundsOf(*store, "t", 0).first > 0);
  // Somebody else takes what is left, and what is made room for.
  for (int i = 0; i < 3; ++i) {
    disk.WriteFile(absl::StrCat("/other", i), std::string(40 * kSegment - disk.used_bytes(), 'x'));
    RunUntilIdle(*store, clock);
  }
  const absl::Status refused = store->Append({.topic = "t", .body = "x"}).status();
  INFO(refused);
  CHECK(absl::IsResourceExhausted(refused));
  CHECK(store->state() == StoreState::kDegraded);
  for (int i = 0; i < 3; ++i) disk.RemoveFile(absl::StrCat("/other", i));
  RunUntilIdle(*store, clock);
  CHECK(store->Append({.topic = "t", .body = "x"}).ok());
  CHECK(store->state() == StoreState::kHealthy);
}

TEST_CASE("a topic's own limits take its messages, and nobody else's") {
  FaultFileSystem disk;
  ManualClock clock;
  const StoreOptions options = SmallOptions(disk, clock);
  auto store = OpenStore(options);
  REQUIRE(store->CreateTopic("aged", {.queue_count = 1, .max_age = absl::Hours(1)}).ok());
  REQUIRE(store->CreateTopic("small", {.queue_count = 1, .max_bytes = 3000}).ok());
  REQUIRE(store->CreateTopic("kept", {.queue_count = 1}).ok());
  for (size_t i = 0; i < 60; ++i) {
    for (const char* const topic : {"aged", "small", "kept"}) {
      AppendNumbered(*store, topic, i, 1, kBody);
    }
  }
  Flush(*store);
  RunUntilIdle(*store, clock);
  const auto [small_first, small_end] = BoundsOf(*store, "small", 0);
  CHECK(small_first > 0);
  CHECK((small_end - small_first) * (kBody + 48) >= 3000);
  CHECK(BoundsOf(*store, "aged", 0).first == 0);
  clock.Advance(absl::Minutes(61));
  RunUntilIdle(*store, clock);
  const uint64_t aged_first = BoundsOf(*store, "aged", 0).first;
  CHECK(aged_first > 30);
  CHECK(AllOf(*store, "kept", 0) == NumberedBodies(0, 60, kBody));
  CHECK(AllOf(*store, "aged", 0) == NumberedBodies(aged_first, 60 - aged_first, kBody));
  // Who opens again sees the same, and a limit can be lifted.
  Close(*store);
  store = OpenStore(options);
  CHECK(BoundsOf(*store, "aged", 0).first == aged_first);
  CHECK(BoundsOf(*store, "small", 0).first == small_first);
  REQUIRE(store->AlterTopic("aged", {}).ok());
  clock.Advance(absl::Hours(100));
  RunUntilIdle(*store, clock);
  CHECK(BoundsOf(*store, "aged", 0).first == aged_first);
}

TEST_CASE("a deleted topic takes its handles, its messages and its name's offsets with it") {
  FaultFileSystem disk;
  ManualClock clock;
  const StoreOptions options = SmallOptions(disk, clock);
  auto store = OpenStore(options);
  const Topic old = *store->CreateTopic("t", 2);
  AppendNumbered(*store, old, 0, 5, 20);
  Append(*store, {.topic = "u", .queue_id = 0, .body = "u"});
  REQUIRE(store->DeleteTopic("t").ok());
  CHECK(absl::IsNotFound(store->DeleteTopic("t")));
  CHECK(absl::IsNotFound(store->Append({.topic = old, .body = "x"}).status()));
  CHECK(Read(*store, old, 0, 0).outcome() == ReadOutcome::kNoSuchQueue);
  CHECK(Read(*store, "t", 0, 0).outcome() == ReadOutcome::kNoSuchQueue);
  CHECK(store->Info().topics.size() == 1);

  const bool reopens = GENERATE(true, false);
  if (reopens) {
    FaultFileSystem* const machine = &disk;
    FaultFileSystem after(machine->PowerLoss(LossPlan::LoseEverything()));
    StoreOptions elsewhere = options;
    elsewhere.file_system = &after;
    auto again = OpenStore(elsewhere);
    CHECK(absl::IsNotFound(again->FindTopic("t").status()));
    CHECK(AllOf(*again, "u", 0) == Words{"u"});
  }
  const Topic again = *store->CreateTopic("t", 3);
  CHECK(again != old);
  CHECK(BoundsOf(*store, again, 0) == std::pair<uint64_t, uint64_t>{5, 5});
  CHECK(Read(*store, again, 0, 2).outcome() == ReadOutcome::kOffsetTooSmall);
  CHECK(Append(*store, {.topic = again, .queue_id = 2, .body = "new"}).queue_offset.value() == 5);
  CHECK(Append(*store, {.topic = "t", .queue_id = 0, .body = "new"}).queue_offset.value() == 5);
  CHECK(absl::IsNotFound(store->Append({.topic = old, .body = "x"}).status()));
  Close(*store);
  store = OpenStore(options);
  CHECK(AllOf(*store, "t", 0) == Words{"new"});
  CHECK(AllOf(*store, "t", 1).empty());
  CHECK(AllOf(*store, "t", 2) == Words{"new"});
  CHECK(store->Verify()->findings.empty());
}

TEST_CASE("a policy is applied once on demand, or only told") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Fill(*store, clock, "t", 0, 100);
  const size_t before = SegmentsOf(*store);
  const Retention policy{.max_bytes = 8 * kSegment};
  const auto told = store->Retain(policy, /*dry_run=*/true);
  REQUIRE(told.ok());
  CHECK(told->segments > 0);
  CHECK(SegmentsOf(*store) == before);
  const auto done = store->Retain(policy);
  REQUIRE(done.ok());
  CHECK(done->segments == told->segments);
  CHECK(done->begin == told->begin);
  CHECK(store->Info().begin == done->begin);
  // What was said again may have begun another one.
  CHECK(SegmentsOf(*store) <= before - done->segments + 1);
  CHECK(BytesOn(disk) <= policy.max_bytes + kSegment);
}

}  // namespace
}  // namespace weir::testing
