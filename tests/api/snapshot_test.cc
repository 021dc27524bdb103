// Copies of a store that is in use.

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/match.h"
#include "api/small_store.h"

namespace weir::testing {
namespace {

constexpr size_t kBody = 300;

// A store with ten sealed segments and some messages behind them.
class Running {
 public:
  Running() : store(OpenStore(SmallOptions(disk, clock))) {
    AppendNumbered(*store, "orders", 0, 100, kBody);
    Flush(*store);
    RunUntilIdle(*store, clock);
    AppendNumbered(*store, "orders", 100, 5, kBody);
  }
  StoreOptions Copy() { return CopyOn(disk); }
  StoreOptions CopyOn(FileSystem& on) {
    StoreOptions options = SmallOptions(on, clock);
    options.directory = "/copy";
    options.create_if_missing = false;
    return options;
  }
  size_t LinksOf(const std::string& directory) {
    size_t links = 0;
    const auto opened = disk.OpenDirectory(directory, /*create=*/false);
    for (const std::string& name : disk.ListFiles(directory)) {
      links += (*(*opened)->Open(name, OpenMode::kRead))->Stat()->links > 1;
    }
    return links;
  }

  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<MessageStore> store;
};

TEST_CASE("a snapshot holds all that was visible, opens clean, and each store goes on alone") {
  Running running;
  REQUIRE(running.store->CreateTopic("empty", 3).ok());
  REQUIRE(running.store->CommitOffset("group", "orders", 0, QueueOffset(7)).ok());
  const MessageId id = *running.store->IdOf(
      Append(*running.store, {.topic = "keyed", .queue_id = 0, .keys = {"k"}, .body = "found"})
          .position);
  const auto report = running.store->Snapshot("/copy");
  INFO(report.status());
  REQUIRE(report.ok());
  CHECK(report->end == running.store->Info().end);
  CHECK(report->linked_files > 10);
  CHECK(report->linked_files == running.LinksOf("/copy"));
  CHECK(report->copied_bytes <= 3 * kSegment);
  AppendNumbered(*running.store, "orders", 105, 50, kBody);

  auto copy = OpenStore(running.Copy());
  CHECK(copy->recovery().was_clean);
  CHECK(copy->recovery().damage.empty());
  CHECK(copy->Verify()->findings.empty());
  CHECK(AllOf(*copy, "orders", 0) == NumberedBodies(0, 105, kBody));
  CHECK(copy->FindTopic("empty")->queue_count() == 3);
  CHECK(*copy->CommittedOffset("group", "orders", 0) == QueueOffset(7));
  CHECK((*copy->FindById(id))[0].body() == "found");
  CHECK(copy->FindByKey("keyed", "k")->size() == 1);

  AppendNumbered(*copy, "orders", 1000, 50, kBody);
  CHECK(AllOf(*running.store, "orders", 0) == NumberedBodies(0, 155, kBody));
  Close(*copy);
  Close(*running.store);
  CHECK(OpenStore(running.Copy())->Verify()->findings.empty());
  running.store = OpenStore(SmallOptions(running.disk, running.clock));
  CHECK(running.store->Verify()->findings.empty());
  CHECK(AllOf(*running.store, "orders", 0) == NumberedBodies(0, 155, kBody));
}

TEST_CASE("what one of the two drops, and writes anew in, the other keeps") {
  Running running;
  REQUIRE(running.store->Snapshot("/copy").ok());
  const bool original_drops = GENERATE(true, false);
  auto copy = OpenStore(running.Copy());
  MessageStore& dropping = original_drops ? *running.store : *copy;
  MessageStore& keeping = original_drops ? *copy : *running.store;

  AppendNumbered(dropping, "other", 0, 100, kBody);
  RunUntilIdle(dropping, running.clock);
  REQUIRE(dropping.Retain({.max_bytes = 4 * kSegment})->segments > 10);
  AppendNumbered(dropping, "other", 100, 200, kBody);
  RunUntilIdle(dropping, running.clock);

  CHECK(AllOf(keeping, "orders", 0) == NumberedBodies(0, 105, kBody));
  CHECK(keeping.Verify()->findings.empty());
  CHECK(dropping.Verify()->findings.empty());
}

TEST_CASE("a snapshot survives the power from the moment it is there") {
  Running running;
  REQUIRE(running.store->Snapshot("/copy").ok());
  FaultFileSystem after(running.disk.PowerLoss(LossPlan::LoseEverything()));
  auto copy = OpenStore(running.CopyOn(after));
  CHECK(copy->recovery().was_clean);
  CHECK(AllOf(*copy, "orders", 0) == NumberedBodies(0, 105, kBody));
}

TEST_CASE(
    "a death or power loss inside a snapshot leaves the store whole, and a whole copy or none") {
  Running running;
  std::vector<CrashImage> moments;
  running.disk.SetHook([&](const Operation&) { moments.push_back(running.disk.Freeze()); });
  REQUIRE(running.store->Snapshot("/copy").ok());
  running.disk.SetHook(nullptr);
  REQUIRE(moments.size() > 20);
  size_t copies = 0;
  for (const CrashImage& moment : moments) {
    for (const int death : {0, 1, 2}) {
      FaultFileSystem after(death == 0   ? moment.ProcessDeath()
                            : death == 1 ? moment.PowerLoss(LossPlan::LoseEverything())
                                         : moment.PowerLoss(LossPlan::KeepEverything()));
      {
        const Words whole = AllOf(*OpenStore(SmallOptions(after, running.clock)), "orders", 0);
        // What nobody had waited for to be on the disk may go with the power.
        CHECK(whole == NumberedBodies(0, death == 0 ? 105 : whole.size(), kBody));
        INFO("death " << death);
        CHECK(whole.size() >= 100);
      }
      auto copy = MessageStore::Open(running.CopyOn(after));
      if (!copy.ok()) {
        INFO(copy.status() << " death " << death);
        // Nothing of ours, or segments without a superblock.
        CHECK((absl::IsNotFound(copy.status()) || absl::IsDataLoss(copy.status())));
        continue;
      }
      ++copies;
      CHECK(AllOf(**copy, "orders", 0) == NumberedBodies(0, 105, kBody));
      CHECK((*copy)->Verify()->findings.empty());
    }
  }
  CHECK(copies > 0);
}

TEST_CASE("an error at any call of a snapshot is told, and leaves the directory empty") {
  uint64_t failed = 0;
  for (uint64_t nth = 1;; ++nth) {
    Running running;
    running.disk.Inject({.nth = nth, .code = absl::StatusCode::kResourceExhausted});
    const uint64_t failures = running.disk.failures();
    const auto report = running.store->Snapshot("/copy");
    const bool has_failed = running.disk.failures() > failures;
    running.disk.ClearFaults();
    if (!has_failed) break;
    if (!report.ok()) {
      ++failed;
      CHECK((!running.disk.DirectoryExists("/copy") || running.disk.ListFiles("/copy").empty()));
    } else {
      CHECK(AllOf(*OpenStore(running.Copy()), "orders", 0) == NumberedBodies(0, 105, kBody));
    }
    CHECK(running.store->state() == StoreState::kHealthy);
    CHECK(AllOf(*running.store, "orders", 0) == NumberedBodies(0, 105, kBody));
  }
  CHECK(failed > 20);
}

TEST_CASE("where no file can have two names a snapshot is a copy") {
  Running running;
  running.disk.Inject({.kind = OperationKind::kLink,
                       .times = Fault::kForEver,
                       .code = absl::StatusCode::kUnimplemented});
  const auto report = running.store->Snapshot("/copy");
  INFO(report.status());
  REQUIRE(report.ok());
  CHECK(report->linked_files == 0);
  CHECK(report->copied_files > 10);
  CHECK(running.LinksOf("/copy") == 0);
  running.disk.ClearFaults();
  auto copy = OpenStore(running.Copy());
  CHECK(AllOf(*copy, "orders", 0) == NumberedBodies(0, 105, kBody));
  CHECK(copy->Verify()->findings.empty());
}

TEST_CASE("another process takes a snapshot while the store is written") {
  Running running;
  const auto process = running.disk.AnotherProcess();
  StoreOptions reading = SmallOptions(*process, running.clock);
  reading.read_only = true;
  auto reader = OpenStore(reading);
  AppendNumbered(*running.store, "orders", 105, 20, kBody);
  REQUIRE(reader->Snapshot("/copy").ok());
  auto copy = OpenStore(running.Copy());
  CHECK(copy->recovery().was_clean);
  CHECK(AllOf(*copy, "orders", 0) == NumberedBodies(0, 125, kBody));
  AppendNumbered(*copy, "orders", 125, 5, kBody);
  CHECK(AllOf(*copy, "orders", 0) == NumberedBodies(0, 130, kBody));
}

TEST_CASE("a snapshot of a store that was opened again and again goes on with the right records") {
  Running running;
  for (int i = 0; i < 3; ++i) {
    Close(*running.store);
    running.store = OpenStore(SmallOptions(running.disk, running.clock));
    AppendNumbered(*running.store, "orders", 105 + static_cast<size_t>(i), 1, kBody);
  }
  REQUIRE(running.store->Snapshot("/copy").ok());
  for (int i = 0; i < 2; ++i) {
    auto copy = OpenStore(running.Copy());
    CHECK(AllOf(*copy, "orders", 0) == NumberedBodies(0, 108 + static_cast<size_t>(i), kBody));
    AppendNumbered(*copy, "orders", 108 + static_cast<size_t>(i), 1, kBody);
  }
}

TEST_CASE("segments that go while they are linked are no part of a snapshot") {
  Running running;
  AppendNumbered(*running.store, "other", 0, 100, kBody);
  RunUntilIdle(*running.store, running.clock);
  bool has_dropped = false;
  running.disk.SetHook([&](const Operation& operation) {
    // The last one, so that the first are linked already.
    if (has_dropped || operation.kind != OperationKind::kLink ||
        !absl::StrContains(operation.name, ".index")) {
      return;
    }
    has_dropped = true;
    CHECK(running.store->Retain({.max_bytes = 6 * kSegment})->segments > 5);
  });
  const auto report = running.store->Snapshot("/copy");
  running.disk.SetHook(nullptr);
  INFO(report.status());
  REQUIRE(report.ok());
  REQUIRE(has_dropped);
  auto copy = OpenStore(running.Copy());
  CHECK(copy->Info().begin == running.store->Info().begin);
  CHECK(copy->Info().segments.size() == running.store->Info().segments.size());
  CHECK(AllOf(*copy, "other", 0) == AllOf(*running.store, "other", 0));
  CHECK(copy->Verify()->findings.empty());
}

TEST_CASE("a directory that is not empty, or lies in the store, takes no snapshot") {
  Running running;
  running.disk.MakeDirectory("/taken");
  running.disk.WriteFile("/taken/letter", "dear");
  CHECK(absl::IsAlreadyExists(running.store->Snapshot("/taken").status()));
  CHECK(running.disk.ReadFile("/taken/letter") == "dear");
  CHECK(absl::IsInvalidArgument(running.store->Snapshot("/store").status()));
  CHECK(absl::IsInvalidArgument(running.store->Snapshot("/store/inside").status()));
  REQUIRE(running.store->Snapshot("/copy").ok());
  CHECK(absl::IsAlreadyExists(running.store->Snapshot("/copy").status()));
  Close(*running.store);
  CHECK(absl::IsFailedPrecondition(running.store->Snapshot("/late").status()));
}

}  // namespace
}  // namespace weir::testing
