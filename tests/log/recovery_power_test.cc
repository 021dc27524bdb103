// Recovery after a power loss: torn tails are cut, holes are cut and kept aside, damage below the
// durable end stays damage.

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "log/recovery.h"
#include "log/small_log.h"

namespace weir::testing {
namespace {

// A log on a machine that loses its power.
struct PowerCut {
  PowerCut(FaultFileSystem& disk, const LossPlan& plan) : after(disk.PowerLoss(plan)) {
    disk.Kill();
  }
  FaultFileSystem after;
};

TEST_CASE("what was synced survives a power loss, and a torn tail is cut without being damage") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  clock.Advance(absl::Seconds(1));
  Append(*log, "two");
  SyncNow(*log);  // its mark tells of the sync before
  Append(*log, "three");
  log->WriteStep();

  PowerCut cut(disk, LossPlan::LoseEverything());
  auto again = OpenLog(SmallLog(cut.after, clock));

  CHECK(again->report().damage.empty());
  CHECK(again->report().dropped_bytes == 0);
  CHECK(again->report().dropped_records == 0);
  CHECK(again->report().last_sync == absl::FromUnixNanos(ManualClock::kDefaultWallNanos));
  CHECK(again->health().state() == StoreState::kHealthy);
  CHECK(Bodies(*again) == Words{"one", "two"});
}

TEST_CASE("a cut goes on behind the furthest prepared segment, whose number stays unused") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  while (log->PrepareStep() == absl::ZeroDuration()) {
  }
  const LogPosition prepared = log->segments().prepared_end();
  REQUIRE(prepared >= LogPosition(3 * kSegment));
  const Reservation lost = Append(*log, "two");

  PowerCut cut(disk, LossPlan::LoseEverything());
  auto again = OpenLog(SmallLog(cut.after, clock));
  const LogPosition end = again->report().end;
  const Reservation next = Append(*again, "three");

  CHECK(end <= lost.position);
  CHECK(next.position >= prepared + kSegment);
  const auto entry = again->segments().EntryAt(next.position);
  REQUIRE(entry.has_value());
  const auto file = again->segments().Find(next.position);
  REQUIRE(file.ok());
  CHECK((*file)->header().predecessor_end == end);
  CHECK(Bodies(*again) == Words{"one", "three"});

  // The cut outlives everything that comes.
  SyncNow(*again);
  REQUIRE(again->Close().ok());
  auto last = OpenLog(SmallLog(cut.after, clock));
  CHECK(last->report().damage.empty());
  CHECK(Bodies(*last) == Words{"one", "three"});
}

TEST_CASE("whatever a power loss takes of what was not synced, a prefix is left and no damage") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Words all;
  for (size_t i = 0; i < 12; ++i) {
    all.push_back(Numbered(i, 700));
    Append(*log, all.back());
    log->WriteStep();
    if (i == 3) SyncNow(*log);
  }
  const CrashImage moment = disk.Freeze();

  for (const LossPlan& plan : moment.LossPlans({.seed = 3})) {
    FaultFileSystem after(moment.PowerLoss(plan));
    auto again = OpenLog(SmallLog(after, clock));
    const Words bodies = Bodies(*again);
    INFO(plan.ToString());
    CHECK(bodies.size() >= 4);
    REQUIRE(bodies.size() <= all.size());
    CHECK(std::equal(bodies.begin(), bodies.end(), all.begin()));
    CHECK(again->report().damage.empty());
    CHECK(again->health().state() == StoreState::kHealthy);
  }
}

TEST_CASE("behind a hole of a power loss the log is cut; the rest is kept aside and told of") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  const Reservation hole = Append(*log, "two");
  const Reservation behind = Append(*log, "three");
  log->WriteStep();

  PowerCut cut(disk, LossPlan::KeepEverything());
  Damage(cut.after, hole.position);
  {
    auto again = OpenLog(SmallLog(cut.after, clock));
    CHECK(again->report().end == hole.position);
    CHECK(again->report().dropped_records == 1);
    CHECK(again->report().dropped_bytes == behind.end() - hole.position);
    CHECK(again->report().damage.empty());
    CHECK(Bodies(*again) == Words{"one"});
    CHECK(Append(*again, "four").position > behind.end());
    CHECK(again->Close().ok());
  }
  const std::vector<std::string> kept = cut.after.ListFiles("/store/quarantine");
  REQUIRE(kept.size() == 1);
  CHECK(cut.after.ReadFile("/store/quarantine/" + kept[0]).find("three") != std::string::npos);

  // What was dropped never comes back.
  CHECK(Bodies(*OpenLog(SmallLog(cut.after, clock))) == Words{"one", "four"});
}

