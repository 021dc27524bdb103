// What one sync makes durable and for whom, when a mark is placed, and when the superblock is
// written.

#include "log/log_syncer.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "log/small_log.h"

namespace weir::testing {
namespace {

// What was done to which file since this object is there. A file is called as it was when it was
// opened: those of segments have another suffix then.
class Calls {
 public:
  explicit Calls(FaultFileSystem& disk) : disk_(disk) {
    disk_.SetHook([this](const Operation& operation) {
      const std::string name(operation.name.substr(0, operation.name.find('.')));
      if (operation.kind == OperationKind::kSync) ++syncs[name];
      if (operation.kind == OperationKind::kWrite) ++writes[name];
    });
  }
  ~Calls() { disk_.SetHook(nullptr); }
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  int segment_syncs() const {
    int all = 0;
    for (const auto& [name, count] : syncs) all += ParseSegmentFileName(name) ? count : 0;
    return all;
  }
  int superblock_writes() { return writes["superblock"]; }

  std::map<std::string, int> syncs;
  std::map<std::string, int> writes;

 private:
  FaultFileSystem& disk_;
};

// Runs `action` once, inside the next sync of a segment.
void InsideNextSync(FaultFileSystem& disk, std::function<void()> action) {
  disk.SetHook([&disk, action](const Operation& operation) {
    if (operation.kind != OperationKind::kSync) return;
    if (operation.name.substr(0, 4) != "0000") return;
    disk.SetHook(nullptr);
    action();
  });
}

std::string NameOf(uint64_t segment) {
  return SegmentFileName({.begin = LogPosition(segment * kSegment)});
}

TEST_CASE("a sync writes what was there when it began, whatever is appended meanwhile") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.segment_bytes = 65536;
  auto log = OpenLog(options);
  const Reservation place = Append(*log, "one");
  int writes = 0;
  disk.SetHook([&](const Operation& operation) {
    // A producer as fast as the disk.
    if (operation.kind == OperationKind::kWrite && ++writes <= 20) Append(*log, "another");
  });

  CHECK(log->WaitFor(place.position, place.end(), Durability::kDisk, kNever).status().ok());

  disk.SetHook(nullptr);
  CHECK(writes <= 3);
  CHECK(log->front().durable_end() >= place.end());
}

TEST_CASE("what is written while a sync runs is not taken for durable when it ends") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  Reservation late;
  InsideNextSync(disk, [&] {
    late = Append(*log, "late");
    log->WriteStep();
    REQUIRE(log->front().written_end() == late.end());
  });

  SyncNow(*log);

  REQUIRE(late.size > 0);
  CHECK(log->front().durable_end() <= late.position);
  CHECK(log->Reached(late.end()) == Durability::kProcess);
  SyncNow(*log);
  CHECK(log->Reached(late.end()) == Durability::kDisk);
}

TEST_CASE("what is written while its file is synced is synced by the next, wherever the log is") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  while (log->PrepareStep() == absl::ZeroDuration()) {
  }
  Append(*log, "one");
  Reservation late;
  InsideNextSync(disk, [&] {
    for (size_t i = 0; i < 5; ++i) late = Append(*log, Numbered(i, 900));
    while (log->WriteStep() == absl::ZeroDuration()) {
    }
    REQUIRE(log->front().written_end() == late.end());
  });
  SyncNow(*log);
  REQUIRE(log->segments().BeginOf(late.position) == LogPosition(kSegment));

  Calls calls(disk);
  SyncNow(*log);

  CHECK(log->Reached(late.end()) == Durability::kDisk);
  CHECK(calls.syncs[NameOf(0)] == 1);
  CHECK(calls.syncs[NameOf(1)] == 1);
}

TEST_CASE("all who wait share one sync") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  constexpr int kWaiters = 8;
  std::vector<std::thread> waiters;
  std::vector<Durability> reached(kWaiters, Durability::kNone);
  InsideNextSync(disk, [&] {
    for (size_t i = 0; i < kWaiters; ++i) {
      const Reservation place = Append(*log, absl::StrCat("of thread ", i));
      waiters.emplace_back([&log, &reached, place, i] {
        const auto waited = log->WaitFor(place.position, place.end(), Durability::kDisk, kNever);
        if (waited.ok()) reached[i] = *waited;
      });
    }
  });

  SyncNow(*log);
  for (std::thread& waiter : waiters) waiter.join();

  CHECK(reached == std::vector<Durability>(kWaiters, Durability::kDisk));
  CHECK(log->counters().syncs == 2);
}

