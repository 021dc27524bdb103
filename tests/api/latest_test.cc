// The newest message of every key: found while its segment is there and when it is gone, over every
// kind of end, and never delivered twice.

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "api/small_store.h"
#include "support/loss_plan.h"
#include "support/random.h"

namespace weir::testing {
namespace {

constexpr size_t kBody = 200;

using Values = std::map<std::string, std::string>;

std::unique_ptr<MessageStore> OpenCompacted(const StoreOptions& options) {
  auto store = OpenStore(options);
  const auto topic = store->CreateTopic("t", {.queue_count = 2, .is_compacted = true});
  INFO(topic.status());
  REQUIRE(topic.ok());
  return store;
}

Receipt Put(MessageStore& store, absl::string_view key, absl::string_view body,
            absl::string_view topic = "t") {
  return Append(store, {.topic = topic, .queue_id = 0, .keys = {key}, .body = body});
}

// Appends to a topic of no interest, and lets the background work.
void Fill(MessageStore& store, ManualClock& clock, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    AppendNumbered(store, "busy", i, 1, kBody);
    if (i % 8 == 0) RunUntilIdle(store, clock);
  }
  Flush(store);
  RunUntilIdle(store, clock);
}

// Its body; nullopt: there is none.
std::optional<std::string> LatestOf(MessageStore& store, absl::string_view key,
                                    TopicRef topic = "t") {
  const absl::StatusOr<ReadResult> found = store.Latest(topic, key);
  if (absl::IsNotFound(found.status())) return std::nullopt;
  INFO(found.status());
  REQUIRE(found.ok());
  REQUIRE(found->size() == 1);
  CHECK(found->outcome() == ReadOutcome::kFound);
  CHECK((*found)[0].keys().front() == key);
  return std::string((*found)[0].body());
}

Values AllLatest(MessageStore& store, TopicRef topic = "t", uint32_t limit = 3) {
  Values values;
  LatestCursor cursor;
  for (bool is_done = false; !is_done;) {
    const absl::StatusOr<LatestResult> page = store.ReadLatest(topic, cursor, {.limit = limit});
    INFO(page.status());
    REQUIRE(page.ok());
    CHECK(page->damage().empty());
    CHECK(page->size() <= limit);
    for (const MessageView& message : *page) {
      const std::string key(message.keys().front());
      CHECK((values.empty() || values.rbegin()->first < key));
      values[key] = std::string(message.body());
    }
    is_done = page->is_done();
    REQUIRE((is_done || page->next() != cursor));
    cursor = page->next();
  }
  for (const auto& [key, body] : values) CHECK(LatestOf(store, key, topic) == body);
  return values;
}

TEST_CASE("the newest message of a key is found, and nothing when it was deleted") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenCompacted(SmallOptions(disk, clock));
  CHECK(LatestOf(*store, "a") == std::nullopt);
  Put(*store, "a", "1");
  const Receipt newest = Put(*store, "a", "2");
  Put(*store, "b", "3");
  Append(*store, {.topic = "t", .queue_id = 1, .keys = {"c", "a"}, .body = "4"});
  CHECK(AllLatest(*store) == Values{{"a", "2"}, {"b", "3"}, {"c", "4"}});
  const auto found = store->Latest("t", "a");
  CHECK((*found)[0].position() == newest.position);
  CHECK((*found)[0].queue_offset() == newest.queue_offset);
  CHECK(found->next_offset() == newest.queue_offset + 1);
  Put(*store, "a", "");
  CHECK(AllLatest(*store) == Values{{"b", "3"}, {"c", "4"}});
  Put(*store, "a", "5");
  CHECK(LatestOf(*store, "a") == "5");
  // Queues have all of them.
  CHECK(AllOf(*store, "t", 0) == Words{"1", "2", "3", "", "5"});
  CHECK(store->Stats().latest_keys == 3);
}