TEST_CASE(
    "a tail that the device does not give today is not judged: the open fails, and changes "
    "nothing") {
  FaultFileSystem disk;
  ManualClock clock;
  const auto dies_with_its_power = GENERATE(true, false);
  StoreOptions options = SmallLog(disk, clock);
  options.front_directory = "private";
  auto log = OpenLog(options);
  for (size_t i = 0; i < 3; ++i) Append(*log, Numbered(i, 700));
  SyncNow(*log);  // the superblock does not know yet
  const Words expected = Bodies(*log);

  FaultFileSystem after(dies_with_its_power ? disk.PowerLoss(LossPlan::LoseEverything())
                                            : disk.ProcessDeath());
  disk.Kill();
  options.file_system = &after;
  const std::vector<std::string> files = after.ListFiles("/store");
  uint64_t refused = 0;
  for (uint64_t nth = 1;; ++nth) {
    after.ClearFaults();
    Fault fault =
        InputOutputError({.kind = OperationKind::kRead, .nth = nth, .times = Fault::kForEver});
    after.Inject(fault);
    const auto opened = CommitLog::Open(options);
    if (opened.ok()) break;
    CHECK(absl::IsDataLoss(opened.status()));
    CHECK(after.ListFiles("/store") == files);
    ++refused;
  }
  CHECK(refused >= 2);
  after.ClearFaults();

  FaultFileSystem again(after.ProcessDeath());
  after.Kill();
  options.file_system = &again;
  CHECK(Bodies(*OpenLog(options)) == expected);
}

TEST_CASE("whole segments behind a hole go into quarantine") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  std::vector<Reservation> places;
  for (size_t i = 0; i < 14; ++i) places.push_back(Append(*log, Numbered(i, 700)));
  log->WriteStep();
  while (log->front().written_end() < places.back().end()) log->WriteStep();
  REQUIRE(places.back().position > LogPosition(2 * kSegment));

  PowerCut cut(disk, LossPlan::KeepEverything());
  Damage(cut.after, places[0].position);
  auto again = OpenLog(SmallLog(cut.after, clock));

  CHECK(Bodies(*again) == Words{"one"});
  CHECK(again->report().dropped_records >= 13);
  const std::vector<std::string> kept = cut.after.ListFiles("/store/quarantine");
  CHECK(std::count(kept.begin(), kept.end(), SegmentFileName({LogPosition(kSegment)})) == 1);
  CHECK(std::count(kept.begin(), kept.end(), SegmentFileName({LogPosition(2 * kSegment)})) == 1);
}

TEST_CASE("below the durable end an invalid record is corruption: everything else stays") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation bad = Append(*log, "one");
  const Reservation behind = Append(*log, "two");
  SyncNow(*log);
  log->SyncStep();  // nothing to do: the superblock learns how far the log is durable
  Append(*log, "three");
  log->WriteStep();

  PowerCut cut(disk, LossPlan::KeepEverything());
  Damage(cut.after, bad.position);
  StoreOptions strict = SmallLog(cut.after, clock);
  strict.strict_recovery = true;
  auto again = OpenLog(SmallLog(cut.after, clock));

  CHECK(Bodies(*again) == Words{"two", "three"});
  // Only what stands behind the durable end is looked at by an open; damage below is met by reads.
  const std::vector<Seen> seen = Walk(*again);
  CHECK(seen[0].what == "damage");
  CHECK(seen[0].position == bad.position);
  CHECK(seen[1].position == behind.position);
}

