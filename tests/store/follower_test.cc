#include "store/follower.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "store/small_engine.h"

namespace weir::testing {
namespace {

using internal::Follower;

// A writer, and a reading process on the same machine.
struct Pair {
  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<FaultFileSystem> reading = disk.AnotherProcess();
  std::unique_ptr<Engine> engine = OpenEngine(SmallOptions(disk, clock));

  std::unique_ptr<Follower> Follow() {
    StoreOptions options = SmallOptions(*reading, clock);
    options.read_only = true;
    auto follower = Follower::Open(options);
    INFO(follower.status());
    REQUIRE(follower.ok());
    return *std::move(follower);
  }
};

Words AllOf(Follower& follower, absl::string_view topic) {
  const absl::Status caught_up = follower.CatchUp();
  INFO(caught_up);
  REQUIRE(caught_up.ok());
  const Topic::Entry* const entry = follower.catalogue().Find(topic);
  if (entry == nullptr) return {};
  const auto wanted = Wanted::Of({});
  Words bodies;
  for (QueueOffset offset(0);;) {
    const auto result = follower.reader().Read(*entry, 0, offset, {}, *wanted);
    INFO(result.status());
    REQUIRE(result.ok());
    if (result->outcome() == ReadOutcome::kAtEnd) return bodies;
    REQUIRE(result->outcome() == ReadOutcome::kFound);
    for (const MessageView& message : *result) bodies.emplace_back(message.body());
    offset = result->next_offset();
  }
}

TEST_CASE("a follower sees what was there, and what is appended from then on, in new topics too") {
  Pair pair;
  AppendNumbered(*pair.engine, 0, 3, 50);
  auto follower = pair.Follow();
  CHECK(AllOf(*follower, "t") == NumberedBodies(0, 3, 50));
  CHECK_FALSE(follower->HasNews());

  AppendNumbered(*pair.engine, 3, 2, 50);
  CHECK(follower->HasNews());
  CHECK(AllOf(*follower, "t") == NumberedBodies(0, 5, 50));
  CHECK(AllOf(*follower, "u").empty());
  Append(*pair.engine, {.topic = "u", .queue_id = 0, .body = "in u"});
  CHECK(AllOf(*follower, "u") == Words{"in u"});
  CHECK_FALSE(follower->HasNews());
}

TEST_CASE("a follower that falls behind by more than the front finds the rest in the files") {
  Pair pair;
  auto follower = pair.Follow();
  for (size_t from = 0; from < 400; from += 100) {
    AppendNumbered(*pair.engine, from, 100, 300);  // twice the front
    pair.clock.Advance(absl::Seconds(1));
    CHECK(AllOf(*follower, "t") == NumberedBodies(0, from + 100, 300));
  }
  CHECK(follower->report().damage.empty());
}

TEST_CASE("what the writer has sealed goes from the follower's memory and is read from files") {
  Pair pair;
  auto follower = pair.Follow();
  AppendNumbered(*pair.engine, 0, 100, 300);
  REQUIRE(AllOf(*follower, "t") == NumberedBodies(0, 100, 300));
  const uint32_t number = Find(*pair.engine, "t").first_queue;
  CHECK(follower->queues().queue(number).memory_first() == 0);

  SealAll(*pair.engine);
  pair.clock.Advance(absl::Seconds(1));  // it looks at the directory now and then
  CHECK(AllOf(*follower, "t") == NumberedBodies(0, 100, 300));
  CHECK(follower->queues().queue(number).memory_first() ==
        pair.engine->queues().queue(number).memory_first());
  CHECK(follower->queues().queue(number).memory_first() > 50);
}

TEST_CASE("an index file that is damaged is not mended by a follower, who reads the log instead") {
  Pair pair;
  AppendNumbered(*pair.engine, 0, 100, 300);
  SealAll(*pair.engine);
  const std::string path = FileOf(LogPosition(kSegment)) + ".index";
  pair.disk.WriteFile(path, "no index");
  auto follower = pair.Follow();
  const auto wanted = Wanted::Of({});
  const Topic::Entry& topic = *follower->catalogue().Find("t");
  for (size_t i = 0; i < 100; ++i) {
    const auto result =
        follower->reader().Read(topic, 0, QueueOffset(i), {.max_messages = 1}, *wanted);
    INFO(i << ": " << result.status());
    REQUIRE(result.ok());
    CHECK(BodiesOf(*result) == Words{Numbered(i, 300)});
  }
  CHECK(pair.disk.ReadFile(path) == "no index");
}

TEST_CASE("an index file with a damaged block stops no follower: what it has in memory stays") {
  Pair pair;
  auto follower = pair.Follow();
  AppendNumbered(*pair.engine, 0, 100, 300);
  REQUIRE(AllOf(*follower, "t") == NumberedBodies(0, 100, 300));
  SealAll(*pair.engine);
  // A byte of the runs: the file opens, and this block of it does not verify.
  const std::string path = FileOf(LogPosition(kSegment)) + ".index";
  std::string bytes = pair.disk.ReadFile(path);
  bytes[internal::kIndexHeaderBytes + 8] =
      static_cast<char>(bytes[internal::kIndexHeaderBytes + 8] ^ 1);
  pair.disk.WriteFile(path, bytes);

  for (int looks = 0; looks < 3; ++looks) {
    pair.clock.Advance(absl::Seconds(1));
    CHECK(AllOf(*follower, "t") == NumberedBodies(0, 100, 300));
  }
}

TEST_CASE("a follower changes no file and no memory, whatever it reads") {
  Pair pair;
  AppendNumbered(*pair.engine, 0, 100, 300);
  SealAll(*pair.engine);
  const auto before = pair.disk.Freeze();
  std::vector<OperationKind> writing;
  pair.disk.SetHook([&](const Operation& operation) {
    switch (operation.kind) {
      case OperationKind::kCreate:
      case OperationKind::kWrite:
      case OperationKind::kSync:
      case OperationKind::kAllocate:
      case OperationKind::kTruncate:
      case OperationKind::kRename:
      case OperationKind::kRemove:
      case OperationKind::kSyncDirectory:
      case OperationKind::kRemoveShared:
        writing.push_back(operation.kind);
        break;
      default:
        break;
    }
  });
  auto follower = pair.Follow();
  CHECK(AllOf(*follower, "t").size() == 100);
  follower = nullptr;
  pair.disk.SetHook(nullptr);
  CHECK(writing.empty());
  CHECK(pair.disk.Freeze().disk.used_bytes() == before.disk.used_bytes());
}

TEST_CASE("a follower goes on when its writer dies and when another one comes") {
  Pair pair;
  AppendNumbered(*pair.engine, 0, 5, 50);
  auto follower = pair.Follow();
  REQUIRE(AllOf(*follower, "t") == NumberedBodies(0, 5, 50));
  AppendNumbered(*pair.engine, 5, 3, 50);
  pair.disk.Kill();  // what it appended last was never written
  pair.engine = nullptr;
  pair.clock.Advance(absl::Seconds(1));
  CHECK(AllOf(*follower, "t") == NumberedBodies(0, 8, 50));

  auto next_process = pair.reading->AnotherProcess();
  auto next = OpenEngine(SmallOptions(*next_process, pair.clock));
  AppendNumbered(*next, 8, 4, 50);
  pair.clock.Advance(absl::Seconds(1));
  CHECK(AllOf(*follower, "t") == NumberedBodies(0, 12, 50));
}

TEST_CASE("a follower finds damage at its open, tells of it, and reads the rest") {
  Pair pair;
  // In the active segment: sealed ones are not read to open.
  std::vector<Receipt> receipts = AppendNumbered(*pair.engine, 0, 30, 50);
  REQUIRE(receipts[25].position > LogPosition(kSegment));
  REQUIRE(pair.engine->log().Flush(internal::kNever).ok());
  Close(*pair.engine);
  pair.engine = nullptr;
  FlipBit(pair.disk, receipts[25].position + 60);
  auto follower = pair.Follow();
  REQUIRE(follower->report().damage.size() == 1);
  CHECK(follower->report().damage[0].begin == receipts[25].position);
  CHECK(follower->health().state() == StoreState::kDegraded);
  const auto wanted = Wanted::Of({});
  const Topic::Entry& topic = *follower->catalogue().Find("t");
  CHECK(follower->reader().Read(topic, 0, QueueOffset(25), {}, *wanted)->outcome() ==
        ReadOutcome::kDamaged);
  CHECK(BodiesOf(*follower->reader().Read(topic, 0, QueueOffset(26), {}, *wanted)) ==
        NumberedBodies(26, 4, 50));
}

}  // namespace
}  // namespace weir::testing
