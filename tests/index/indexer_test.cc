// Sealing: entries move from memory to the index file of their segment.

#include "index/indexer.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/guarded.h"
#include "base/promise.h"
#include "index/small_indexer.h"

namespace weir::testing {
namespace {

std::vector<uint64_t> InSegment(const std::vector<LogPosition>& positions, uint64_t segment) {
  std::vector<uint64_t> found;
  for (const LogPosition position : positions) {
    if (position.value() / kSegment == segment) found.push_back(position.value());
  }
  return found;
}

TEST_CASE("sealing moves a segment's entries from memory to its index file, and no others") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  std::vector<LogPosition> one;
  std::vector<LogPosition> two;
  for (size_t i = 0; i < 40; ++i) {
    one.push_back(store.Append(1, Numbered(i, 200)));
    if (i % 3 == 0) two.push_back(store.Append(2, Numbered(i, 90)));
  }
  const uint64_t active = two.back().value() / kSegment;
  REQUIRE(active >= 2);
  store.SealAll();

  uint64_t sealed_one = 0;
  for (uint64_t segment = 0; segment < active; ++segment) {
    CHECK(store.InFile(segment, 1).positions == InSegment(one, segment));
    CHECK(store.InFile(segment, 2).positions == InSegment(two, segment));
    CHECK(store.InFile(segment, 1).first == sealed_one);
    CHECK(store.InFile(segment).count(3) == 0);
    sealed_one += InSegment(one, segment).size();
  }
  CHECK(store.indexer.sealed_end() == LogPosition(active * kSegment));
  CHECK(store.queues.queue(1).memory_first() == sealed_one);
  CHECK(store.queues.queue(1).end() == 40);
  CHECK_FALSE(disk.FileExists(IndexPath(active)));
  CHECK(store.AllPositions(1) == Values(one));
  CHECK(store.AllPositions(2) == Values(two));
  CHECK(store.counter.sealed == static_cast<int>(active));
  CHECK(store.counter.in_runs == sealed_one + two.size() - InSegment(two, active).size());
}

TEST_CASE("a message in many queues has an entry in each of them, all of one record") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock, 60);
  store.AppendNumbered(0, 0, 3);
  const LogPosition shared = store.Append(7, "shared", {9, 50, 59});
  store.AppendNumbered(0, 3, 40);
  store.SealAll();

  for (const uint32_t queue : {7u, 9u, 50u, 59u}) {
    CHECK(store.InFile(0, queue).positions == std::vector<uint64_t>{shared.value()});
  }
  CHECK(store.InFile(0).size() == 5);
}

TEST_CASE("nothing is sealed before the whole segment is durable") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  store.AppendNumbered(1, 0, 40);
  SyncNow(*store.log);

  CHECK_FALSE(*store.indexer.SealSome(LogPosition(kSegment) - 1));
  CHECK(store.indexer.sealed_end() == LogPosition(0));
  CHECK_FALSE(disk.FileExists(IndexPath(0)));
  CHECK(store.queues.queue(1).memory_first() == 0);
  CHECK(*store.indexer.SealSome(LogPosition(kSegment)));
  CHECK(disk.FileExists(IndexPath(0)));
  CHECK_FALSE(*store.indexer.SealSome(LogPosition(kSegment)));
  CHECK_FALSE(disk.FileExists(IndexPath(1)));
}

TEST_CASE("an index file is on the disk before its entries leave the memory") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  store.AppendNumbered(1, 0, 40);
  SyncNow(*store.log);
  bool left_early = false;
  disk.SetHook([&](const Operation& operation) {
    if (!absl::StrContains(operation.name, "index")) return;
    left_early = left_early || store.queues.queue(1).memory_first() > 0;
  });
  REQUIRE(*store.SealSome());
  disk.SetHook(nullptr);
  CHECK_FALSE(left_early);
  CHECK(store.queues.queue(1).memory_first() > 0);

  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  CHECK(after.ReadFile(IndexPath(0)) == disk.ReadFile(IndexPath(0)));
}

TEST_CASE("memory that sealing gives back is used for what is appended then") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock, 8);
  const auto round = [&](size_t from) {
    for (uint32_t queue = 0; queue < 8; ++queue) store.AppendNumbered(queue, from, 20);
    store.SealAll();
  };
  round(0);
  round(20);
  const uint64_t bytes = store.queues.memory_bytes();
  for (size_t from = 40; from < 800; from += 20) round(from);
  CHECK(store.queues.memory_bytes() <= bytes + bytes / 4);
  // A queue that is idle since its last seal has nothing in memory.
  CHECK(store.queues.queue(0).memory_first() == store.queues.queue(0).end());
  CHECK(store.queues.queue(0).room() == 0);
}

TEST_CASE("sealing a segment takes many steps if many queues are to be looked at") {
  constexpr uint32_t kQueues = 200'000;
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock, kQueues);
  store.AppendNumbered(kQueues - 1, 0, 20);
  SyncNow(*store.log);

  int steps = 0;
  while (store.indexer.sealed_end() == LogPosition(0)) {
    CHECK_FALSE(disk.FileExists(IndexPath(0)));
    REQUIRE(*store.SealSome());
    ++steps;
  }
  CHECK(steps >= 3);
  CHECK(store.InFile(0, kQueues - 1).positions.size() > 10);
}

