// What a message store must do, as its users know it from RocketMQ: queues that are computed from
// the log, and a log that is opened after whatever happened to it.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "api/small_store.h"
#include "weir/commit_log.h"

namespace weir::testing {
namespace {

constexpr size_t kBodyBytes = 300;

std::unique_ptr<MessageStore> Open(FaultFileSystem& disk, ManualClock& clock) {
  return OpenStore(SmallOptions(disk, clock));
}

std::string PathOf(const std::string& name) { return "/store/" + name; }

std::vector<std::string> IndexNames(const FaultFileSystem& disk) {
  std::vector<std::string> names;
  for (const std::string& name : disk.ListFiles("/store")) {
    if (absl::EndsWith(name, ".index")) names.push_back(name);
  }
  return names;
}

void RemoveIndexes(FaultFileSystem& disk) {
  for (const std::string& name : IndexNames(disk)) disk.RemoveFile(PathOf(name));
}

// The whole topic in the order of the log; damage is stepped over.
Words OfTopic(MessageStore& store, TopicRef topic) {
  Words bodies;
  for (LogPosition position;;) {
    const auto result = store.ReadTopic(topic, position, {.max_messages = 1000});
    INFO(result.status());
    REQUIRE(result.ok());
    if (result->outcome() == ReadOutcome::kAtEnd) return bodies;
    for (const MessageView& message : *result) bodies.emplace_back(message.body());
    REQUIRE(result->next_position() > position);
    position = result->next_position();
  }
}

// Everything that its queues say of the store, for comparing.
Words ContentOf(MessageStore& store) {
  Words content;
  for (const TopicInfo& topic : store.Info().topics) {
    content.push_back(absl::StrCat(topic.name, " ", topic.messages, " ", topic.bytes));
    for (uint32_t id = 0; id < topic.queue_count; ++id) {
      const auto [first, end] = BoundsOf(store, topic.name, id);
      content.push_back(absl::StrCat(id, ": ", first, " to ", end));
      for (uint64_t offset = first; offset < end;) {
        const ReadResult result = Read(store, topic.name, id, offset, {.max_messages = 1000});
        REQUIRE(result.outcome() == ReadOutcome::kFound);
        for (const MessageView& message : result) {
          content.push_back(absl::StrCat(message.queue_offset().value(), " at ",
                                         message.position().value(), ", ", message.record_bytes(),
                                         ": ", message.tag(), " ", message.body()));
        }
        offset = result.next_offset().value();
      }
    }
  }
  return content;
}

// Empty if there is none.
std::string FirstDifference(const Words& found, const Words& expected) {
  for (size_t i = 0; i < std::max(found.size(), expected.size()); ++i) {
    const std::string left = i < found.size() ? found[i] : "nothing";
    const std::string right = i < expected.size() ? expected[i] : "nothing";
    if (left != right) return absl::StrCat(left, " instead of ", right);
  }
  return "";
}

// A closed store of some segments: [0, count) in queue 0 of "t".
std::vector<Receipt> MakeClosed(FaultFileSystem& disk, ManualClock& clock, size_t count) {
  auto store = Open(disk, clock);
  std::vector<Receipt> receipts = AppendNumbered(*store, "t", 0, count, kBodyBytes);
  Close(*store);
  return receipts;
}

// --- Queues

TEST_CASE("a record that is met in the log again and again has one entry in its queue", "[c46]") {
  FaultFileSystem first;
  ManualClock clock;
  std::unique_ptr<FaultFileSystem> disk;
  auto store = Open(first, clock);
  AppendNumbered(*store, "t", 0, 60, kBodyBytes);
  Flush(*store);
  RunUntilIdle(*store, clock);  // some of it is in index files,
  AppendNumbered(*store, "t", 60, 20, kBodyBytes);
  Flush(*store);
  AppendNumbered(*store, "t", 80, 10, kBodyBytes);  // some in segments, some in the front only
  const bool has_indexes = GENERATE(true, false);

  for (int deaths = 0; deaths < 4; ++deaths) {
    FaultFileSystem& dying = disk == nullptr ? first : *disk;
    auto next = std::make_unique<FaultFileSystem>(dying.ProcessDeath());
    dying.Kill();
    store.reset();
    disk = std::move(next);
    if (!has_indexes) RemoveIndexes(*disk);
    store = Open(*disk, clock);
    CHECK(BoundsOf(*store, "t", 0) == std::pair<uint64_t, uint64_t>(0, 90));
    CHECK(FirstDifference(AllOf(*store, "t", 0), NumberedBodies(0, 90, kBodyBytes)) == "");
    CHECK(FirstDifference(OfTopic(*store, "t"), NumberedBodies(0, 90, kBodyBytes)) == "");
    CHECK(store->Info().topics.at(0).messages == 90);
  }
}

TEST_CASE("one record in many queues is read from each by the offsets of that queue", "[c47]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = Open(disk, clock);
  REQUIRE(store->CreateTopic("players", 40).ok());
  REQUIRE(store->CreateTopic("audit", 1).ok());
  std::vector<uint64_t> ends(40, 0);
  uint64_t audit_end = 0;
  std::map<std::pair<uint32_t, uint64_t>, std::string> expected;
  std::map<uint64_t, std::string> audited;
  for (uint32_t round = 0; round < 60; ++round) {
    // Each round leaves other queues out, so that no two have the same offsets.
    std::vector<QueueRef> further = {{"audit", 0}};
    for (uint32_t id = 1; id < 40; ++id) {
      if ((round + id) % (id % 5 + 2) == 0) further.push_back({"players", id});
    }
    const std::string body = Numbered(round, 20);
    const Receipt receipt = Append(*store, {.topic = "players",
                                            .queue_id = 0,
                                            .further_queues = absl::MakeSpan(further),
                                            .body = body});
    CHECK(receipt.queue_offset == QueueOffset(ends[0]));
    expected[{0, ends[0]++}] = body;
    audited[audit_end++] = body;
    for (const QueueRef& queue : further) {
      if (queue.topic.name() == "players")
        expected[{queue.queue_id, ends[queue.queue_id]++}] = body;
    }
  }
  const auto check = [&](MessageStore& checked) {
    for (uint32_t id = 0; id < 40; ++id) {
      CHECK(BoundsOf(checked, "players", id).second == ends[id]);
      const ReadResult result = Read(checked, "players", id, 0, {.max_messages = 1000});
      REQUIRE(result.size() == ends[id]);
      for (uint64_t offset = 0; offset < ends[id]; ++offset) {
        CHECK(result[offset].queue_offset() == QueueOffset(offset));
        CHECK(result[offset].queue_id() == id);
        CHECK(result[offset].body() == expected[{id, offset}]);
      }
    }
    for (const auto& [offset, body] : audited) {
      CHECK(Read(checked, "audit", 0, offset, {.max_messages = 1})[0].body() == body);
    }
    // Of the topic as a whole each is seen once, though it lies in several of its queues.
    CHECK(FirstDifference(OfTopic(checked, "players"), NumberedBodies(0, 60, 20)) == "");
  };

  check(*store);
  FaultFileSystem after(disk.ProcessDeath());
  check(*Open(after, clock));
  Close(*store);
  check(*Open(disk, clock));
  RemoveIndexes(disk);
  check(*Open(disk, clock));
}

TEST_CASE("a queue's index that is gone or damaged is computed again, the same, and that is said",
          "[c54]") {
  FaultFileSystem disk;
  ManualClock clock;
  MakeClosed(disk, clock, 80);
  const Words content = ContentOf(*Open(disk, clock));
  const std::string name = IndexNames(disk).at(2);
  const std::string sound = disk.ReadFile(PathOf(name));
  REQUIRE(sound.size() > 200);

  const std::string how = GENERATE("gone", "empty", "cut short", "of another segment", "flipped");
  if (how == "gone") disk.RemoveFile(PathOf(name));
  if (how == "empty") disk.WriteFile(PathOf(name), "");
  if (how == "cut short") disk.WriteFile(PathOf(name), sound.substr(0, sound.size() / 2));
  if (how == "of another segment") {
    disk.WriteFile(PathOf(name), disk.ReadFile(PathOf(IndexNames(disk).at(3))));
  }
  size_t flipped_at = 0;
  if (how == "flipped") {
    flipped_at = GENERATE_COPY(size_t{4}, size_t{40}, sound.size() / 2, sound.size() - 1);
    std::string flipped = sound;
    flipped[flipped_at] = static_cast<char>(flipped[flipped_at] ^ 4);
    disk.WriteFile(PathOf(name), flipped);
  }
  CAPTURE(how, flipped_at, sound.size());

  // Whatever the file knew is known again: at once, and from the file that was written in its
  // place.
  for (int opens = 0; opens < 2; ++opens) {
    auto store = Open(disk, clock);
    CHECK(FirstDifference(ContentOf(*store), content) == "");
    RunUntilIdle(*store, clock);
    const std::vector<std::string>& notes = store->recovery().notes;
    const bool is_said = store->Stats().index_files_rebuilt > 0 ||
                         std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
                           return absl::StrContains(note, "index");
                         });
    CHECK(is_said == (opens == 0));
    CHECK(store->Verify()->findings.empty());
    CHECK(store->state() == StoreState::kHealthy);
    Close(*store);
    CHECK(disk.FileExists(PathOf(name)));
  }
}

