// What takes the place of a segment file whose sync or write failed, whatever became of its pages.

#include "log/segment_replacer.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

#include "log/small_log.h"

namespace weir::testing {
namespace {

constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

// A segment's file as it is called while it is open: as it was created.
std::string OpenName(uint64_t generation) {
  return TemporaryName(SegmentFileName({.begin = LogPosition(), .generation = generation}));
}

Fault FailedSync(PagesAfterFailure pages) {
  Fault fault = InputOutputError({.kind = OperationKind::kSync, .name_contains = OpenName(0)});
  fault.pages = pages;
  return fault;
}

PagesAfterFailure AnyPages() {
  return GENERATE(PagesAfterFailure::kKept, PagesAfterFailure::kDropped,
                  PagesAfterFailure::kReverted);
}

// One segment larger than the front: what stands at its begin leaves the front before it is full.
StoreOptions SmallFront(FaultFileSystem& disk, ManualClock& clock) {
  StoreOptions options = SmallLog(disk, clock);
  options.segment_bytes = 65536;
  options.front_bytes = 8192;
  return options;
}

absl::Status WaitFor(CommitLog& log, const Reservation& place) {
  return log.WaitFor(place.position, place.end(), Durability::kDisk, kNever).status();
}

// What the disk has for sure, in a log opened anew.
Words BodiesAfterPowerLoss(FaultFileSystem& disk, const StoreOptions& options) {
  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  StoreOptions again = options;
  again.file_system = &after;
  auto log = OpenLog(again);
  CHECK(log->report().damage.empty());
  return Bodies(*log);
}

TEST_CASE(
    "a failed file that the disk does not give today is replaced when it does, and nothing is "
    "lost") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallFront(disk, clock));
  Words expected;
  // The first ones leave the front and are in the file only.
  for (size_t i = 0; i < 30; ++i) {
    expected.push_back(Numbered(i, 1000));
    Append(*log, expected.back());
    if (i % 5 == 0) SyncNow(*log);
  }
  REQUIRE(log->front().front_begin() > LogPosition(kSegmentHeaderBytes));
  expected.push_back("in doubt");
  const Reservation place = Append(*log, "in doubt");
  disk.Inject(FailedSync(PagesAfterFailure::kKept));
  disk.Inject(InputOutputError({.kind = OperationKind::kRead, .times = Fault::kForEver}));

  log->RequestSync();
  log->SyncStep();
  CHECK(log->health().state() == StoreState::kDegraded);
  CHECK(log->counters().replacements == 0);
  CHECK(disk.FileExists(FileOf(LogPosition(0))));

  disk.ClearFaults();
  CHECK(WaitFor(*log, place).ok());
  CHECK(log->counters().replacements == 1);
  CHECK(log->health().state() == StoreState::kHealthy);
  CHECK(Bodies(*log) == expected);
  CHECK(BodiesAfterPowerLoss(disk, SmallFront(disk, clock)) == expected);
}

TEST_CASE("after a failed sync the same records stand at the same places of a new file") {
  const PagesAfterFailure pages = AnyPages();
  INFO("pages " << static_cast<int>(pages));
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "synced");
  SyncNow(*log);
  const Reservation place = Append(*log, "in doubt");
  AppendGroup(*log, {"first", "second"});
  const auto failed = log->segments().FindOpen(place.position);
  disk.Inject(FailedSync(pages));

  CHECK(WaitFor(*log, place).ok());

  CHECK(log->counters().replacements == 1);
  CHECK(log->health().state() == StoreState::kHealthy);
  CHECK(disk.FileExists(FileOf(place.position) + ".1"));
  CHECK_FALSE(disk.FileExists(FileOf(place.position)));
  CHECK(disk.ListFiles("/store/quarantine") == std::vector<std::string>{SegmentFileName({})});
  const Words expected = {"synced", "in doubt", "first", "second"};
  CHECK(Bodies(*log) == expected);
  const auto serves = log->segments().FindOpen(place.position);
  CHECK(serves->header().generation == 1);
  CHECK(serves->header().incarnation == failed->header().incarnation);
  std::string record(place.size, '\0');
  REQUIRE(serves->Read(place.position, absl::MakeSpan(record)).ok());
  CHECK(Verify(record.data(), record.size(), place.position, log->incarnation()));
  CHECK(BodiesAfterPowerLoss(disk, SmallLog(disk, clock)) == expected);
}

