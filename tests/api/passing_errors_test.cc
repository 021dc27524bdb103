// Errors of a machine that pass: afterwards everything is there, and service goes on.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "api/small_store.h"

namespace weir::testing {
namespace {

TEST_CASE("who creates a topic without workers is told that there are no descriptors") {
  FaultFileSystem disk;
  ManualClock clock;
  clock.AdvanceAtEveryLook(absl::Milliseconds(1));
  auto store = OpenStore(SmallOptions(disk, clock));
  disk.Inject(TooManyOpenFiles({.kind = OperationKind::kSync, .times = Fault::kForEver}));
  disk.Inject(TooManyOpenFiles({.kind = OperationKind::kCreate, .times = Fault::kForEver}));
  CHECK(absl::IsResourceExhausted(store->CreateTopic("orders", 2).status()));
  CHECK(store->state() == StoreState::kDegraded);
  disk.ClearFaults();
  CHECK(store->CreateTopic("orders", 2).ok());
  CHECK(store->state() == StoreState::kHealthy);
}

TEST_CASE("a segment that cannot be prepared once is prepared in another file") {
  const OperationKind kind =
      GENERATE(OperationKind::kRemove, OperationKind::kCreate, OperationKind::kAllocate,
               OperationKind::kWrite, OperationKind::kSync, OperationKind::kRename);
  const bool zeroes = GENERATE(false, true);
  INFO(OperationKindName(kind));
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  // Whoever wants kDisk has its segments written with zeros ahead.
  Append(*store, {.topic = "orders", .queue_id = 0, .body = "first"},
         {.durability = zeroes ? Durability::kDisk : Durability::kProcess});
  disk.Inject(InputOutputError({.kind = kind, .name_contains = ".tmp"}));
  RunUntilIdle(*store, clock);
  CHECK(disk.failures() == 1);
  CHECK(store->state() == StoreState::kHealthy);
  AppendNumbered(*store, "orders", 0, 12, 700);
  Flush(*store);
}

TEST_CASE("segments that cannot be prepared in two files one after the other end writing") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  // With zeros a preparation is many steps, and all but the writes succeed.
  Append(*store, {.topic = "orders", .queue_id = 0, .body = "first"},
         {.durability = Durability::kDisk});
  disk.Inject(InputOutputError(
      {.kind = OperationKind::kWrite, .name_contains = ".tmp", .times = Fault::kForEver}));
  RunUntilIdle(*store, clock);
  CHECK(store->state() == StoreState::kReadOnly);
  CHECK(disk.failures() == 2);
}

TEST_CASE("a directory that fails to be synced ends writing at once") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Append(*store, {.topic = "orders", .queue_id = 0, .body = "first"});
  disk.Inject(InputOutputError({.kind = OperationKind::kSyncDirectory}));
  RunUntilIdle(*store, clock);
  CHECK(disk.failures() == 1);
  CHECK(store->state() == StoreState::kReadOnly);
}

TEST_CASE("a front that cannot be opened once is not left behind") {
  const OperationKind kind = GENERATE(OperationKind::kOpenShared, OperationKind::kLock);
  FaultFileSystem before;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(before, clock));
  AppendNumbered(*store, "orders", 0, 3, 100);
  FaultFileSystem disk(before.ProcessDeath());
  before.Kill();
  disk.Inject(InputOutputError({.kind = kind, .name_contains = "weir-"}));
  CHECK(absl::IsDataLoss(MessageStore::Open(SmallOptions(disk, clock)).status()));
  CHECK(disk.failures() == 1);
  auto next = OpenStore(SmallOptions(disk, clock));
  CHECK(next->recovery().front_adopted);
  CHECK(AllOf(*next, "orders", 0) == NumberedBodies(0, 3, 100));
}

TEST_CASE("a segment that does not get its space back at an open is replaced") {
  const bool lacks_descriptors = GENERATE(false, true);
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "orders", 0, 3, 100);
  Close(*store);
  store.reset();
  const Fault fault{.kind = OperationKind::kAllocate};
  disk.Inject(lacks_descriptors ? TooManyOpenFiles(fault) : InputOutputError(fault));
  store = OpenStore(SmallOptions(disk, clock));
  CHECK(disk.failures() == 1);
  Append(*store, {.topic = "orders", .queue_id = 0, .body = Numbered(3, 100)},
         {.durability = Durability::kDisk});
  RunUntilIdle(*store, clock);
  CHECK(store->state() == StoreState::kHealthy);
  CHECK(AllOf(*store, "orders", 0) == NumberedBodies(0, 4, 100));
}