TEST_CASE("what makes no sense of a compacted topic is refused, and leaves nothing behind") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenCompacted(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("plain", 1).ok());
  const Topic t = *store->FindTopic("t");
  CHECK(absl::IsInvalidArgument(store->Append({.topic = t, .body = "x"}).status()));
  CHECK(absl::IsInvalidArgument(store->Append({.topic = "t", .tag = "x", .body = "x"}).status()));
  CHECK(absl::IsInvalidArgument(store->Claim({.topic = "t"}, 4).status()));
  const std::vector<QueueRef> further = {{"t", 1}};
  CHECK(absl::IsInvalidArgument(
      store->Append({.topic = "plain", .further_queues = further, .body = "x"}).status()));
  CHECK(AllOf(*store, "plain", 0).empty());
  CHECK(absl::IsInvalidArgument(store->Latest("plain", "k").status()));
  CHECK(absl::IsInvalidArgument(store->ReadLatest("plain").status()));
  CHECK(absl::IsInvalidArgument(store->Latest("t", "").status()));
  CHECK(absl::IsInvalidArgument(store->Latest("t", std::string(256, 'k')).status()));
  CHECK(absl::IsInvalidArgument(store->ReadLatest("t", {}, {.limit = 0}).status()));
  CHECK(absl::IsNotFound(store->Latest("nobody", "k").status()));
  // Whether it is compacted never changes.
  CHECK(absl::IsAlreadyExists(store->CreateTopic("t", 2).status()));
  CHECK(absl::IsAlreadyExists(
      store->CreateTopic("plain", {.queue_count = 1, .is_compacted = true}).status()));
  CHECK(*store->CreateTopic("t", {.queue_count = 2, .is_compacted = true}) == t);
  REQUIRE(store->AlterTopic("t", {.max_age = absl::Hours(1)}).ok());
  CHECK(absl::IsInvalidArgument(store->Append({.topic = t, .body = "x"}).status()));
  CHECK(store->Info().topics[0].is_compacted);
  CHECK_FALSE(store->Info().topics[1].is_compacted);
}

TEST_CASE("a message that is in many topics is the newest of its key in each that is compacted") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenCompacted(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("plain", 1).ok());
  REQUIRE(store->CreateTopic("u", {.queue_count = 2, .is_compacted = true}).ok());
  const std::vector<QueueRef> further = {{"u", 1}, {"t", 1}, {"u", 0}};
  Append(
      *store,
      {.topic = "plain", .queue_id = 0, .keys = {"k"}, .further_queues = further, .body = "many"});
  CHECK(AllLatest(*store, "t") == Values{{"k", "many"}});
  CHECK(AllLatest(*store, "u") == Values{{"k", "many"}});
  CHECK((*store->Latest("u", "k"))[0].queue_id() == 0);
  CHECK((*store->Latest("t", "k"))[0].queue_id() == 1);
  // In one of them it is deleted, and in no other: not by a copy either.
  Append(*store, {.topic = "t", .queue_id = 0, .keys = {"k"}});
  Fill(*store, clock, 40);
  REQUIRE(store->Retain({.max_bytes = 6 * kSegment})->segments > 0);
  CHECK(LatestOf(*store, "k", "t") == std::nullopt);
  CHECK(LatestOf(*store, "k", "u") == "many");
  FaultFileSystem again(disk.ProcessDeath());
  for (const std::string& name : again.ListFiles("/store")) {
    if (absl::EndsWith(name, ".index")) again.RemoveFile("/store/" + name);
  }
  auto reopened = OpenStore(SmallOptions(again, clock));
  CHECK(LatestOf(*reopened, "k", "t") == std::nullopt);
  CHECK(LatestOf(*reopened, "k", "u") == "many");
}