TEST_CASE("one sync for each file with something unsynced, and none for the others") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Reservation last;
  for (size_t i = 0; i < 7; ++i) last = Append(*log, Numbered(i, 900));
  REQUIRE(log->segments().BeginOf(last.position) == LogPosition(2 * kSegment));
  {
    Calls calls(disk);
    SyncNow(*log);
    CHECK(calls.syncs[NameOf(0)] == 1);
    CHECK(calls.syncs[NameOf(1)] == 1);
    CHECK(calls.syncs[NameOf(2)] == 1);
  }
  Append(*log, "more");
  Calls calls(disk);
  SyncNow(*log);
  CHECK(calls.segment_syncs() == 1);
  CHECK(calls.syncs[NameOf(2)] == 1);
  SyncNow(*log);
  CHECK(calls.segment_syncs() == 1);
}

TEST_CASE("a sync is begun within an interval of the first unsynced append, or at once if wanted") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.sync_interval = absl::Milliseconds(100);
  auto log = OpenLog(options);
  const int64_t start = clock.MonotonicNanos();

  // As a worker does it: rests for as long as the step says, while appends go on.
  int steps = 0;
  while (log->counters().syncs == 0 && ++steps < 100) {
    Append(*log, "one");
    const absl::Duration rest = log->SyncStep();
    if (log->counters().syncs == 0) clock.Advance(rest);
  }
  const int64_t waited = clock.MonotonicNanos() - start;
  CHECK(waited <= absl::ToInt64Nanoseconds(options.sync_interval));
  CHECK(waited > 0);

  Append(*log, "two");
  log->SyncStep();
  CHECK(log->counters().syncs == 1);
  log->RequestSync();
  log->SyncStep();
  CHECK(log->counters().syncs == 2);
}

TEST_CASE("half of the bytes that may be unsynced are reason enough for a sync") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.unsynced_bytes_max = 10'000;
  auto log = OpenLog(options);
  Append(*log, Numbered(0, 900));
  log->SyncStep();
  CHECK(log->counters().syncs == 0);

  while (log->front().claimed_end() - log->front().durable_end() <= 5000) {
    Append(*log, Numbered(1, 900));
  }
  log->SyncStep();

  CHECK(log->counters().syncs == 1);
  CHECK(log->front().durable_end() == log->front().claimed_end());
}

// The marks of the log in order: each says how far the log was durable.
std::vector<MarkRecord> Marks(CommitLog& log) {
  OwnLogView view(&log, /*has_workers=*/false);
  LogScanner scanner(view, log.segments().begin(), log.ContiguousVisibleEnd());
  std::vector<MarkRecord> marks;
  ScannedRecord record;
  DamagedRange damage;
  while (*scanner.Next(&record, &damage) == LogScanner::Step::kRecord) {
    if (const auto mark = DecodeMark(record)) marks.push_back(*mark);
  }
  return marks;
}

TEST_CASE(
    "each batch carries one mark, which names the durable end of the one before and its time") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  std::vector<LogPosition> ends = {log->front().durable_end()};
  std::vector<int64_t> times = {0};
  for (size_t batch = 0; batch < 5; ++batch) {
    for (size_t i = 0; i < 3; ++i) Append(*log, Numbered(i, 100));
    clock.Advance(absl::Seconds(1));
    SyncNow(*log);
    ends.push_back(log->front().durable_end());
    times.push_back(clock.WallNanos());
  }

  const std::vector<MarkRecord> marks = Marks(*log);
  REQUIRE(marks.size() == 5);
  for (size_t i = 0; i < marks.size(); ++i) {
    CHECK(marks[i].durable_end == ends[i]);
    CHECK(marks[i].synced_at == times[i]);
  }
  // Its own mark is no reason for another sync.
  SyncNow(*log);
  CHECK(log->counters().syncs == 5);
}

TEST_CASE("what is confirmed behind a record that somebody overwrote survives a power loss") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  const Reservation bad = Append(*log, "two");
  const Reservation last = Append(*log, "three");
  bad.bytes[kRecordHeaderBytes] ^= 1;
  const auto reached = log->WaitFor(last.position, last.end(), Durability::kDisk, kNever);
  REQUIRE(reached.ok());
  REQUIRE(*reached == Durability::kDisk);

  FaultFileSystem dark(disk.PowerLoss(LossPlan::LoseEverything()));
  disk.Kill();
  auto again = OpenLog(SmallLog(dark, clock));

  CHECK(again->report().dropped_records == 0);
  CHECK(Bodies(*again) == Words{"one", "three"});
}

TEST_CASE("while an open claim holds the durable end up, marks do not pile up behind it") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  const Reservation open = Claim(*log, 3);
  const uint64_t marks = log->counters().marks;

  for (int i = 0; i < 50; ++i) {
    log->RequestSync();
    log->SyncStep();
  }

  CHECK(log->counters().marks <= marks + 1);
  PublishBody(*log, open, "two");
  SyncNow(*log);
  CHECK(log->front().durable_end() == log->front().claimed_end());
}

TEST_CASE("without room there is no mark: the sync neither waits for it nor fails") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation last = Append(*log, "one");
  log->front().set_limit(last.end() + 40);

  SyncNow(*log);

  CHECK(log->counters().syncs == 1);
  CHECK(log->counters().marks == 0);
  CHECK(log->front().durable_end() == last.end());
  Append(*log, "room is made again for those who need it");
}