// --- Opening again

TEST_CASE("closed and opened any number of times, the log and all queues end where they did",
          "[c56]") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<Receipt> receipts;
  {
    auto store = Open(disk, clock);
    for (size_t i = 0; i < 60; ++i) {
      const std::string body = Numbered(i, kBodyBytes);
      receipts.push_back(Append(
          *store, {.topic = i % 3 == 0 ? "a" : "b", .queue_id = i % 2, .tag = "T", .body = body}));
    }
    Close(*store);
  }
  const LogPosition end = Open(disk, clock)->Info().end;
  CHECK(end >= receipts.back().end);
  const size_t files = disk.ListFiles("/store").size();

  for (int opens = 0; opens < 25; ++opens) {
    auto store = Open(disk, clock);
    CHECK(store->recovery().was_clean);
    CHECK(store->recovery().end == end);
    CHECK(store->Info().end == end);
    CHECK(store->Info().durable == end);
    CHECK(BoundsOf(*store, "a", 0).second == 10);
    CHECK(BoundsOf(*store, "a", 1).second == 10);
    CHECK(BoundsOf(*store, "b", 0).second == 20);
    CHECK(BoundsOf(*store, "b", 1).second == 20);
    for (size_t i = 0; i < 60; i += 7) {
      const auto found = store->ReadAt(receipts[i].position);
      REQUIRE(found.ok());
      CHECK((*found)[0].body() == Numbered(i, kBodyBytes));
      CHECK((*found)[0].queue_offset() == receipts[i].queue_offset);
    }
    Close(*store);
  }
  CHECK(disk.ListFiles("/store").size() <= files);
}

