#include "index/segment_seal.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "index/small_indexer.h"

namespace weir::testing {
namespace {

constexpr size_t kEntriesPerStep = 4096;

// Segments that hold many more entries than a step may take.
StoreOptions LargeSegments(FaultFileSystem& disk, ManualClock& clock) {
  StoreOptions options = SmallLog(disk, clock);
  options.segment_bytes = 1 << 20;
  options.front_bytes = 1 << 20;
  return options;
}

TEST_CASE("a step takes no more than some thousand entries, also of one queue") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(LargeSegments(disk, clock), 4);
  while (store.queues.queue(1).end() < 30'000) store.Append(1, "");
  SyncNow(*store.log);

  uint64_t steps = 0;
  while (store.indexer.sealed_end() == LogPosition(0)) {
    CHECK_FALSE(disk.FileExists(IndexPath(0)));
    REQUIRE(*store.SealSome());
    ++steps;
  }
  CHECK(steps >= store.queues.queue(1).memory_first() / kEntriesPerStep);
  CHECK(store.counter.in_runs == store.queues.queue(1).memory_first());
  CHECK(store.InFile(0, 1).positions.size() == store.counter.in_runs);
}

TEST_CASE(
    "what is appended between two steps of one queue's seal is neither lost nor sealed early") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(LargeSegments(disk, clock), 4);
  std::vector<uint64_t> expected;
  while (expected.size() < 25'000) expected.push_back(store.Append(1, "").value());
  SyncNow(*store.log);
  for (int steps = 0; steps < 4; ++steps) {
    REQUIRE(*store.SealSome());
    for (int i = 0; i < 700; ++i) expected.push_back(store.Append(1, "").value());
  }
  store.SealAll();
  std::vector<uint64_t> found;
  for (uint64_t begin = 0; begin < store.indexer.sealed_end().value(); begin += 1 << 20) {
    const auto run = store.files.FindRun(LogPosition(begin), 1);
    REQUIRE(run.ok());
    REQUIRE(run->has_value());
    CHECK((*run)->run.first == QueueOffset(found.size()));
    std::vector<IndexEntry> entries((*run)->run.count);
    REQUIRE((*run)->file->ReadEntries((*run)->run, 0, absl::MakeSpan(entries)).ok());
    for (const IndexEntry& entry : entries) {
      found.push_back(entry.position(LogPosition(begin)).value());
    }
  }
  CHECK(store.queues.queue(1).memory_first() == found.size());
  expected.resize(found.size());
  CHECK(found == expected);
  CHECK(found.size() > 20'000);
}

// A small store with a queue whose only run is in segment 0.
struct Sleeper {
  FaultFileSystem disk;
  ManualClock clock;

  Sleeper() {
    Indexed store(disk, clock);
    store.AppendNumbered(1, 0, 1);
    store.AppendNumbered(2, 0, 300);
    store.Close();
  }
  void HarmOldest(bool is_deleted) {
    if (is_deleted) {
      disk.RemoveFile(IndexPath(0));
      return;
    }
    std::string bytes = disk.ReadFile(IndexPath(0));
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    disk.WriteFile(IndexPath(0), bytes);
  }
};

TEST_CASE("a damaged index file of an old segment does not stop sealing: it is computed again") {
  Sleeper sleeper;
  const bool is_deleted = GENERATE(true, false);
  CAPTURE(is_deleted);
  sleeper.HarmOldest(is_deleted);
  Indexed store(sleeper.disk, sleeper.clock);
  const LogPosition woken = store.AppendNumbered(1, 1, 1)[0];
  store.AppendNumbered(2, 300, 60);
  const LogPosition sealed = store.indexer.sealed_end();
  store.SealAll();

  CHECK_FALSE(store.log->health().Has(Condition::kIndex));
  CHECK(store.indexer.sealed_end() > sealed);
  CHECK(store.indexer.rebuilt() == 1);
  const Indexed::Run run = store.InFile(woken.value() / kSegment, 1);
  CHECK(run.links.previous == RunLink{LogPosition(0), QueueOffset(0)});
}

TEST_CASE("an index file that cannot be computed again is passed by, and the queue goes on") {
  Sleeper sleeper;
  sleeper.HarmOldest(/*is_deleted=*/true);
  // Of the segment nothing is left but its header: the run that was there is nowhere.
  std::string bytes = sleeper.disk.ReadFile(FileOf(LogPosition(0)));
  bytes.resize(kSegmentHeaderBytes);
  bytes.resize(kSegment, 'x');
  sleeper.disk.WriteFile(FileOf(LogPosition(0)), bytes);
  Indexed store(sleeper.disk, sleeper.clock);
  const LogPosition woken = store.AppendNumbered(1, 1, 1)[0];
  store.AppendNumbered(2, 300, 60);
  store.SealAll();

  CHECK_FALSE(store.log->health().Has(Condition::kIndex));
  const Indexed::Run run = store.InFile(woken.value() / kSegment, 1);
  CHECK(run.first == 1);
  CHECK(run.positions == std::vector<uint64_t>{woken.value()});
  const auto place = store.indexer.FindWithoutLinks(1, QueueOffset(0));
  REQUIRE(place.ok());
  CHECK_FALSE(place->run.has_value());
  CHECK(place->holes_end == QueueOffset(1));
  CHECK_FALSE(place->is_dropped);
}

TEST_CASE("while an old index file cannot be written anew, sealing waits and then goes on") {
  Sleeper sleeper;
  sleeper.HarmOldest(/*is_deleted=*/false);
  Indexed store(sleeper.disk, sleeper.clock);
  store.AppendNumbered(1, 1, 1);
  store.AppendNumbered(2, 300, 60);
  SyncNow(*store.log);
  const LogPosition sealed = store.indexer.sealed_end();
  sleeper.disk.Inject(DiskFull({.kind = OperationKind::kWrite, .name_contains = ".index"}));
  absl::StatusOr<bool> step = true;
  while (step.ok() && *step) step = store.SealSome();
  CHECK(absl::IsResourceExhausted(step.status()));
  CHECK(store.indexer.sealed_end() >= sealed);
  CHECK(store.log->health().Has(Condition::kIndex));
  store.SealAll();
  CHECK_FALSE(store.log->health().Has(Condition::kIndex));
}

TEST_CASE("a segment whose file is unreadable is passed by, and those behind it are sealed") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> one;
  {
    Indexed store(disk, clock);
    one = store.AppendNumbered(1, 0, 60);
    SyncNow(*store.log);
    REQUIRE(store.log->Close().ok());  // nothing is sealed
  }
  disk.WriteFile(FileOf(LogPosition(2 * kSegment)), std::string(kSegment, 'x'));
  Indexed store(disk, clock);
  store.SealAll();
  CHECK(store.indexer.sealed_end() > LogPosition(3 * kSegment));
  CHECK_FALSE(disk.FileExists(IndexPath(2)));
  // Its offsets are holes of the next run.
  const Indexed::Run run = store.InFile(3, 1);
  CHECK(run.first == store.InFile(1, 1).first + store.InFile(1, 1).positions.size());
  CHECK(run.positions[0] == 0);
  CHECK(store.queues.queue(1).end() == 60);
}

// A seal of the second segment, by itself.
struct Alone {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store{disk, clock};
  VoidPositions voids;
  SealCounter counter;