TEST_CASE("a replacement has its name for good, also where the failed file cannot be put aside") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "synced");
  SyncNow(*log);
  const Reservation place = Append(*log, "in doubt");
  disk.Inject(FailedSync(PagesAfterFailure::kDropped));
  disk.Inject(InputOutputError({.kind = OperationKind::kOpenDirectory,
                                .name_contains = std::string(kQuarantineName),
                                .times = Fault::kForEver}));

  CHECK(WaitFor(*log, place).ok());

  CHECK(log->counters().replacements == 1);
  CHECK(disk.FileExists(FileOf(place.position)));
  CHECK(BodiesAfterPowerLoss(disk, SmallLog(disk, clock)) == Words{"synced", "in doubt"});
}

TEST_CASE("a file whose sync failed is never synced again, and the log goes on in the new one") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  disk.Inject(FailedSync(PagesAfterFailure::kDropped));
  int old_syncs = 0;
  int new_syncs = 0;
  int old_writes = 0;
  disk.SetHook([&](const Operation& operation) {
    if (operation.kind == OperationKind::kSync && operation.name == OpenName(0)) ++old_syncs;
    if (operation.kind == OperationKind::kSync && operation.name == OpenName(1)) ++new_syncs;
    if (operation.kind == OperationKind::kWrite && operation.name == OpenName(0)) ++old_writes;
  });
  SyncNow(*log);
  const int writes_before = old_writes;

  Append(*log, "two");
  SyncNow(*log);
  const absl::Status closed = log->Close();
  disk.SetHook(nullptr);

  CHECK(closed.ok());
  CHECK(old_syncs == 1);
  CHECK(old_writes == writes_before);
  CHECK(new_syncs == 2);
  log.reset();
  CHECK(Bodies(*OpenLog(SmallLog(disk, clock))) == Words{"one", "two"});
}

TEST_CASE("a new file that fails too is followed by the next generation") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  disk.Inject(FailedSync(PagesAfterFailure::kReverted));
  SyncNow(*log);
  Append(*log, "two");
  Fault again = InputOutputError({.kind = OperationKind::kSync, .name_contains = OpenName(1)});
  again.pages = PagesAfterFailure::kReverted;
  disk.Inject(again);
  SyncNow(*log);

  CHECK(log->counters().replacements == 2);
  CHECK(disk.FileExists(FileOf(LogPosition()) + ".2"));
  CHECK(disk.ListFiles("/store/quarantine").size() == 2);
  CHECK(BodiesAfterPowerLoss(disk, SmallLog(disk, clock)) == Words{"one", "two"});
}

TEST_CASE(
    "what left the front is read back from the file that failed, if its pages are still seen") {
  const auto pages = GENERATE(PagesAfterFailure::kKept, PagesAfterFailure::kDropped);
  FaultFileSystem disk;
  ManualClock clock;
  const StoreOptions options = SmallFront(disk, clock);
  auto log = OpenLog(options);
  Words expected;
  for (size_t i = 0; i < 30; ++i) {
    expected.push_back(Numbered(i, 700));
    Append(*log, expected.back());
  }
  REQUIRE(log->front().front_begin() > LogPosition(8192));
  disk.Inject(FailedSync(pages));

  SyncNow(*log);

  CHECK(log->counters().replacements == 1);
  CHECK(log->health().state() == StoreState::kHealthy);
  CHECK(Bodies(*log) == expected);
  CHECK(BodiesAfterPowerLoss(disk, options) == expected);
}