TEST_CASE("after a clean close a damaged last record is told, not cut, and writing goes on behind",
          "[c57]") {
  FaultFileSystem disk;
  ManualClock clock;
  const std::vector<Receipt> receipts = MakeClosed(disk, clock, 20);
  FlipBit(disk, receipts.back().position + 60);

  auto store = Open(disk, clock);
  CHECK(store->state() == StoreState::kDegraded);
  REQUIRE(store->recovery().damage.size() == 1);
  CHECK(store->recovery().damage[0].begin == receipts.back().position);
  CHECK(store->recovery().damage[0].end >= receipts.back().end);
  CHECK(store->recovery().dropped_records == 0);
  Words expected = NumberedBodies(0, 19, kBodyBytes);
  CHECK(FirstDifference(OfTopic(*store, "t"), expected) == "");

  for (int opens = 0; opens < 3; ++opens) {
    const std::string body = absl::StrCat("behind ", opens);
    const Receipt receipt = Append(*store, {.topic = "t", .queue_id = 0, .body = body});
    CHECK(receipt.position >= receipts.back().end);
    expected.push_back(body);
    CHECK(FirstDifference(OfTopic(*store, "t"), expected) == "");
    CHECK(Read(*store, "t", 0, receipt.queue_offset.value())[0].body() == body);
    CHECK(BoundsOf(*store, "t", 0).second == receipt.queue_offset.value() + 1);
    Close(*store);
    store = Open(disk, clock);
  }
  for (size_t i = 0; i < 19; ++i) CHECK(Read(*store, "t", 0, i)[0].body() == expected[i]);
}