TEST_CASE("behind a cut the log goes on in the segment behind it, however often it is opened") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  const Reservation lost = Append(*log, "two");
  log->WriteStep();

  PowerCut cut(disk, LossPlan::LoseEverything());
  OpenLog(SmallLog(cut.after, clock))->Close().IgnoreError();
  REQUIRE(OpenLog(SmallLog(cut.after, clock))->Close().ok());
  auto again = OpenLog(SmallLog(cut.after, clock));
  const Reservation next = Append(*again, "three");
  SyncNow(*again);
  FaultFileSystem after(cut.after.ProcessDeath());
  cut.after.Kill();
  auto last = OpenLog(SmallLog(after, clock));

  CHECK(next.position > LogPosition(kSegment));
  CHECK(lost.position < LogPosition(kSegment));
  CHECK(last->report().damage.empty());
  CHECK(Bodies(*last) == Words{"one", "three"});
}

TEST_CASE("too few descriptors are an error of the open, and no damage") {
  FaultFileSystem disk;
  ManualClock clock;
  {
    auto log = OpenLog(SmallLog(disk, clock));
    for (int i = 0; i < 200; ++i) Append(*log, absl::StrCat("message ", i));
    SyncNow(*log);
    REQUIRE(log->Close().ok());
  }
  int refused = 0;
  for (uint64_t call = 1; call < 30; ++call) {
    disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen, .nth = call}));
    const auto opened = CommitLog::Open(SmallLog(disk, clock));
    disk.ClearFaults();
    if (opened.ok()) {
      CHECK((*opened)->report().damage.empty());
      CHECK((*opened)->Close().ok());
    } else {
      CHECK(absl::IsUnavailable(opened.status()));
      ++refused;
    }
  }
  CHECK(refused >= 3);
  auto log = OpenLog(SmallLog(disk, clock));
  CHECK(log->report().damage.empty());
  CHECK(Bodies(*log).size() == 200);
}

TEST_CASE("a mark tells that the log was durable, although the superblock does not know it yet") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation bad = Append(*log, "one");
  const Reservation behind = Append(*log, "two");
  SyncNow(*log);
  Append(*log, "three");
  SyncNow(*log);  // its mark says that "two" is durable
  REQUIRE(log->superblock().current().durable_end <= bad.position);

  PowerCut cut(disk, LossPlan::KeepEverything());
  Damage(cut.after, bad.position);
  StoreOptions strict = SmallLog(cut.after, clock);
  strict.strict_recovery = true;
  CHECK(absl::IsDataLoss(CommitLog::Open(strict).status()));
  auto again = OpenLog(SmallLog(cut.after, clock));

  REQUIRE(again->report().damage.size() == 1);
  CHECK(again->report().damage[0].begin == bad.position);
  CHECK(again->report().damage[0].end == behind.position);
  CHECK(again->report().dropped_bytes == 0);
  CHECK(again->health().state() == StoreState::kDegraded);
  CHECK(Bodies(*again) == Words{"two", "three"});
}

TEST_CASE(
    "if the durable end itself cannot be read any more, that is corruption, not a torn tail") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  const Reservation bad = Append(*log, "two");
  REQUIRE(log->Close().ok());
  log.reset();

  Damage(disk, bad.position);
  auto again = OpenLog(SmallLog(disk, clock));

  CHECK(again->front().claimed_end() >= bad.end());
  CHECK(What(*again) == Words{"message one", "damage"});
  CHECK(Append(*again, "three").position >= bad.end());
  CHECK(Bodies(*again) == Words{"one", "three"});
}

TEST_CASE("a group with one torn member is cut as a whole") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  const Reservation group = AppendGroup(*log, {"first", "second", "third"});
  log->WriteStep();

  PowerCut cut(disk, LossPlan::KeepEverything());
  Damage(cut.after, group.position + kRecordHeaderBytes + SizeOf(5));  // "second"
  auto again = OpenLog(SmallLog(cut.after, clock));

  CHECK(Bodies(*again) == Words{"one"});
  CHECK(again->report().end == group.position);
  CHECK(again->report().damage.empty());
}

TEST_CASE("a whole group survives as a whole") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  AppendGroup(*log, {"first", "second", "third"});
  log->WriteStep();

  PowerCut cut(disk, LossPlan::KeepEverything());
  auto again = OpenLog(SmallLog(cut.after, clock));

  CHECK(Bodies(*again) == Words{"first", "second", "third"});
}

