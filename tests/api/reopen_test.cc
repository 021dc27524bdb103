// A store that is opened again after its process died early: before its first append, in the middle
// of its open, or while somebody's claim held up every sync.

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "api/small_store.h"

namespace weir::testing {
namespace {

constexpr size_t kBodyBytes = 200;

// The machine after the death of the store's process, and the store opened again on it.
struct Reborn {
  explicit Reborn(FaultFileSystem& died, ManualClock& clock)
      : disk(std::make_unique<FaultFileSystem>(died.ProcessDeath())),
        store(OpenStore(SmallOptions(*disk, clock))) {
    died.Kill();
  }
  std::unique_ptr<FaultFileSystem> disk;
  std::unique_ptr<MessageStore> store;
};

void CheckSound(FaultFileSystem& disk, ManualClock& clock, size_t count) {
  auto store = OpenStore(SmallOptions(disk, clock));
  CHECK(store->recovery().damage.empty());
  CHECK(store->state() == StoreState::kHealthy);
  CHECK(AllOf(*store, "events", 0) == NumberedBodies(0, count, kBodyBytes));
  const auto verified = store->Verify();
  REQUIRE(verified.ok());
  CHECK(verified->findings.empty());
  Close(*store);
}

TEST_CASE("who dies before the first append leaves a log that goes on readable") {
  FaultFileSystem disk;
  ManualClock clock;
  {
    auto store = OpenStore(SmallOptions(disk, clock));
    AppendNumbered(*store, "events", 0, 5, kBodyBytes);
    Close(*store);
  }
  auto idle = OpenStore(SmallOptions(disk, clock));
  Reborn next(disk, clock);  // adopts a front in which nothing was ever claimed
  AppendNumbered(*next.store, "events", 5, 5, kBodyBytes);
  CHECK(AllOf(*next.store, "events", 0) == NumberedBodies(0, 10, kBodyBytes));
  SECTION("and is closed") {
    Close(*next.store);
    CheckSound(*next.disk, clock, 10);
  }
  SECTION("and dies again and again") {
    Reborn third(*next.disk, clock);
    AppendNumbered(*third.store, "events", 10, 30, kBodyBytes);
    Reborn fourth(*third.disk, clock);
    Close(*fourth.store);
    CheckSound(*fourth.disk, clock, 40);
  }
}

TEST_CASE("an incarnation that was announced in the front only is known to the files behind it") {
  FaultFileSystem disk;
  ManualClock clock;
  {
    auto store = OpenStore(SmallOptions(disk, clock));
    AppendNumbered(*store, "events", 0, 3, kBodyBytes);
    Close(*store);
  }
  auto brief = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*brief, "events", 3, 3, kBodyBytes);  // in the front, and in no file yet
  Reborn next(disk, clock);
  CHECK(next.store->recovery().front_adopted);
  AppendNumbered(*next.store, "events", 6, 200, kBodyBytes);  // the front's memory is used again
  CHECK(AllOf(*next.store, "events", 0) == NumberedBodies(0, 206, kBodyBytes));
  Close(*next.store);
  CheckSound(*next.disk, clock, 206);
}

TEST_CASE("files prepared by a process whose front is lost are prepared again by all who follow") {
  FaultFileSystem disk;
  ManualClock clock;
  auto first = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*first, "events", 0, 5, kBodyBytes);
  RunUntilIdle(*first, clock);  // prepares ahead
  Flush(*first);
  FaultFileSystem without_front(disk.ProcessDeath());
  for (const std::string& name : without_front.ListShared()) {
    REQUIRE(without_front.RemoveShared("", name).ok());
  }
  disk.Kill();
  auto second = OpenStore(SmallOptions(without_front, clock));
  CHECK(second->recovery().possible_loss);
  const size_t appended = GENERATE(size_t{0}, size_t{1}, size_t{20});
  CAPTURE(appended);
  AppendNumbered(*second, "events", 5, appended, kBodyBytes);
  Reborn third(without_front, clock);
  AppendNumbered(*third.store, "events", 5 + appended, 100, kBodyBytes);
  Close(*third.store);
  CheckSound(*third.disk, clock, 105 + appended);
}