TEST_CASE("after an unclean end a torn last record ends the log, and its offset is given again",
          "[c58]") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.front_directory = "private";
  auto writer = OpenStore(options);
  AppendNumbered(*writer, "t", 0, 10, kBodyBytes);
  Flush(*writer);
  const std::vector<Receipt> late = AppendNumbered(*writer, "t", 10, 10, kBodyBytes);
  writer->RunOnce();  // written, not synced
  const bool has_power = GENERATE(true, false);
  CAPTURE(has_power);
  FaultFileSystem after(has_power ? disk.ProcessDeath()
                                  : disk.PowerLoss(LossPlan::KeepEverything()));
  disk.Kill();

  SECTION("one that was never known to be durable is where the last write stopped") {
    FlipBit(after, late.back().position + 60);
    options.file_system = &after;
    auto store = OpenStore(options);
    CHECK_FALSE(store->recovery().was_clean);
    CHECK(store->recovery().damage.empty());
    CHECK(store->state() == StoreState::kHealthy);
    CHECK(FirstDifference(AllOf(*store, "t", 0), NumberedBodies(0, 19, kBodyBytes)) == "");
    for (int opens = 0; opens < 3; ++opens) {
      const std::string body = absl::StrCat("again ", opens);
      const Receipt receipt = Append(*store, {.topic = "t", .queue_id = 0, .body = body});
      CHECK(receipt.queue_offset == QueueOffset(19 + static_cast<uint64_t>(opens)));
      CHECK(receipt.position >= late.back().position);
      Close(*store);
      store = OpenStore(options);
      CHECK(store->recovery().was_clean);
      CHECK(Read(*store, "t", 0, receipt.queue_offset.value())[0].body() == body);
    }
    CHECK(BoundsOf(*store, "t", 0).second == 22);
  }
  SECTION("one that was is damage") {
    const auto early = Read(*writer, "t", 0, 9);
    REQUIRE(early.size() >= 1);
    FlipBit(after, early[0].position() + 60);
    options.file_system = &after;
    auto store = OpenStore(options);
    CHECK(store->state() == StoreState::kDegraded);
    CHECK(store->recovery().damage.size() == 1);
    Words expected = NumberedBodies(0, 20, kBodyBytes);
    expected.erase(expected.begin() + 9);
    CHECK(FirstDifference(OfTopic(*store, "t"), expected) == "");
  }
}

TEST_CASE("a close that cannot finish leaves a store that is opened as after a crash, and whole",
          "[c59]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = Open(disk, clock);
  AppendNumbered(*store, "t", 0, 20, kBodyBytes);

  SECTION("for want of a disk") {
    disk.Inject(InputOutputError({.kind = OperationKind::kSync, .times = Fault::kForEver}));
    disk.Inject(
        InputOutputError({.kind = OperationKind::kSyncDirectory, .times = Fault::kForEver}));
    CHECK_FALSE(store->Close().ok());
  }
  SECTION("for want of space") {
    disk.Inject(DiskFull({.kind = OperationKind::kWrite, .times = Fault::kForEver}));
    CHECK_FALSE(store->Close().ok());
  }
  SECTION("because a claim is held") {
    auto claim = store->Claim({.topic = "t", .queue_id = 0}, 10);
    REQUIRE(claim.ok());
    CHECK_FALSE(store->Close().ok());
  }
  CHECK(store->state() == StoreState::kClosed);
  store.reset();
  disk.ClearFaults();

  store = Open(disk, clock);
  CHECK_FALSE(store->recovery().was_clean);
  CHECK(store->recovery().front_adopted);
  CHECK(FirstDifference(AllOf(*store, "t", 0), NumberedBodies(0, 20, kBodyBytes)) == "");
  Close(*store);
  store = Open(disk, clock);
  CHECK(store->recovery().was_clean);
  CHECK(FirstDifference(AllOf(*store, "t", 0), NumberedBodies(0, 20, kBodyBytes)) == "");
}