TEST_CASE("the newest of every key outlives every segment that held it, and every index file") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_bytes = 16 * kSegment;
  options.front_directory = GENERATE("", "private");
  options.visibility = GENERATE(Visibility::kOnAppend, Visibility::kOnDurable);
  auto store = OpenCompacted(options);
  for (int round = 0; round < 3; ++round) {
    for (int key = 0; key < 10; ++key) {
      Put(*store, absl::StrCat("key", key), absl::StrCat("body ", key, " ", round));
    }
  }
  const Receipt first = Put(*store, "kept", "first");
  const MessageId id = *store->IdOf(first.position);
  Put(*store, "key7", "");
  Flush(*store);
  Values before = AllLatest(*store);
  REQUIRE(before.size() == 10);
  REQUIRE(before.count("key7") == 0);
  const LogPosition end = store->Info().end;
  Fill(*store, clock, 400);
  REQUIRE(store->Info().begin > end);  // no original is left
  CHECK(AllLatest(*store) == before);
  CHECK(store->Stats().carried_messages >= before.size());
  CHECK(store->Stats().carried_bytes > 0);
  CHECK(AllOf(*store, "t", 0).empty());
  CHECK(store->FindByKey("t", "kept")->empty());

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
  CHECK(again->state() == StoreState::kHealthy);
  CHECK(AllLatest(*again) == before);
  CHECK(again->Verify()->findings.empty());
  CHECK(AllOf(*again, "t", 0).empty());
  CHECK(BoundsOf(*again, "t", 0) == std::pair<uint64_t, uint64_t>{32, 32});
  CHECK(again->FindByKey("t", "kept")->empty());
  // Ids find it, and it is what it was.
  const auto found = again->FindById(id);
  INFO(found.status());
  REQUIRE(found.ok());
  CHECK((*found)[0].body() == "first");
  CHECK((*found)[0].position() == first.position);
  CHECK((*found)[0].queue_offset() == first.queue_offset);
  CHECK(*again->IdOf(first.position) == id);
  CHECK((*again->Latest("t", "kept"))[0].position() == first.position);
  CHECK(absl::IsOutOfRange(again->ReadAt(first.position).status()));
  // Copies of copies.
  Fill(*again, clock, 300);
  CHECK(AllLatest(*again) == before);
  CHECK((*again->FindById(id))[0].body() == "first");
  Put(*again, "kept", "second");
  Flush(*again);
  CHECK(LatestOf(*again, "kept") == "second");
  CHECK(absl::IsOutOfRange(again->FindById(id).status()));
}

TEST_CASE("what is not the newest any more, has expired or was purged is not carried") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_bytes = 16 * kSegment;
  auto store = OpenCompacted(options);
  Put(*store, "deleted", "x");
  Put(*store, "old", "x");
  Append(*store, {.topic = "t",
                  .queue_id = 0,
                  .keys = {"expired"},
                  .expires_at = absl::FromUnixNanos(clock.WallNanos()) + absl::Seconds(5),
                  .body = "x"});
  Append(*store, {.topic = "t",
                  .queue_id = 0,
                  .keys = {"expiring"},
                  .expires_at = absl::FromUnixNanos(clock.WallNanos()) + absl::Hours(5),
                  .body = "late"});
  CHECK(LatestOf(*store, "expired") == "x");
  Put(*store, "deleted", "");
  Fill(*store, clock, 40);
  CHECK(LatestOf(*store, "expired") == std::nullopt);
  Put(*store, "old", "new");
  Fill(*store, clock, 400);
  CHECK(AllLatest(*store) == Values{{"expiring", "late"}, {"old", "new"}});
  CHECK(store->Stats().latest_keys == 2);
  clock.Advance(absl::Hours(6));
  CHECK(LatestOf(*store, "expiring") == std::nullopt);
  CHECK(AllLatest(*store) == Values{{"old", "new"}});
  Fill(*store, clock, 100);
  CHECK(store->Stats().latest_keys == 1);
}