TEST_CASE(
    "what is neither in the front nor in the file is covered by a lost filler; waiters know") {
  FaultFileSystem disk;
  ManualClock clock;
  const StoreOptions options = SmallFront(disk, clock);
  auto log = OpenLog(options);
  const Reservation synced = Append(*log, "synced");
  SyncNow(*log);
  std::vector<Reservation> places;
  for (size_t i = 0; i < 30; ++i) places.push_back(Append(*log, Numbered(i, 700)));
  const LogPosition in_front = log->front().front_begin();
  REQUIRE(in_front > places[0].end());
  disk.Inject(FailedSync(PagesAfterFailure::kReverted));

  CHECK(absl::IsDataLoss(WaitFor(*log, places.front())));
  CHECK(WaitFor(*log, synced).ok());
  CHECK(WaitFor(*log, places.back()).ok());

  CHECK(log->health().state() == StoreState::kDegraded);
  CHECK(log->health().Has(Condition::kDamage));
  const auto kept = std::find_if(places.begin(), places.end(), [&](const Reservation& place) {
    return place.position >= in_front;
  });
  Words expected = {"synced"};
  for (auto place = kept; place != places.end(); ++place) {
    expected.push_back(Numbered(static_cast<size_t>(place - places.begin()), 700));
  }
  REQUIRE(expected.size() > 5);
  REQUIRE(expected.size() < places.size());
  CHECK(Bodies(*log) == expected);
  std::string filler(kRecordHeaderBytes, '\0');
  REQUIRE(log->ReadBytes(places[0].position, absl::MakeSpan(filler)).ok());
  const RecordHeader header = LoadHeader(filler.data());
  CHECK(header.type == RecordType::kFiller);
  CHECK(header.flags == kIsLost);
  CHECK(places[0].position + header.bytes() == kept->position);
  // No later open takes the lost range for the end of the log.
  CHECK(BodiesAfterPowerLoss(disk, options) == expected);
}

TEST_CASE("a lost range ends with the group that it begins in: a later open cuts nothing") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallFront(disk, clock));
  const Reservation group = AppendGroup(*log, {"first", "second"});
  const Reservation next = Append(*log, "next");
  for (size_t i = 0; i < 15; ++i) Append(*log, Numbered(i, 700));
  while (log->WriteStep() == absl::ZeroDuration()) {
  }
  REQUIRE(log->front().front_begin() > next.end());
  // Some of what was never synced is gone.
  Damage(disk, group.position + kRecordHeaderBytes + SizeOf(5));
  Damage(disk, next.position);
  disk.Inject(FailedSync(PagesAfterFailure::kKept));

  REQUIRE(WaitFor(*log, Append(*log, "last")).ok());

  CHECK(Bodies(*log).size() == 17);
  CHECK(BodiesAfterPowerLoss(disk, SmallFront(disk, clock)) == Bodies(*log));
}

TEST_CASE("damage that was there before stays what it was, and its bytes are kept aside") {
  FaultFileSystem disk;
  ManualClock clock;
  const StoreOptions options = SmallFront(disk, clock);
  auto log = OpenLog(options);
  const Reservation bad = Append(*log, "old and bad");
  const Reservation good = Append(*log, "old and good");
  for (size_t i = 0; i < 15; ++i) Append(*log, Numbered(i, 700));
  SyncNow(*log);
  REQUIRE(log->front().front_begin() > good.end());
  Damage(disk, bad.position);
  Append(*log, "new");
  disk.Inject(FailedSync(PagesAfterFailure::kKept));

  SyncNow(*log);

  CHECK(log->health().state() == StoreState::kDegraded);
  const std::vector<Seen> seen = Walk(*log);
  CHECK(seen[0].what == "damage");
  CHECK(seen[0].position == bad.position);
  CHECK(seen[1].position == good.position);
  CHECK(seen.back().what == "message new");
  CHECK(disk.ReadFile("/store/quarantine/" + SegmentFileName({})).find("old and bad") !=
        std::string::npos);
}