TEST_CASE("index files that know more than the log, or less, are brought to what the log holds",
          "[c60]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = Open(disk, clock);
  AppendNumbered(*store, "t", 0, 30, kBodyBytes);
  Flush(*store);
  RunUntilIdle(*store, clock);
  const CrashImage early = disk.Freeze();
  AppendNumbered(*store, "t", 30, 60, kBodyBytes);
  Close(*store);
  const std::vector<std::string> all = IndexNames(disk);

  SECTION("ahead") {
    FaultFileSystem older(early.PowerLoss(LossPlan::LoseEverything()));
    const size_t had = IndexNames(older).size();
    REQUIRE(had < all.size());
    for (const std::string& name : all) {
      if (!older.FileExists(PathOf(name))) {
        older.WriteFile(PathOf(name), disk.ReadFile(PathOf(name)));
      }
    }
    for (int opens = 0; opens < 2; ++opens) {
      auto again = Open(older, clock);
      const size_t count = 30 + 60 * static_cast<size_t>(opens);
      CHECK(FirstDifference(AllOf(*again, "t", 0), NumberedBodies(0, count, kBodyBytes)) == "");
      AppendNumbered(*again, "t", count, 60, kBodyBytes);
      RunUntilIdle(*again, clock);
      CHECK(FirstDifference(AllOf(*again, "t", 0), NumberedBodies(0, count + 60, kBodyBytes)) ==
            "");
      const auto report = again->Verify();
      for (const VerifyFinding& finding : report->findings) {
        FAIL_CHECK(finding.file << " at " << finding.position << ": " << finding.what);
      }
      Close(*again);
    }
  }
  SECTION("behind") {
    const size_t missing = GENERATE(size_t{1}, size_t{3}, size_t{6});
    for (size_t i = 0; i < missing; ++i) disk.RemoveFile(PathOf(all[all.size() - 1 - i]));
    auto again = Open(disk, clock);
    CHECK(FirstDifference(AllOf(*again, "t", 0), NumberedBodies(0, 90, kBodyBytes)) == "");
    CHECK(again->Info().topics.at(0).messages == 90);
    Close(*again);
    CHECK(IndexNames(disk) == all);
  }
  SECTION("older, of the same segments") {
    // A snapshot of index files that a later life of the log has written anew.
    FaultFileSystem mixed(early.ProcessDeath());
    auto again = Open(mixed, clock);
    AppendNumbered(*again, "t", 30, 20, kBodyBytes);
    Close(*again);
    for (const std::string& name : IndexNames(mixed)) {
      if (disk.FileExists(PathOf(name))) {
        mixed.WriteFile(PathOf(name), disk.ReadFile(PathOf(name)));
      }
    }
    again = Open(mixed, clock);
    CHECK(FirstDifference(AllOf(*again, "t", 0), NumberedBodies(0, 50, kBodyBytes)) == "");
  }
}

TEST_CASE("a second opener is refused, of this process too, until the first has closed", "[c64]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto first = Open(disk, clock);
  const auto other = disk.AnotherProcess();
  Append(*first, {.topic = "t", .queue_id = 0, .body = "one"});

  CHECK(absl::IsUnavailable(MessageStore::Open(SmallOptions(disk, clock)).status()));
  CHECK(absl::IsUnavailable(CommitLog::Open(SmallOptions(disk, clock)).status()));
  CHECK(absl::IsUnavailable(MessageStore::Open(SmallOptions(*other, clock)).status()));
  Append(*first, {.topic = "t", .queue_id = 0, .body = "two"});
  Close(*first);  // the object lives on

  {
    auto second = Open(*other, clock);
    CHECK(second->recovery().was_clean);
    CHECK(AllOf(*second, "t", 0) == Words{"one", "two"});
    CHECK(absl::IsUnavailable(MessageStore::Open(SmallOptions(disk, clock)).status()));
  }
  CHECK(AllOf(*Open(disk, clock), "t", 0) == Words{"one", "two"});
}

// --- Files that are not as they were left

TEST_CASE("a flipped bit in an old segment costs the record that it is in, which is named",
          "[c65]") {
  FaultFileSystem disk;
  ManualClock clock;
  const std::vector<Receipt> receipts = MakeClosed(disk, clock, 80);
  for (const size_t k : {size_t{0}, size_t{13}, size_t{40}}) {
    CAPTURE(k);
    const LogPosition place = receipts[k].position;
    REQUIRE(place.value() / kSegment + 2 < receipts.back().position.value() / kSegment);
    FlipBit(disk, place + 100, 5);
    auto store = Open(disk, clock);

    const ReadResult bad = Read(*store, "t", 0, k);
    CHECK(bad.outcome() == ReadOutcome::kDamaged);
    REQUIRE(bad.damage().has_value());
    CHECK(bad.damage()->begin == place);
    CHECK(bad.damage()->end == receipts[k].end);
    CHECK(absl::StrContains(bad.damage()->reason, FileOf(place).substr(7)));
    Words expected = NumberedBodies(0, 80, kBodyBytes);
    expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(k));
    CHECK(FirstDifference(AllOf(*store, "t", 0), expected) == "");
    CHECK(FirstDifference(OfTopic(*store, "t"), expected) == "");
    const auto verified = store->Verify();
    REQUIRE(verified.ok());
    REQUIRE(verified->findings.size() == 1);
    CHECK(verified->findings[0].position == place);
    CHECK(PathOf(verified->findings[0].file) == FileOf(place));
    Close(*store);
    FlipBit(disk, place + 100, 5);
  }
}