TEST_CASE("no position is ever used twice, however often the power goes") {
  ManualClock clock;
  std::vector<std::unique_ptr<FaultFileSystem>> disks;
  disks.push_back(std::make_unique<FaultFileSystem>());
  LogPosition furthest;
  for (int cut = 0; cut < 6; ++cut) {
    FaultFileSystem& disk = *disks.back();
    auto log = OpenLog(SmallLog(disk, clock));
    for (size_t i = 0; i < static_cast<size_t>(cut) * 3; ++i) {
      const Reservation place = Append(*log, Numbered(i, 300));
      CHECK(place.position >= furthest);
      furthest = place.end();
    }
    disks.push_back(std::make_unique<FaultFileSystem>(
        disk.PowerLoss(cut % 2 == 0 ? LossPlan::LoseEverything() : LossPlan::KeepEverything())));
    disk.Kill();
  }
}

TEST_CASE("recovered records survive the next power loss, whatever a sync before the death said") {
  const auto pages = GENERATE(PagesAfterFailure::kKept, PagesAfterFailure::kDropped);
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.front_directory = "private";
  auto log = OpenLog(options);
  Append(*log, "one");
  log->WriteStep();
  // The sync fails, and so does every attempt to put a new file in its place.
  disk.Inject(
      InputOutputError({.kind = OperationKind::kSync, .times = Fault::kForEver, .pages = pages}));
  CHECK_FALSE(log->Flush(kNever).ok());
  disk.ClearFaults();

  FaultFileSystem after(disk.ProcessDeath());
  disk.Kill();
  options.file_system = &after;
  auto again = OpenLog(options);
  CHECK(Bodies(*again) == Words{"one"});
  FaultFileSystem dark(after.PowerLoss(LossPlan::LoseEverything()));
  after.Kill();
  options.file_system = &dark;

  CHECK(Bodies(*OpenLog(options)) == Words{"one"});
}

TEST_CASE("a recovery that dies at any call is followed by the same recovery") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  for (size_t i = 0; i < 8; ++i) Append(*log, Numbered(i, 700));
  SyncNow(*log);
  const Reservation hole = Append(*log, "lost");
  Append(*log, "behind the hole");
  log->WriteStep();
  PowerCut cut(disk, LossPlan::KeepEverything());
  Damage(cut.after, hole.position);
  const CrashImage start = cut.after.Freeze();
  std::vector<CrashImage> moments;
  FaultFileSystem watched(start);
  watched.SetHook([&](const Operation&) { moments.push_back(watched.Freeze()); });
  const Words expected = Bodies(*OpenLog(SmallLog(watched, clock)));
  watched.SetHook(nullptr);
  REQUIRE(expected.size() == 8);
  REQUIRE(moments.size() > 20);

  for (size_t i = 0; i < moments.size(); ++i) {
    INFO("died before call " << i);
    FaultFileSystem killed(moments[i].ProcessDeath());
    CHECK(Bodies(*OpenLog(SmallLog(killed, clock))) == expected);
    for (const LossPlan& plan : {LossPlan::LoseEverything(), LossPlan::KeepEverything()}) {
      FaultFileSystem dark(moments[i].PowerLoss(plan));
      CHECK(Bodies(*OpenLog(SmallLog(dark, clock))) == expected);
    }
  }
}

TEST_CASE("two cuts with nothing appended between them leave one end") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  Append(*log, "two");

  PowerCut first(disk, LossPlan::LoseEverything());
  auto again = OpenLog(SmallLog(first.after, clock));
  const LogPosition end = again->report().end;
  PowerCut second(first.after, LossPlan::LoseEverything());
  auto last = OpenLog(SmallLog(second.after, clock));

  CHECK(last->report().end == end);
  CHECK(last->report().damage.empty());
  Append(*last, "three");
  SyncNow(*last);
  CHECK(Bodies(*last) == Words{"one", "three"});
  REQUIRE(last->Close().ok());
  CHECK(Bodies(*OpenLog(SmallLog(second.after, clock))) == Words{"one", "three"});
}

TEST_CASE("store times go on where the log's newest stands, though the clock went back a day") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  const int64_t newest = log->front().last_store_time();

  PowerCut cut(disk, LossPlan::LoseEverything());
  clock.SetWallNanos(newest - 86'400'000'000'000);
  auto again = OpenLog(SmallLog(cut.after, clock));
  const Reservation next = Append(*again, "two");

  CHECK(LoadHeader(next.bytes).store_time >= newest);
}

}  // namespace
}  // namespace weir::testing