TEST_CASE("a header behind a cut that cannot be read once is no damage") {
  FaultFileSystem before;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(before, clock));
  AppendNumbered(*store, "orders", 0, 3, 100);
  Flush(*store);
  AppendNumbered(*store, "orders", 3, 3, 100);
  // The power goes, and the log goes on behind a gap in the numbers of its files.
  FaultFileSystem disk(before.PowerLoss(LossPlan::LoseEverything()));
  before.Kill();
  store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "orders", 3, 1, 100);
  Close(*store);
  store.reset();
  uint64_t met = 0;
  for (uint64_t nth = 1;; ++nth) {
    const uint64_t failures = disk.failures();
    disk.Inject(InputOutputError({.kind = OperationKind::kRead, .nth = nth}));
    if (auto opened = MessageStore::Open(SmallOptions(disk, clock)); opened.ok()) {
      CHECK((*opened)->recovery().damage.empty());
      disk.ClearFaults();
      (*opened)->Close().IgnoreError();
    }
    disk.ClearFaults();
    if (disk.failures() == failures) break;
    ++met;
  }
  CHECK(met > 2);
  CHECK(AllOf(*OpenStore(SmallOptions(disk, clock)), "orders", 0) == NumberedBodies(0, 4, 100));
  store = nullptr;  // before the disk it is on
}

// A directory's sync fails, and the process dies. The next one sees the file that it was for, goes
// on in it and confirms what it appends; only then the power goes.
TEST_CASE("what a failed sync of the directory was for is durable behind the next open") {
  const PagesAfterFailure pages = GENERATE(PagesAfterFailure::kKept, PagesAfterFailure::kDropped);
  FaultFileSystem first;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(first, clock));
  AppendNumbered(*store, "orders", 0, 2, 700);
  Flush(*store);
  Fault fault = InputOutputError({.kind = OperationKind::kSyncDirectory});
  fault.pages = pages;
  first.Inject(fault);
  RunUntilIdle(*store, clock);
  REQUIRE(store->state() == StoreState::kReadOnly);
  FaultFileSystem second(first.ProcessDeath());
  first.Kill();
  auto next = OpenStore(SmallOptions(second, clock));
  // No more than there is room for: another segment would have the directory synced.
  for (size_t i = 2; i < 5; ++i) {
    Append(*next, {.topic = "orders", .queue_id = 0, .body = Numbered(i, 700)},
           {.durability = Durability::kDisk});
  }
  FaultFileSystem third(second.PowerLoss(LossPlan::LoseEverything()));
  second.Kill();
  auto last = OpenStore(SmallOptions(third, clock));
  CHECK(last->recovery().damage.empty());
  CHECK(AllOf(*last, "orders", 0) == NumberedBodies(0, 5, 700));
}

// A store is created, and the sync of its directory fails; the next open finds the superblock and
// goes on. Whatever the power leaves, the store can be opened.
TEST_CASE("a store whose creation failed is whole behind the next open") {
  FaultFileSystem disk;
  ManualClock clock;
  disk.Inject(TooManyOpenFiles({.kind = OperationKind::kSyncDirectory}));
  REQUIRE(absl::IsUnavailable(MessageStore::Open(SmallOptions(disk, clock)).status()));
  std::vector<CrashImage> moments;
  disk.SetHook([&](const Operation&) { moments.push_back(disk.Freeze()); });
  auto store = OpenStore(SmallOptions(disk, clock));
  Append(*store, {.topic = "orders", .queue_id = 0, .body = "first"},
         {.durability = Durability::kDisk});
  disk.SetHook(nullptr);
  uint64_t states = 0;
  for (const CrashImage& moment : moments) {
    for (const LossPlan& plan : moment.LossPlans({.random_plans = 0})) {
      FaultFileSystem after(moment.PowerLoss(plan));
      CHECK(MessageStore::Open(SmallOptions(after, clock)).ok());
      ++states;
    }
  }
  CHECK(states > 100);
}

}  // namespace
}  // namespace weir::testing