TEST_CASE("what was behind a cut never comes back, whatever is written over it or not", "[c66]") {
  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<FaultFileSystem> now;
  auto store = Open(disk, clock);
  AppendNumbered(*store, "t", 0, 5, kBodyBytes);
  Flush(*store);
  const Receipt hole = Append(*store, {.topic = "t", .queue_id = 0, .body = "hole"});
  for (int i = 0; i < 25; ++i) {
    Append(*store, {.topic = "t", .queue_id = 0, .body = std::string(kBodyBytes, 'S')});
  }
  for (int i = 0; i < 20; ++i) store->RunOnce();
  now = std::make_unique<FaultFileSystem>(disk.PowerLoss(LossPlan::KeepEverything()));
  disk.Kill();
  FlipBit(*now, hole.position + 50);

  // Lives that end in every way, each with less written than was there before.
  Words expected = NumberedBodies(0, 5, kBodyBytes);
  for (int life = 0; life < 12; ++life) {
    CAPTURE(life);
    store = Open(*now, clock);
    CHECK(store->recovery().damage.empty());
    CHECK(FirstDifference(AllOf(*store, "t", 0), expected) == "");
    const auto records = store->Dump(LogPosition(0), 100'000);
    REQUIRE(records.ok());
    for (const RecordInfo& record : *records) CHECK_FALSE(absl::StrContains(record.text, "SSSS"));
    const std::string body = Numbered(static_cast<size_t>(life), 40);
    Append(*store, {.topic = "t", .queue_id = 0, .body = body}, {.durability = Durability::kDisk});
    expected.push_back(body);
    std::unique_ptr<FaultFileSystem> next;
    if (life % 3 == 0) Close(*store);
    if (life % 3 == 1) {
      // Written, not synced, and taken by a power loss again.
      Append(*store, {.topic = "t", .queue_id = 0, .body = std::string(kBodyBytes, 'S')});
      next = std::make_unique<FaultFileSystem>(now->PowerLoss(LossPlan::LoseEverything()));
    } else {
      next = std::make_unique<FaultFileSystem>(now->ProcessDeath());
    }
    now->Kill();
    store.reset();
    now = std::move(next);
  }
}

TEST_CASE("old records in a recycled file are never read as new ones", "[c66]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto opened = CommitLog::Open(SmallOptions(disk, clock));
  REQUIRE(opened.ok());
  std::unique_ptr<CommitLog> log = *std::move(opened);
  for (int i = 0; i < 80; ++i) REQUIRE(log->Append(std::string(kBodyBytes, 'S')).ok());
  REQUIRE(log->Flush().ok());
  REQUIRE(log->TrimTo(log->end()).ok());
  const LogPosition begin = log->begin();
  Words expected;
  for (size_t i = 0; i < 30; ++i) {
    expected.push_back(Numbered(i, kBodyBytes));
    REQUIRE(log->Append(expected.back(), {.durability = Durability::kDisk}).ok());
    log->RunOnce();
  }
  REQUIRE(log->Stats().segments_recycled > 0);

  for (const bool has_power : {true, false}) {
    FaultFileSystem after(has_power ? disk.ProcessDeath()
                                    : disk.PowerLoss(LossPlan::KeepEverything()));
    auto again = CommitLog::Open(SmallOptions(after, clock));
    REQUIRE(again.ok());
    CHECK((*again)->recovery().damage.empty());
    CHECK((*again)->begin() == begin);
    const auto read = (*again)->Read(LogPosition(0), 1000);
    REQUIRE(read.ok());
    Words bodies;
    for (const JournalEntry& entry : read->entries) {
      if (!absl::StartsWith(entry.body, "SSSS")) bodies.emplace_back(entry.body);
      // Of the old ones only those that share a segment with the begin are still there.
      if (absl::StartsWith(entry.body, "SSSS")) CHECK(entry.position < begin + kSegment);
    }
    CHECK(bodies == expected);
  }
}

TEST_CASE("empty, short, long and foreign segment files do not keep a store from opening",
          "[c67]") {
  FaultFileSystem disk;
  ManualClock clock;
  const std::vector<Receipt> receipts = MakeClosed(disk, clock, 40);
  const std::string last = FileOf(receipts.back().position);
  const LogPosition next((receipts.back().position.value() / kSegment + 1) * kSegment);
  size_t intact = 40;

  SECTION("an empty file where the next segment belongs") { disk.WriteFile(FileOf(next), ""); }
  SECTION("a short one") { disk.WriteFile(FileOf(next), "short"); }
  SECTION("zeros") { disk.WriteFile(FileOf(next), std::string(kSegment, '\0')); }
  SECTION("one that is too long") { disk.WriteFile(FileOf(next), std::string(3 * kSegment, 'x')); }
  SECTION("one far behind the end") {
    disk.WriteFile(FileOf(next + 50 * kSegment), GENERATE("", "garbage"));
  }
  SECTION("another segment's bytes behind the end") {
    disk.WriteFile(FileOf(next), disk.ReadFile(FileOf(LogPosition(kSegment))));
  }
  SECTION("the last one longer than it was") {
    disk.WriteFile(last, disk.ReadFile(last) + std::string(5000, 'x'));
  }
  SECTION("the last one cut short") {
    const std::string content = disk.ReadFile(last);
    disk.WriteFile(last, content.substr(0, receipts.back().position.value() % kSegment + 20));
    intact = 39;
  }
  SECTION("the last one empty") {
    disk.WriteFile(last, "");
    intact = 0;
    while (FileOf(receipts[intact].position) != last) ++intact;
  }

  for (int opens = 0; opens < 3; ++opens) {
    auto store = Open(disk, clock);
    CAPTURE(opens, intact, store->Info().reason);
    // What stands behind the end may have been a segment that cannot be read: that is said, once.
    if (store->state() != StoreState::kHealthy && intact == 40) {
      CHECK(opens == 0);
      CHECK(absl::StrContains(store->Info().reason, "0000"));
    }
    if (intact < 40 && opens == 0) CHECK(store->state() == StoreState::kDegraded);
    const bool is_sound = store->Verify()->findings.empty();
    if (intact < 40 || opens > 0) CHECK(is_sound == (intact == 40));
    Words expected = NumberedBodies(0, intact, kBodyBytes);
    for (int i = 0; i < opens * 20; ++i) expected.push_back("more");
    CHECK(FirstDifference(OfTopic(*store, "t"), expected) == "");
    for (int i = 0; i < 20; ++i) Append(*store, {.topic = "t", .queue_id = 0, .body = "more"});
    Close(*store);
  }
}

// --- Dying, and time

TEST_CASE("a recovery that dies at any call is taken up by the next one, and ends the same",
          "[c68]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = Open(disk, clock);
  AppendNumbered(*store, "t", 0, 30, kBodyBytes);
  Flush(*store);
  AppendNumbered(*store, "t", 30, 10, kBodyBytes);
  store->RunOnce();
  const bool has_power = GENERATE(true, false);
  const CrashImage before =
      has_power ? disk.ProcessDeath() : disk.PowerLoss(LossPlan::KeepEverything());
  disk.Kill();
  Words expected;
  {
    FaultFileSystem undisturbed(before);
    expected = AllOf(*Open(undisturbed, clock), "t", 0);
  }
  REQUIRE(expected.size() >= 30);

  uint64_t deaths = 0;
  for (uint64_t call = 1;; ++call) {
    CAPTURE(has_power, call);
    FaultFileSystem dying(before);
    uint64_t calls = 0;
    dying.SetHook([&](const Operation&) {
      if (++calls == call) dying.Kill();
    });
    const bool is_through = MessageStore::Open(SmallOptions(dying, clock)).ok();
    dying.SetHook(nullptr);
    FaultFileSystem after(dying.ProcessDeath());
    dying.Kill();
    auto again = Open(after, clock);
    CHECK(again->recovery().damage.empty());
    CHECK(FirstDifference(AllOf(*again, "t", 0), expected) == "");
    Append(*again, {.topic = "t", .queue_id = 0, .body = "goes on"});
    Close(*again);
    auto last = Open(after, clock);
    CHECK(AllOf(*last, "t", 0).size() == expected.size() + 1);
    if (is_through) break;
    ++deaths;
  }
  CHECK(deaths > 20);
}

// What an open reads of a store whose process died after `segments` of them.
uint64_t BytesReadAfterDeath(size_t segments, bool has_power) {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  for (size_t i = 0; store->Info().end < LogPosition(segments * kSegment); ++i) {
    AppendNumbered(*store, "t", i, 1, kBodyBytes);
    if (i % 10 == 9) RunUntilIdle(*store, clock);
  }
  FaultFileSystem after(has_power ? disk.ProcessDeath()
                                  : disk.PowerLoss(LossPlan::KeepEverything()));
  disk.Kill();
  return Open(after, clock)->recovery().bytes_read;
}

TEST_CASE("what recovery reads is the active part of the log, however long the log is", "[c69]") {
  const bool has_power = GENERATE(true, false);
  const uint64_t few = BytesReadAfterDeath(8, has_power);
  const uint64_t many = BytesReadAfterDeath(128, has_power);
  CAPTURE(has_power, few, many);
  CHECK(few > 0);
  CHECK(many <= few + 4 * kSegment);
  CHECK(many < 128 * kSegment / 4);
}

TEST_CASE("a clock that jumps a day, back or forward, changes neither order nor the sense of times",
          "[c70]") {
  constexpr int64_t kDay = 86'400'000'000'000;
  FaultFileSystem disk;
  ManualClock clock;
  auto store = Open(disk, clock);
  int64_t hand = ManualClock::kDefaultWallNanos;
  absl::Time latest = absl::InfinitePast();
  size_t count = 0;
  for (const int64_t jump : {int64_t{0}, -kDay, kDay, 2 * kDay, -3 * kDay, kDay}) {
    CAPTURE(jump);
    hand += jump;
    clock.SetWallNanos(hand);
    AppendNumbered(*store, "t", count, 5, kBodyBytes);
    count += 5;
    const ReadResult result = Read(*store, "t", 0, 0, {.max_messages = 1000});
    CHECK(BodiesOf(result) == NumberedBodies(0, count, kBodyBytes));
    for (size_t i = 0; i < result.size(); ++i) {
      CHECK((i == 0 || result[i].store_time() >= result[i - 1].store_time()));
    }
    // Never before what was there, and the clock's own time where it is ahead of that.
    CHECK(result[count - 1].store_time() == std::max(latest, absl::FromUnixNanos(hand)));
    latest = result[count - 1].store_time();
    // How long calls wait does not rest on that clock.
    CHECK(absl::IsDeadlineExceeded(store->Flush(absl::ZeroDuration())));
    Flush(*store);
    if (count % 10 == 0) {
      Close(*store);
      store = Open(disk, clock);
    } else {
      FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
      CHECK(FirstDifference(AllOf(*Open(after, clock), "t", 0),
                            NumberedBodies(0, count, kBodyBytes)) == "");
    }
  }
}

// --- The list

TEST_CASE("every behaviour of the list that this version has is tested under its number") {
  std::set<int> wanted = {1, 2, 10, 13, 14, 16, 46, 47, 54};
  for (const auto& [first, last] :
       std::vector<std::pair<int, int>>{{4, 8}, {18, 27}, {29, 36}, {56, 60}, {64, 70}}) {
    for (int number = first; number <= last; ++number) wanted.insert(number);
  }
  std::map<int, int> found;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(WEIR_SOURCE_DIR) + "/tests/api")) {
    if (entry.path().extension() != ".cc") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const std::string source = text.str();
    const std::string opening = std::string("\"") + "[c";
    for (size_t at = 0; (at = source.find(opening, at)) != std::string::npos; ++at) {
      const size_t begin = at + opening.size();
      const size_t end = source.find("]\"", begin);
      int number = 0;
      if (absl::SimpleAtoi(source.substr(begin, end - begin), &number)) ++found[number];
    }
  }
  for (const int number : wanted) {
    CAPTURE(number);
    CHECK(found[number] > 0);
  }
  CHECK(wanted.size() == 44);
  int tags = 0;
  for (const auto& [number, times] : found) tags += times;
  CHECK(tags >= 47);
}

}  // namespace
}  // namespace weir::testing
