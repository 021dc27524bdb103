// Topics and queues. What a batch, a refusal and a claim leave: engine_append_test.cc.

#include "store/engine.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "log/log_scanner.h"
#include "store/small_engine.h"

namespace weir::testing {
namespace {

LogPosition EndOf(Engine& engine) { return engine.log().front().claimed_end(); }

size_t CatalogueRecords(Engine& engine) {
  internal::LogScanner scanner(engine.view(), LogPosition(0), engine.view().ContiguousVisibleEnd());
  size_t count = 0;
  for (;;) {
    internal::ScannedRecord record;
    DamagedRange damage;
    const auto step = scanner.Next(&record, &damage);
    REQUIRE(step.ok());
    if (*step == internal::LogScanner::Step::kEnd) return count;
    count += record.header.type == internal::RecordType::kCatalogue;
  }
}

// Appends to "other" until the segment of `position` is behind the log's end, and seals it.
void SealBehind(Engine& engine, LogPosition position) {
  const LogPosition end((position.value() / kSegment + 1) * kSegment);
  const std::string body(900, 'x');
  while (EndOf(engine) < end) {
    engine.log().PrepareStep();
    if (!engine.Append({.topic = "other", .body = body}, {.timeout = absl::ZeroDuration()}).ok()) {
      return;
    }
  }
  while (engine.log().WriteStep() == absl::ZeroDuration()) {
  }
  engine.log().RequestSync();
  engine.log().SyncStep();
  while (engine.SealStep() == absl::ZeroDuration()) {
  }
}

// --- Topics

TEST_CASE("a topic is not forgotten if the segment of its record is sealed while it is created") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  REQUIRE(engine->CreateTopic("other", {.queue_count = 1}).ok());
  const LogPosition begin = EndOf(*engine);
  std::atomic<bool> is_sealed{false};
  std::thread sealer;
  // Called when the record is published, and the topic is not yet in the catalogue.
  const auto publish = [&] {
    if (sealer.joinable()) return;
    sealer = std::thread([&] {
      SealBehind(*engine, begin);
      is_sealed = true;
    });
    // Who seals may wait for us: then it is no use to wait for him.
    for (int i = 0; i < 100'000 && !is_sealed; ++i) std::this_thread::yield();
  };
  engine->log().SetWakeups(
      {.writer = publish, .syncer = [] {}, .preparer = [] {}, .callbacks = [] {}});

  REQUIRE(engine->OpenTopic("t").ok());
  REQUIRE(sealer.joinable());
  sealer.join();
  REQUIRE(engine->indexer().sealed_end() > begin);
  engine->log().Stop();
  engine->SealAll();
  REQUIRE(engine->log().Close().ok());
  engine.reset();

  engine = OpenEngine(SmallOptions(disk, clock));
  CHECK(engine->catalogue().Find("t") != nullptr);
  CHECK(engine->catalogue().Find("other") != nullptr);
}

TEST_CASE("a topic that was created survives a power loss at once") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  const auto topic = engine->CreateTopic("t", {.queue_count = 3});
  REQUIRE(topic.ok());
  CHECK(topic->name() == "t");
  CHECK(topic->queue_count() == 3);

  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  auto again = OpenEngine(SmallOptions(after, clock));
  CHECK(Find(*again, "t").queue_count == 3);
  Append(*again, {.topic = "t", .queue_id = 2, .body = "x"});
}

TEST_CASE("creating a topic again gives its handle, with another number of queues an error") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  const Topic topic = *engine->CreateTopic("t", {.queue_count = 3});
  const LogPosition end = EndOf(*engine);

  CHECK(*engine->CreateTopic("t", {.queue_count = 3}) == topic);
  CHECK(*engine->OpenTopic("t") == topic);
  CHECK(absl::IsAlreadyExists(engine->CreateTopic("t", {.queue_count = 2}).status()));
  CHECK(absl::IsInvalidArgument(engine->CreateTopic("u", {.queue_count = 0}).status()));
  CHECK(absl::IsInvalidArgument(
      engine->CreateTopic("u", {.queue_count = kMaxQueuesPerTopic + 1}).status()));
  CHECK(absl::IsInvalidArgument(engine->CreateTopic("a/b", {.queue_count = 1}).status()));
  CHECK(EndOf(*engine) == end);
  CHECK(engine->catalogue().All().size() == 1);
}