TEST_CASE("what is left in shared memory by a death inside an open is neither used nor left over") {
  FaultFileSystem disk;
  ManualClock clock;
  {
    auto store = OpenStore(SmallOptions(disk, clock));
    AppendNumbered(*store, "events", 0, 5, kBodyBytes);
    Close(*store);
  }
  REQUIRE(disk.ListShared().empty());
  const CrashImage before = disk.Freeze();
  for (uint64_t calls = 1;; ++calls) {
    CAPTURE(calls);
    FaultFileSystem dying(before);
    uint64_t seen = 0;
    dying.SetHook([&](const Operation&) {
      if (++seen == calls) dying.Kill();
    });
    const bool survived = MessageStore::Open(SmallOptions(dying, clock)).ok();
    dying.SetHook(nullptr);
    FaultFileSystem after(dying.ProcessDeath());
    dying.Kill();
    auto store = OpenStore(SmallOptions(after, clock));
    CHECK(store->Info().front_is_shared);
    CHECK(store->recovery().notes.empty());
    AppendNumbered(*store, "events", 5, 3, kBodyBytes);
    Close(*store);
    CHECK(after.ListShared().empty());
    CheckSound(after, clock, 8);
    if (survived || calls > 1000) break;
  }
}

TEST_CASE("while a claim holds up the syncs the log does not grow by marks") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "events", 0, 1, kBodyBytes);
  Flush(*store);
  auto claim = store->Claim({.topic = "events", .queue_id = 0}, kBodyBytes);
  REQUIRE(claim.ok());
  // Somebody wants durability behind the claim.
  int called = 0;
  REQUIRE(store
              ->AppendAsync({.topic = "events", .queue_id = 0, .body = "x"},
                            {.durability = Durability::kDisk},
                            [&](const absl::Status& status, const Receipt&) {
                              CHECK(status.ok());
                              ++called;
                            })
              .ok());
  store->RunOnce();
  const LogPosition end = store->Info().end;
  const uint64_t marks = store->Stats().marks;
  for (int i = 0; i < 100; ++i) store->RunOnce();
  CHECK(store->Info().end == end);
  CHECK(store->Stats().marks <= marks + 1);
  CHECK(called == 0);
  REQUIRE(claim->Commit(kBodyBytes).ok());
  RunUntilIdle(*store, clock);
  CHECK(called == 1);
  Close(*store);
}

TEST_CASE("a front that its owner could not remove when he closed is removed by the next open") {
  auto disk = std::make_unique<FaultFileSystem>();
  ManualClock clock;
  auto store = OpenStore(SmallOptions(*disk, clock));
  AppendNumbered(*store, "events", 0, 5, kBodyBytes);
  std::unique_ptr<FaultFileSystem> next;
  SECTION("for an error of the machine") {
    disk->Inject({.kind = OperationKind::kRemoveShared, .times = Fault::kForEver});
    Close(*store);
    disk->ClearFaults();
    next = std::make_unique<FaultFileSystem>(disk->ProcessDeath());
  }
  SECTION("because he died between the two") {
    disk->SetHook([&](const Operation& operation) {
      if (operation.kind != OperationKind::kRemoveShared || next != nullptr) return;
      next = std::make_unique<FaultFileSystem>(disk->ProcessDeath());
    });
    Close(*store);
    disk->SetHook(nullptr);
  }
  REQUIRE(next != nullptr);
  CHECK(next->ListShared().size() == 2);
  store = OpenStore(SmallOptions(*next, clock));
  CHECK(store->recovery().was_clean);
  CHECK(next->ListShared().size() == 2);  // the new one and its doorbells
  Close(*store);
  CHECK(next->ListShared().empty());
  store.reset();
  CheckSound(*next, clock, 5);
}

}  // namespace
}  // namespace weir::testing