TEST_CASE("between two steps of a seal appends go on, and none of them is lost or sealed early") {
  constexpr uint32_t kQueues = 150'000;
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock, kQueues);
  std::vector<LogPosition> first = store.AppendNumbered(0, 0, 20);
  std::vector<LogPosition> last = store.AppendNumbered(kQueues - 1, 0, 20);
  SyncNow(*store.log);
  size_t next = 20;
  for (int steps = 0; steps < 4; ++steps, ++next) {
    REQUIRE(*store.SealSome());
    first.push_back(store.Append(0, Numbered(next, 200)));
    last.push_back(store.Append(kQueues - 1, Numbered(next, 200)));
  }
  store.SealAll();
  CHECK(store.AllPositions(0) == Values(first));
  CHECK(store.AllPositions(kQueues - 1) == Values(last));
}

TEST_CASE("a run is linked to the queue's run before, over segments that do not know the queue") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  store.AppendNumbered(1, 0, 1);
  store.AppendNumbered(2, 0, 50);
  const LogPosition second = store.Append(1, "second");
  store.AppendNumbered(2, 50, 20);
  store.SealAll();

  const Indexed::Run first_run = store.InFile(0, 1);
  CHECK(first_run.links == RunLinks{});
  const uint64_t segment = second.value() / kSegment;
  REQUIRE(segment >= 3);
  const Indexed::Run run = store.InFile(segment, 1);
  CHECK(run.first == 1);
  CHECK(run.links.depth == 1);
  CHECK(run.links.previous == RunLink{LogPosition(0), QueueOffset(0)});
  const Indexed::Run busy = store.InFile(segment, 2);
  CHECK(busy.links.depth == segment);
  CHECK(busy.links.previous == RunLink{LogPosition((segment - 1) * kSegment),
                                       QueueOffset(store.InFile(segment - 1, 2).first)});
  CHECK(store.queues.queue(1).tail() == RunLink{LogPosition(segment * kSegment), QueueOffset(1)});
}

TEST_CASE("a full disk degrades the store while it lasts, and then the index is what it would be") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  const std::vector<LogPosition> positions = store.AppendNumbered(1, 0, 40);
  SyncNow(*store.log);
  const OperationKind kind = GENERATE(OperationKind::kCreate, OperationKind::kWrite,
                                      OperationKind::kSync, OperationKind::kRename);
  CAPTURE(OperationKindName(kind));
  disk.Inject(DiskFull({.kind = kind, .name_contains = ".index", .times = 2}));

  for (int times = 0; times < 2; ++times) {
    CHECK(absl::IsResourceExhausted(store.SealSome().status()));
    CHECK(store.log->health().Has(Condition::kIndex));
    CHECK(store.log->health().state() == StoreState::kDegraded);
    CHECK(store.log->health().WhyNoAppend().ok());
    CHECK(store.indexer.sealed_end() == LogPosition(0));
    CHECK_FALSE(disk.FileExists(IndexPath(0)));
    CHECK(store.AllPositions(1) == Values(positions));
  }
  store.SealAll();

  CHECK(store.log->health().state() == StoreState::kHealthy);
  CHECK(store.counter.failed == 2);
  CHECK(store.AllPositions(1) == Values(positions));
  CHECK(disk.FileExists(IndexPath(0)));
}

TEST_CASE("too few descriptors delay a seal, and nothing else") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  const std::vector<LogPosition> positions = store.AppendNumbered(1, 0, 40);
  SyncNow(*store.log);
  std::vector<DamagedRange> missing;  // and none of the files is open any more
  REQUIRE(store.log->segments().Load(LogPosition(0), LogPosition(0), &missing).ok());
  disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen}));

  CHECK(absl::IsUnavailable(store.SealSome().status()));
  CHECK(store.indexer.sealed_end() == LogPosition(0));
  CHECK(store.counter.failed == 0);
  store.SealAll();

  CHECK(store.indexer.sealed_end() > LogPosition(0));
  CHECK(store.AllPositions(1) == Values(positions));
}

TEST_CASE("an index whose name no file can have stops the seal, and that is said") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  store.AppendNumbered(1, 0, 40);
  SyncNow(*store.log);
  ScriptedIndex index("more than 24 bytes of name");
  SealCounter counter;
  Health& health = store.log->health();
  Indexer indexer(&store.view, &store.queues, &store.digests, &store.files, {&index}, &counter,
                  &health);

  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) more = indexer.SealSome(store.log->front().durable_end());

  CHECK(absl::IsInternal(more.status()));
  CHECK(absl::IsInternal(TakeBroken()));
  CHECK(counter.failed == 1);
  CHECK(health.Has(Condition::kIndex));
  CHECK_FALSE(disk.FileExists(IndexPath(0)));
}

TEST_CASE("a seal in which memory ran out begins again, and that is said until it is through") {
  struct Exhausted final : RunObserver {
    void OnRun(uint32_t, uint64_t, uint64_t) override {
      if (is_exhausted) throw std::bad_alloc();
    }
    void OnSealed(bool) override {}
    bool is_exhausted = true;
  };
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  store.AppendNumbered(1, 0, 40);
  SyncNow(*store.log);
  Exhausted observer;
  Health& health = store.log->health();
  Indexer indexer(&store.view, &store.queues, &store.digests, &store.files, {}, &observer, &health);
  const auto seal = [&] { return indexer.SealSome(store.log->front().durable_end()); };

  CHECK(seal().status() == OutOfMemory());
  CHECK(health.Has(Condition::kIndex));
  CHECK(indexer.sealed_end() == LogPosition(0));
  observer.is_exhausted = false;
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) more = seal();

  CHECK(more.ok());
  CHECK_FALSE(health.Has(Condition::kIndex));
  CHECK(indexer.sealed_end() >= LogPosition(kSegment));
}

}  // namespace
}  // namespace weir::testing