TEST_CASE("threads that create the same topic at the same time make one, and know it alike") {
  constexpr int kThreads = 4;
  constexpr int kTopics = 50;
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.segment_bytes = 1 << 20;
  options.front_bytes = 1 << 20;
  auto engine = OpenEngine(options);
  std::vector<std::vector<Topic>> topics(kThreads);
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTopics; ++i) {
        const std::string name = absl::StrCat("topic ", i);
        const auto topic =
            t % 2 == 0 ? engine->CreateTopic(name, {.queue_count = 2}) : engine->OpenTopic(name);
        if (!topic.ok()) ++failures;
        if (topic.ok()) topics[t].push_back(*topic);
        if (!engine->Append({.topic = name, .queue_id = 1, .body = "x"}, {}).ok()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(failures == 0);
  for (size_t t = 1; t < kThreads; ++t) CHECK(topics[t] == topics[0]);
  CHECK(engine->catalogue().All().size() == kTopics);
  CHECK(engine->catalogue().next_queue() == 2 * kTopics);
  CHECK(CatalogueRecords(*engine) == 2 * kTopics);  // each is written twice
  for (int i = 0; i < kTopics; ++i) {
    CHECK(Read(*engine, absl::StrCat("topic ", i), 1, 0).size() == kThreads);
  }
}

TEST_CASE("a topic comes with its first message, unless the options say that none does") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.default_queue_count = 0;
  auto engine = OpenEngine(options);
  const LogPosition end = EndOf(*engine);
  CHECK(absl::IsNotFound(engine->Append({.topic = "t", .body = "x"}, {}).status()));
  CHECK(absl::IsNotFound(engine->OpenTopic("t").status()));
  CHECK(EndOf(*engine) == end);
  Close(*engine);
  engine = nullptr;

  options.default_queue_count = 5;
  engine = OpenEngine(options);
  Append(*engine, {.topic = "t", .queue_id = 4, .body = "x"});
  CHECK(Find(*engine, "t").queue_count == 5);
}

TEST_CASE("a handle of another store is refused everywhere") {
  FaultFileSystem disk;
  FaultFileSystem other_disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  auto other = OpenEngine(SmallOptions(other_disk, clock));
  const Topic foreign = *other->CreateTopic("t", {.queue_count = 2});
  REQUIRE(engine->CreateTopic("t", {.queue_count = 2}).ok());
  const LogPosition end = EndOf(*engine);
  const std::vector<QueueRef> further = {{foreign, 1}};

  CHECK(absl::IsInvalidArgument(engine->Append({.topic = foreign, .body = "x"}, {}).status()));
  CHECK(absl::IsInvalidArgument(
      engine->Append({.topic = "t", .queue_id = 0, .further_queues = further}, {}).status()));
  CHECK(EndOf(*engine) == end);
}

// --- Queues

TEST_CASE("a message goes to the queue it names, whatever its ordering key") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  REQUIRE(engine->CreateTopic("t", {.queue_count = 8}).ok());
  for (uint32_t id = 0; id < 8; ++id) {
    const Receipt receipt =
        Append(*engine, {.topic = "t", .queue_id = id, .ordering_key = "key", .body = "x"});
    CHECK(receipt.queue_id == id);
    CHECK(receipt.queue_offset == QueueOffset(0));
  }
  CHECK(absl::IsNotFound(engine->Append({.topic = "t", .queue_id = 8}, {}).status()));
}

TEST_CASE("an ordering key has one queue, now and after an open, and keys spread over all") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  REQUIRE(engine->CreateTopic("t", {.queue_count = 8}).ok());
  std::vector<uint32_t> queues;
  const auto append = [&](int key) {
    const std::string text = absl::StrCat("key ", key);
    return Append(*engine, {.topic = "t", .ordering_key = text, .body = text}).queue_id;
  };
  for (int key = 0; key < 200; ++key) queues.push_back(append(key));
  std::vector<int> in_queue(8);
  for (const uint32_t id : queues) ++in_queue.at(id);
  for (const int count : in_queue) CHECK(count > 5);

  for (int key = 199; key >= 0; --key) CHECK(append(key) == queues[static_cast<size_t>(key)]);
  Close(*engine);
  engine = nullptr;
  engine = OpenEngine(SmallOptions(disk, clock));
  for (int key = 0; key < 200; ++key) CHECK(append(key) == queues[static_cast<size_t>(key)]);
}

TEST_CASE("without a queue and a key messages go round, each topic for itself") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  REQUIRE(engine->CreateTopic("t", {.queue_count = 3}).ok());
  REQUIRE(engine->CreateTopic("u", {.queue_count = 5}).ok());
  for (int round = 0; round < 4; ++round) {
    std::set<uint32_t> of_t;
    std::set<uint32_t> of_u;
    for (int i = 0; i < 3; ++i) of_t.insert(Append(*engine, {.topic = "t"}).queue_id);
    for (int i = 0; i < 5; ++i) of_u.insert(Append(*engine, {.topic = "u"}).queue_id);
    CHECK(of_t.size() == 3);
    CHECK(of_u.size() == 5);
  }
}

}  // namespace
}  // namespace weir::testing