TEST_CASE("without space for a new file the log is degraded, keeps everything, and tries again") {
  const PagesAfterFailure pages = AnyPages();
  INFO("pages " << static_cast<int>(pages));
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  const Reservation place = Append(*log, "two");
  disk.SetCapacity(disk.used_bytes());
  disk.Inject(FailedSync(pages));

  for (int i = 0; i < 3; ++i) {
    log->RequestSync();
    CHECK(log->SyncStep() < absl::Seconds(1));
    CHECK(log->health().state() == StoreState::kDegraded);
    CHECK(log->health().reason().find("No space left") != std::string::npos);
    CHECK(log->Reached(place.end()) == Durability::kProcess);
    CHECK(Bodies(*log) == Words{"one", "two"});
  }
  CHECK(disk.FileExists(FileOf(place.position)));

  disk.SetCapacity(kUnlimited);
  log->RequestSync();
  log->SyncStep();
  CHECK(log->Reached(place.end()) == Durability::kDisk);
  CHECK(log->health().state() == StoreState::kHealthy);
  CHECK(BodiesAfterPowerLoss(disk, SmallLog(disk, clock)) == Words{"one", "two"});
}

TEST_CASE("while a failed file waits for the new one, nothing of it leaves the front") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.front_bytes = 8192;
  auto log = OpenLog(options);
  Words expected;
  const auto append_some = [&] {
    for (int i = 0; i < 6; ++i) {
      const auto place = TryClaim(*log, 800, log->DeadlineIn(absl::ZeroDuration()));
      if (!place.ok()) return;
      expected.push_back(Numbered(expected.size(), 800));
      PublishBody(*log, *place, expected.back());
      log->WriteStep();
    }
  };
  append_some();
  while (log->PrepareStep() == absl::ZeroDuration()) {
  }
  disk.Inject(FailedSync(PagesAfterFailure::kReverted));
  disk.SetCapacity(disk.used_bytes());
  log->RequestSync();
  log->SyncStep();
  REQUIRE(log->health().state() == StoreState::kDegraded);

  // The next segments have space, the front has none.
  for (int i = 0; i < 5; ++i) append_some();
  disk.SetCapacity(kUnlimited);
  SyncNow(*log);

  CHECK(Bodies(*log) == expected);
  CHECK(log->health().state() == StoreState::kHealthy);
}

TEST_CASE("a process that dies before the new file could be made loses nothing") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  Append(*log, "two");
  disk.SetCapacity(disk.used_bytes());
  disk.Inject(FailedSync(PagesAfterFailure::kDropped));
  log->RequestSync();
  log->SyncStep();
  REQUIRE(log->health().state() == StoreState::kDegraded);

  FaultFileSystem after(disk.ProcessDeath());
  disk.Kill();
  auto again = OpenLog(SmallLog(after, clock));
  SyncNow(*again);

  // The next process has no memory of the failed sync: it must not trust the pages either.
  CHECK(BodiesAfterPowerLoss(after, SmallLog(after, clock)) == Words{"one", "two"});
}

TEST_CASE("a try that stopped before its name was durable is cleared away by the next one") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  disk.Inject(FailedSync(PagesAfterFailure::kReverted));
  disk.Inject(DiskFull({.kind = OperationKind::kSyncDirectory}));

  CHECK(absl::IsResourceExhausted(log->Flush(kNever)));
  CHECK(log->health().state() == StoreState::kDegraded);
  SyncNow(*log);

  CHECK(log->health().state() == StoreState::kHealthy);
  CHECK(BodiesAfterPowerLoss(disk, SmallLog(disk, clock)) == Words{"one"});
}

}  // namespace
}  // namespace weir::testing