  Alone() {
    store.AppendNumbered(1, 0, 30);
    SyncNow(*store.log);
  }
  SegmentSeal Begin(SegmentSeal::Linker linker) {
    const LogPosition begin(kSegment);
    return SegmentSeal(*store.log->segments().EntryAt(begin), *store.indexer.IdentityOf(begin),
                       &store.queues, &voids, &counter, std::move(linker));
  }
};

TEST_CASE("entries of a segment of which nothing is left are holes of the next one's run") {
  Alone alone;
  SegmentSeal seal = alone.Begin([](uint32_t, RunLink) { return RunLinks{}; });

  const auto more = seal.Collect();

  REQUIRE(more.ok());
  CHECK_FALSE(*more);
  REQUIRE(seal.runs().size() == 1);
  CHECK(seal.runs()[0].link.first == QueueOffset(0));
  uint64_t before = 0;
  while (alone.store.AllPositions(1)[before] < kSegment) ++before;
  REQUIRE(before > 0);
  CHECK(alone.counter.in_seal == seal.runs()[0].end - before);
}

TEST_CASE("links that no index file may have end a seal, and so does who cannot find any") {
  Alone alone;
  SegmentSeal forward = alone.Begin([](uint32_t, RunLink) {
    return RunLinks{.depth = 1, .previous = {LogPosition(kSegment), QueueOffset(0)}};
  });
  CHECK(absl::IsDataLoss(forward.Collect().status()));
  SegmentSeal without =
      alone.Begin([](uint32_t, RunLink) { return absl::UnavailableError("too many open files"); });
  CHECK(absl::IsUnavailable(without.Collect().status()));
  CHECK(alone.counter.in_seal == 0);
}

TEST_CASE("behind a run whose file and segment are lost, the next is linked to the one before it") {
  FaultFileSystem disk;
  ManualClock clock;
  RunLink second;
  {
    Indexed store(disk, clock);
    store.AppendNumbered(1, 0, 40);
    store.SealAll();
    REQUIRE(store.indexer.sealed_end() == LogPosition(3 * kSegment));
    second = {LogPosition(kSegment), QueueOffset(store.InFile(1, 1).first)};
    REQUIRE(store.log->Close().ok());
  }
  Indexed store(disk, clock);
  const uint64_t lost = store.InFile(2, 1).first;
  for (uint64_t i = 0; i < 3; ++i) store.files.Forget(LogPosition(i * kSegment));
  disk.RemoveFile(IndexPath(2));
  disk.WriteFile(FileOf(LogPosition(2 * kSegment)), "nothing of a segment");
  SECTION("if there is one") {
    store.AppendNumbered(1, 40, 12);
    store.SealAll();
    CHECK(store.InFile(3, 1).links.previous == second);
  }
  SECTION("unless its own links are impossible") {
    const IndexIdentity identity = *store.indexer.IdentityOf(second.segment_begin);
    IndexFileWriter deepest(identity);
    const RunLink first{LogPosition(0), QueueOffset(0)};
    REQUIRE(deepest
                .AddRun(1, second.first, {.depth = 0xFFFFFFFF, .previous = first},
                        std::vector<IndexEntry>(lost - second.first.value()))
                .ok());
    REQUIRE(deepest.WriteTo(store.log->directory(), IndexFileName(identity.segment_begin)).ok());
    store.AppendNumbered(1, 40, 12);
    store.SealAll();
    CHECK_FALSE(store.InFile(3, 1).links.previous.exists());
  }
}

TEST_CASE("voids have entries and are no messages") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  const std::vector<LogPosition> one = store.AppendNumbered(1, 0, 40);
  store.indexer.CountVoid({}, one[1]);
  store.indexer.CountVoid({}, one[3]);
  store.SealAll();
  CHECK(store.counter.in_runs == store.queues.queue(1).memory_first() - 2);
  CHECK(store.AllPositions(1) == Values(one));
}

}  // namespace
}  // namespace weir::testing