TEST_CASE("a mark never rolls a segment, although the next one is prepared") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  while (log->PrepareStep() == absl::ZeroDuration()) {
  }
  // What is left of the segment holds a filler and no mark.
  for (const size_t bytes : {900u, 900u, 900u}) Append(*log, std::string(bytes, 'x'));
  const uint64_t left = kSegment - log->front().claimed_end().value() - 56;
  const Reservation last = Append(*log, std::string(left - kRecordHeaderBytes, 'x'));
  REQUIRE(last.end() == LogPosition(kSegment - 56));
  REQUIRE(log->front().limit() > LogPosition(kSegment + 2000));

  SyncNow(*log);

  CHECK(log->front().claimed_end() == last.end());
  CHECK(log->counters().marks == 0);
  CHECK(log->counters().syncs == 1);
}

TEST_CASE("the superblock is written when the durable end rolls or the log falls idle, else not") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Calls calls(disk);
  for (size_t i = 0; i < 4; ++i) {
    Append(*log, Numbered(i, 100));
    SyncNow(*log);
  }
  CHECK(calls.superblock_writes() == 0);

  log->SyncStep();
  CHECK(calls.superblock_writes() == 1);
  CHECK(log->superblock().current().durable_end == log->front().durable_end());
  log->SyncStep();
  CHECK(calls.superblock_writes() == 1);

  while (log->front().claimed_end() < LogPosition(kSegment)) Append(*log, Numbered(9, 900));
  clock.Advance(absl::Seconds(1));
  SyncNow(*log);
  CHECK(calls.superblock_writes() == 2);
  const Superblock saved = log->superblock().current();
  CHECK(saved.durable_end == log->front().durable_end());
  CHECK(saved.last_sync == clock.WallNanos());
  CHECK(saved.prepared_end >= log->segments().prepared_end());
  CHECK_FALSE(saved.is_clean);
}

TEST_CASE("a superblock that found no space is written when there is space, and the log heals") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  disk.Inject(DiskFull({.kind = OperationKind::kWrite, .name_contains = "superblock", .times = 2}));
  log->SyncStep();
  REQUIRE(log->health().state() == StoreState::kDegraded);

  log->SyncStep();

  CHECK(log->health().state() == StoreState::kHealthy);
  CHECK(log->superblock().current().durable_end == log->front().durable_end());
}

TEST_CASE("an error of the disk that space does not cure leaves the log read-only, and says why") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "durable");
  SyncNow(*log);
  const Reservation place = Append(*log, "never");
  // The sync fails, and so does everything that would make a new file.
  disk.Inject(InputOutputError({.kind = OperationKind::kSync, .times = Fault::kForEver}));

  const auto waited = log->WaitFor(place.position, place.end(), Durability::kDisk, kNever);

  CHECK(absl::IsDataLoss(waited.status()));
  CHECK(log->health().state() == StoreState::kReadOnly);
  CHECK(log->health().reason().find("Input/output error") != std::string::npos);
  CHECK(absl::IsFailedPrecondition(TryClaim(*log, 3).status()));
  CHECK(Bodies(*log) == Words{"durable", "never"});
  // Not even a close takes it for clean, and the front has what the disk has not.
  disk.ClearFaults();
  CHECK_FALSE(log->Close().ok());
  log.reset();
  auto again = OpenLog(SmallLog(disk, clock));
  CHECK(again->report().front_adopted);
  CHECK(Bodies(*again) == Words{"durable", "never"});
}

TEST_CASE("a file that was written further than it reaches confirms nothing") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation one = Append(*log, "one");
  log->WriteStep();
  log->front().set_limit(one.end());  // no mark is to be written first
  log->segments().FindOpen(one.position)->written_end.store(kSegment + 8);

  const absl::Status flushed = log->Flush(kNever);

  CHECK(absl::StrContains(flushed.message(), "lib/log/log_syncer.cc:"));
  CHECK(log->front().durable_end() < one.end());
  CHECK(log->health().state() == StoreState::kReadOnly);
  CHECK_FALSE(AnyBroken());
}

TEST_CASE("a promise that stays broken keeps no worker busy") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  int wakes = 0;
  const auto nothing = [] {};
  log->SetWakeups({nothing, [&] { ++wakes; }, nothing, nothing});
  const Reservation one = Append(*log, "one");
  log->segments().FindOpen(one.position)->written_end.store(kSegment + 8);
  for (int i = 0; i < 5; ++i) {
    clock.Advance(absl::Seconds(1));
    CHECK(log->SyncStep() >= absl::Milliseconds(1));
  }
  CHECK(log->health().state() == StoreState::kReadOnly);
  CHECK(wakes == 1);
}

}  // namespace
}  // namespace weir::testing