TEST_CASE("a clock that jumps ahead and back takes no newest message for good") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_bytes = 16 * kSegment;
  auto store = OpenCompacted(options);
  Append(*store, {.topic = "t",
                  .queue_id = 0,
                  .keys = {"k"},
                  .expires_at = absl::FromUnixNanos(clock.WallNanos()) + absl::Hours(24),
                  .body = "x"});
  const int64_t now = clock.WallNanos();
  clock.SetWallNanos(now + int64_t{365} * 86400 * 1000000000);
  CHECK(LatestOf(*store, "k") == std::nullopt);
  Fill(*store, clock, 200);
  REQUIRE(store->Info().begin > LogPosition(kSegment));
  clock.SetWallNanos(now);
  CHECK(LatestOf(*store, "k") == "x");
}

TEST_CASE("a purge takes keys whose newest message it purges, carried or not, and no other") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_bytes = 16 * kSegment;
  auto store = OpenCompacted(options);
  for (int i = 0; i < 6; ++i) Put(*store, absl::StrCat("k", i), "x");
  Append(*store, {.topic = "t", .queue_id = 1, .keys = {"other"}, .body = "y"});
  const bool is_carried = GENERATE(false, true);
  if (is_carried) Fill(*store, clock, 400);
  REQUIRE(store->PurgeQueue("t", 0, QueueOffset(3)).ok());
  const Values left = {{"k3", "x"}, {"k4", "x"}, {"k5", "x"}, {"other", "y"}};
  CHECK(AllLatest(*store) == left);
  Put(*store, "k0", "again");
  REQUIRE(store->PurgeQueue("t", 0, QueueOffset(4)).ok());
  CHECK(AllLatest(*store) == Values{{"k0", "again"}, {"k4", "x"}, {"k5", "x"}, {"other", "y"}});
  if (!is_carried) Fill(*store, clock, 400);
  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  for (const std::string& name : after.ListFiles("/store")) {
    if (absl::EndsWith(name, ".index")) after.RemoveFile("/store/" + name);
  }
  options.file_system = &after;
  auto again = OpenStore(options);
  CHECK(AllLatest(*again) == Values{{"k0", "again"}, {"k4", "x"}, {"k5", "x"}, {"other", "y"}});
  REQUIRE(again->PurgeTopic("t").ok());
  CHECK(AllLatest(*again).empty());
  Fill(*again, clock, 20);
  CHECK(again->Stats().latest_keys == 0);
  CHECK(again->Stats().latest_bytes == 0);
}

TEST_CASE("a deleted topic takes its keys with it, and one of its name begins with none") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_bytes = 16 * kSegment;
  auto store = OpenCompacted(options);
  Put(*store, "k", "x");
  const bool is_carried = GENERATE(false, true);
  if (is_carried) Fill(*store, clock, 300);
  REQUIRE(store->DeleteTopic("t").ok());
  CHECK(absl::IsNotFound(store->Latest("t", "k").status()));
  REQUIRE(store->CreateTopic("t", {.queue_count = 2, .is_compacted = true}).ok());
  CHECK(AllLatest(*store).empty());
  Put(*store, "k", "y");
  Fill(*store, clock, 300);
  CHECK(AllLatest(*store) == Values{{"k", "y"}});
  CHECK(store->Stats().latest_keys == 1);
  Close(*store);
  store = OpenStore(options);
  CHECK(AllLatest(*store) == Values{{"k", "y"}});
}

TEST_CASE(
    "a key may not be new when what must be kept has half of the budget, and may be deleted") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.retention.max_bytes = 24 * kSegment;
  auto store = OpenCompacted(options);
  const std::string body(kBody, 'v');
  Values values;
  absl::Status refused;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = absl::StrCat("key", i);
    refused = store->Append({.topic = "t", .queue_id = 0, .keys = {key}, .body = body}).status();
    if (!refused.ok()) break;
    values[key] = body;
    if (i % 4 == 0) RunUntilIdle(*store, clock);
  }
  INFO(refused);
  REQUIRE(absl::IsResourceExhausted(refused));
  CHECK(absl::StrContains(refused.message(), "key"));
  const uint64_t limit = 19 * (kSegment - 1024) / 4;
  CHECK(store->Stats().latest_bytes <= limit);
  CHECK(store->Stats().latest_bytes > limit - 2 * (kBody + 150));
  CHECK(store->state() == StoreState::kHealthy);
  // A batch is refused as a whole, and a claim too.
  const std::vector<Message> batch = {{.topic = "t", .queue_id = 0, .keys = {"key0"}, .body = body},
                                      {.topic = "t", .queue_id = 0, .keys = {"new"}, .body = body}};
  CHECK(absl::IsResourceExhausted(store->Append(batch).status()));
  CHECK(absl::IsResourceExhausted(store->Claim({.topic = "t", .keys = {"new"}}, 100).status()));
  // Whatever adds nothing goes on, and so do other topics.
  Put(*store, "key1", std::string(kBody, 'w'));
  values["key1"] = std::string(kBody, 'w');
  const std::string larger(kBody + 400, 'x');
  CHECK(absl::IsResourceExhausted(
      store->Append({.topic = "t", .queue_id = 0, .keys = {"key2"}, .body = larger}).status()));
  Fill(*store, clock, 400);
  CHECK(AllLatest(*store, "t", 100) == values);
  uint64_t bytes = 0;
  for (const std::string& name : disk.ListFiles("/store")) {
    bytes += disk.ReadFile("/store/" + name).size();
  }
  CHECK(bytes <= options.retention.max_bytes + 3 * kSegment);
  Put(*store, "key3", "");
  Put(*store, "new", "small");
  CHECK(LatestOf(*store, "new") == "small");
}

TEST_CASE(
    "behind an append that is unfinished nothing newer is found yet, and then the later place") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenCompacted(SmallOptions(disk, clock));
  Put(*store, "k", "1");
  auto claim = store->Claim({.topic = "t", .queue_id = 1, .keys = {"k"}}, 8);
  REQUIRE(claim.ok());
  Put(*store, "k", "3");
  CHECK(LatestOf(*store, "k") == "1");
  claim->body()[0] = '2';
  REQUIRE(claim->Commit(1).ok());
  CHECK(LatestOf(*store, "k") == "3");
  // One that is given up never was; one without a byte deletes.
  REQUIRE(store->Claim({.topic = "t", .queue_id = 1, .keys = {"k"}}, 8).ok());
  CHECK(LatestOf(*store, "k") == "3");
  auto empty = store->Claim({.topic = "t", .queue_id = 1, .keys = {"k"}}, 8);
  REQUIRE(empty->Commit(0).ok());
  CHECK(LatestOf(*store, "k") == std::nullopt);
}

TEST_CASE("who holds a claim carries nothing, for he would wait for himself") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenCompacted(SmallOptions(disk, clock));
  Put(*store, "k", "1");
  Fill(*store, clock, 60);
  {
    auto claim = store->Claim({.topic = "busy", .queue_id = 0}, 8);
    REQUIRE(claim.ok());
    CHECK(absl::IsFailedPrecondition(store->Retain({.max_bytes = 6 * kSegment}).status()));
  }
  CHECK(LatestOf(*store, "k") == "1");
  REQUIRE(store->Retain({.max_bytes = 6 * kSegment}).ok());
  CHECK(LatestOf(*store, "k") == "1");
  CHECK(store->Stats().carried_messages == 1);
}

TEST_CASE("a reading process finds what the writer finds, also when it slept over drops") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenCompacted(SmallOptions(disk, clock));
  for (int i = 0; i < 5; ++i) Put(*store, absl::StrCat("k", i), "1");
  const MessageId id = *store->IdOf((*store->Latest("t", "k0"))[0].position());
  const auto process = disk.AnotherProcess();
  StoreOptions reading = SmallOptions(*process, clock);
  reading.read_only = true;
  auto reader = OpenStore(reading);
  CHECK(AllLatest(*reader) == AllLatest(*store));
  Put(*store, "k1", "2");
  Put(*store, "k2", "");
  CHECK(LatestOf(*reader, "k1") == "2");
  for (int round = 0; round < 4; ++round) {
    Fill(*store, clock, 80);
    Put(*store, "k3", absl::StrCat(round));
    if (round > 1) Put(*store, "k4", "");
    REQUIRE(store->Retain({.max_bytes = 6 * kSegment}).ok());
    if (round % 2 == 0) clock.Advance(absl::Seconds(10));
    const Values values = AllLatest(*store);
    CHECK(values.size() == (round > 1 ? 3 : 4));
    CHECK(AllLatest(*reader) == values);
    CHECK((*reader->FindById(id))[0].body() == "1");
    CHECK(AllOf(*reader, "t", 0) == AllOf(*store, "t", 0));
  }
  CHECK(reader->Stats().latest_keys == 3);
  CHECK(reader->Info().state == StoreState::kHealthy);
  store.reset();
  CHECK(AllLatest(*reader).size() == 3);
}

// A store in which the next Retain() carries, and what it knows.
struct Carrying {
  explicit Carrying(StoreOptions given) : options(std::move(given)) {
    auto store = OpenCompacted(options);
    for (int i = 0; i < 12; ++i) {
      Put(*store, absl::StrCat("k", i % 6), Numbered(static_cast<size_t>(i), 300));
    }
    Put(*store, "k5", "");
    AppendNumbered(*store, "busy", 0, 30, 400);
    Flush(*store);
    ManualClock& clock = static_cast<ManualClock&>(*options.clock);
    RunUntilIdle(*store, clock);
    Put(*store, "k0", "new");
    values = AllLatest(*store);
    REQUIRE(values.size() == 5);
    REQUIRE(store->Retain(policy, /*dry_run=*/true)->segments >= 2);
  }
  static constexpr Retention policy = {.max_age = absl::InfiniteDuration(),
                                       .max_bytes = 6 * kSegment};
  StoreOptions options;
  Values values;
};

void CheckAfter(const CrashImage& image, StoreOptions options, const Values& values) {
  FaultFileSystem disk(image);
  options.file_system = &disk;
  auto store = OpenStore(options);
  CHECK(AllLatest(*store) == values);
  CHECK(store->Verify()->findings.empty());
  // What was begun is done again, and goes wrong no more than the first time.
  REQUIRE(store->Retain(Carrying::policy).ok());
  CHECK(AllLatest(*store) == values);
  for (const std::string& name : disk.ListFiles("/store")) {
    if (absl::EndsWith(name, ".index")) disk.RemoveFile("/store/" + name);
  }
  FaultFileSystem next(disk.ProcessDeath());
  disk.Kill();
  options.file_system = &next;
  CHECK(AllLatest(*OpenStore(options)) == values);
}

TEST_CASE("a death or a power loss at any call of a carry leaves the newest of every key") {
  FaultFileSystem before;
  ManualClock clock;
  const Carrying carrying(SmallOptions(before, clock));
  FaultFileSystem disk(before.ProcessDeath());
  StoreOptions options = carrying.options;
  options.file_system = &disk;
  auto store = OpenStore(options);
  REQUIRE(AllLatest(*store) == carrying.values);
  Flush(*store);
  std::vector<CrashImage> images;
  disk.SetHook([&](const Operation&) { images.push_back(disk.Freeze()); });
  REQUIRE(store->Retain(Carrying::policy)->segments >= 2);
  disk.SetHook(nullptr);
  CHECK(AllLatest(*store) == carrying.values);
  REQUIRE(store->Stats().carried_messages >= 4);
  REQUIRE(images.size() > 10);
  for (size_t i = 0; i < images.size(); ++i) {
    CAPTURE(i);
    CheckAfter(images[i].ProcessDeath(), carrying.options, carrying.values);
    CheckAfter(images[i].PowerLoss(LossPlan::LoseEverything()), carrying.options, carrying.values);
  }
}

TEST_CASE("an error at any call of a carry takes no newest message, then or at the next open") {
  FaultFileSystem before;
  ManualClock clock;
  const Carrying carrying(SmallOptions(before, clock));
  uint64_t failed = 1;
  for (uint64_t nth = 1; failed > 0; ++nth) {
    for (const bool is_full : {false, true}) {
      FaultFileSystem disk(before.ProcessDeath());
      StoreOptions options = carrying.options;
      options.file_system = &disk;
      auto store = OpenStore(options);
      CAPTURE(nth, is_full);
      const Fault fault{.nth = nth};
      disk.Inject(is_full ? DiskFull(fault) : InputOutputError(fault));
      store->Retain(Carrying::policy).IgnoreError();
      failed = disk.failures();
      disk.ClearFaults();
      CHECK(AllLatest(*store) == carrying.values);
      CheckAfter(disk.ProcessDeath(), carrying.options, carrying.values);
    }
  }
}

TEST_CASE("a store with random appends, deletions, purges, drops and ends is a map of its keys") {
  const uint64_t seed = GENERATE(range(1, 9));
  CAPTURE(seed);
  Random random(seed);
  ManualClock clock;
  auto disk = std::make_unique<FaultFileSystem>(seed);
  StoreOptions options = SmallOptions(*disk, clock);
  options.retention.max_bytes = 24 * kSegment;
  if (random.OneIn(2)) options.front_directory = "private";
  auto store = OpenCompacted(options);
  struct Newest {
    std::string body;
    uint32_t queue_id = 0;
    QueueOffset offset;
  };
  std::map<std::string, Newest> model;
  for (int step = 0; step < 1500; ++step) {
    const std::string key = absl::StrCat("k", random.Below(20));
    const auto queue_id = static_cast<uint32_t>(random.Below(2));
    const uint64_t what = random.Below(100);
    if (what < 70) {
      const bool deletes = random.OneIn(5);
      const std::string body =
          deletes ? "" : Numbered(static_cast<size_t>(step), 4 + random.Below(150));
      const Receipt receipt =
          Append(*store, {.topic = "t", .queue_id = queue_id, .keys = {key, "all"}, .body = body});
      if (deletes) {
        model.erase(key);
      } else {
        model[key] = {body, queue_id, receipt.queue_offset};
      }
    } else if (what < 85) {
      AppendNumbered(*store, "busy", static_cast<size_t>(step), 3, kBody);
    } else if (what < 92) {
      RunUntilIdle(*store, clock);
    } else if (what < 94) {
      const auto [first, end] = BoundsOf(*store, "t", queue_id);
      const QueueOffset purged(first + random.Below(end - first + 1));
      REQUIRE(store->PurgeQueue("t", queue_id, purged).ok());
      std::erase_if(model, [&](const auto& entry) {
        return entry.second.queue_id == queue_id && entry.second.offset < purged;
      });
    } else if (what < 96) {
      Flush(*store);
      REQUIRE(store->Retain({.max_bytes = 8 * kSegment}).ok());
    } else if (what < 98) {
      const bool loses_power = random.OneIn(2);
      if (loses_power) Flush(*store);
      if (random.OneIn(4)) Close(*store);
      auto after = std::make_unique<FaultFileSystem>(
          loses_power ? disk->PowerLoss(LossPlan::LoseEverything()) : disk->ProcessDeath());
      disk->Kill();
      store.reset();
      disk = std::move(after);
      if (random.OneIn(3)) {
        for (const std::string& name : disk->ListFiles("/store")) {
          if (absl::EndsWith(name, ".index")) disk->RemoveFile("/store/" + name);
        }
      }
      options.file_system = disk.get();
      store = OpenStore(options);
    } else {
      Values values;
      for (const auto& [known, newest] : model) values[known] = newest.body;
      CAPTURE(step);
      REQUIRE(AllLatest(*store) == values);
    }
    const auto known = model.find(key);
    CAPTURE(step, key);
    REQUIRE(LatestOf(*store, key) ==
            (known == model.end() ? std::nullopt : std::optional(known->second.body)));
  }
  CHECK(store->Stats().latest_keys == model.size());
  CHECK(store->Verify()->findings.empty());
}

}  // namespace
}  // namespace weir::testing
