// Recovery in the same boot without a front: what was written is there, and where it stops is no
// damage. And what recovery says of the files themselves.

#include "log/recovery.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "log/small_log.h"

namespace weir::testing {
namespace {

StoreOptions PrivateLog(FaultFileSystem& disk, ManualClock& clock) {
  StoreOptions options = SmallLog(disk, clock);
  options.front_directory = "private";
  return options;
}

TEST_CASE("without a front the log ends where the last write stopped, and that is no damage") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(PrivateLog(disk, clock));
  Append(*log, "one");
  const Reservation written = Append(*log, "two");
  log->WriteStep();
  Append(*log, "never written");

  FaultFileSystem after(disk.ProcessDeath());
  disk.Kill();
  auto again = OpenLog(PrivateLog(after, clock));

  CHECK_FALSE(again->report().possible_loss);
  CHECK(again->report().damage.empty());
  CHECK(again->report().dropped_bytes == 0);
  CHECK(again->report().end == written.end());
  CHECK(again->health().state() == StoreState::kHealthy);
  CHECK(Bodies(*again) == Words{"one", "two"});
}

TEST_CASE("the log goes on in the same segment behind an open record that is written twice") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(PrivateLog(disk, clock));
  Append(*log, "one");
  log->WriteStep();

  FaultFileSystem after(disk.ProcessDeath());
  disk.Kill();
  auto again = OpenLog(PrivateLog(after, clock));
  const Reservation next = Append(*again, "two");
  again->WriteStep();

  CHECK(again->incarnation() != log->incarnation());
  CHECK(next.position < LogPosition(kSegment));
  CHECK(What(*again) == Words{"message one", "open", "open", "message two"});
}

TEST_CASE("a write that was torn by the death of its process leaves its whole records") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(PrivateLog(disk, clock));
  std::vector<Reservation> places;
  for (size_t i = 0; i < 5; ++i) places.push_back(Append(*log, Numbered(i, 200)));
  const uint64_t begin = places[0].position.value();

  for (uint64_t bytes = 0; bytes <= places[4].end().value() - begin; bytes += 40) {
    std::vector<CrashImage> torn;
    FaultFileSystem live(disk.Freeze());
    disk.SetHook([&](const Operation& operation) {
      if (operation.kind == OperationKind::kWrite && torn.empty()) {
        torn.push_back(disk.Freeze().ProcessDeathInWrite(operation, bytes));
      }
    });
    // The same write each time: it fails, and nothing of it counts.
    disk.Inject(DiskFull({.kind = OperationKind::kWrite}));
    log->WriteStep();
    disk.SetHook(nullptr);
    disk.ClearFaults();
    REQUIRE(torn.size() == 1);

    FaultFileSystem after(torn[0]);
    auto again = OpenLog(PrivateLog(after, clock));
    size_t whole = 0;
    while (whole < 5 && places[whole].end().value() - begin <= bytes) ++whole;
    INFO(bytes << " bytes were written");
    CHECK(Bodies(*again).size() == whole);
    CHECK(again->report().damage.empty());
  }
}

TEST_CASE("in the same boot valid records behind an invalid one are kept, and it is damage") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(PrivateLog(disk, clock));
  Append(*log, "one");
  const Reservation bad = Append(*log, "two");
  const Reservation behind = Append(*log, "three");
  log->WriteStep();

  FaultFileSystem after(disk.ProcessDeath());
  disk.Kill();
  Damage(after, bad.position);
  StoreOptions strict = PrivateLog(after, clock);
  strict.strict_recovery = true;
  CHECK(absl::IsDataLoss(CommitLog::Open(strict).status()));
  auto again = OpenLog(PrivateLog(after, clock));

  REQUIRE(again->report().damage.size() == 1);
  CHECK(again->report().damage[0].begin == bad.position);
  CHECK(again->report().damage[0].end == behind.position);
  CHECK(again->health().state() == StoreState::kDegraded);
  CHECK(What(*again) == Words{"message one", "damage", "message three"});
  Append(*again, "four");
  again->WriteStep();
  CHECK(Bodies(*again) == Words{"one", "three", "four"});
}

TEST_CASE("if the first copy of an open record is damaged, the second serves") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  REQUIRE(log->Close().ok());
  log = OpenLog(SmallLog(disk, clock));
  Append(*log, "two");
  Append(*log, "three");
  const std::vector<Seen> seen = Walk(*log);
  const auto open = std::find_if(seen.begin(), seen.end(),
                                 [](const Seen& record) { return record.what == "open"; });
  REQUIRE(open != seen.end());
  REQUIRE(log->Close().ok());
  log.reset();

  Damage(disk, open->position);
  auto again = OpenLog(SmallLog(disk, clock));

  CHECK(Bodies(*again) == Words{"one", "two", "three"});
}

TEST_CASE("a clean close and open go on in the same segment, a hundred times, without litter") {
  FaultFileSystem disk;
  ManualClock clock;
  LogPosition end;
  for (int i = 0; i < 100; ++i) {
    auto log = OpenLog(SmallLog(disk, clock));
    INFO("open " << i);
    CHECK(log->report().was_clean);
    CHECK(log->report().damage.empty());
    if (i > 0) CHECK(log->report().end == end);
    end = log->front().claimed_end();
    REQUIRE(log->Close().ok());
  }
  CHECK(disk.ListShared().empty());
  CHECK(disk.ListFiles("/store").size() <= 3);  // LOCK, superblock, one segment

  for (size_t i = 0; i < 30; ++i) {
    auto log = OpenLog(SmallLog(disk, clock));
    Append(*log, Numbered(i, 40));
    REQUIRE(log->Close().ok());
  }
  auto log = OpenLog(SmallLog(disk, clock));
  CHECK(Bodies(*log).size() == 30);
  const uint64_t segments = log->front().claimed_end().value() / kSegment + 1;
  CHECK(disk.ListFiles("/store").size() <= segments + 2);
}

TEST_CASE("a LOCK, superblock or active segment with a second link is refused and named") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  REQUIRE(log->Close().ok());
  log.reset();
  disk.MakeDirectory("/copy");

  for (const std::string& file : disk.ListFiles("/store")) {
    disk.LinkFile("/store/" + file, "/copy/" + file);
    const absl::Status opened = CommitLog::Open(SmallLog(disk, clock)).status();
    INFO(file << ": " << opened);
    CHECK(absl::IsFailedPrecondition(opened));
    CHECK(opened.message().find("hard link") != absl::string_view::npos);
    disk.RemoveFile("/copy/" + file);
  }
  CHECK(Bodies(*OpenLog(SmallLog(disk, clock))) == Words{"one"});
}

// Some segments full of numbered records, closed; returns the records' places.
std::vector<Reservation> FillSegments(FaultFileSystem& disk, ManualClock& clock, size_t count) {
  auto log = OpenLog(SmallLog(disk, clock));
  std::vector<Reservation> places;
  for (size_t i = 0; i < count; ++i) places.push_back(Append(*log, Numbered(i, 400)));
  const absl::Status closed = log->Close();
  INFO(closed);
  REQUIRE(closed.ok());
  return places;
}

TEST_CASE("a missing segment is reported, and the records of the others can be read") {
  FaultFileSystem disk;
  ManualClock clock;
  const std::vector<Reservation> places = FillSegments(disk, clock, 40);
  const LogPosition second(kSegment);
  REQUIRE(places.back().position > LogPosition(3 * kSegment));
  disk.RemoveFile(FileOf(second));

  StoreOptions strict = SmallLog(disk, clock);
  strict.strict_recovery = true;
  CHECK(absl::IsDataLoss(CommitLog::Open(strict).status()));
  auto log = OpenLog(SmallLog(disk, clock));

  CHECK(log->health().state() == StoreState::kDegraded);
  REQUIRE(log->report().damage.size() == 1);
  CHECK(log->report().damage[0].begin == second);
  CHECK(log->report().damage[0].end == second + kSegment);
  const auto missing = std::count_if(places.begin(), places.end(), [&](const Reservation& place) {
    return place.position >= second && place.position < second + kSegment;
  });
  CHECK(Bodies(*log).size() == 40 - static_cast<size_t>(missing));
  Append(*log, "goes on");
  CHECK(Bodies(*log).back() == "goes on");
}

TEST_CASE("a missing newest segment is reported and never written anew at the same positions") {
  FaultFileSystem disk;
  ManualClock clock;
  const std::vector<Reservation> places = FillSegments(disk, clock, 20);
  disk.RemoveFile(FileOf(places.back().position));

  auto log = OpenLog(SmallLog(disk, clock));

  CHECK(log->health().state() == StoreState::kDegraded);
  CHECK_FALSE(log->report().damage.empty());
  CHECK(Append(*log, "next").position >= places.back().end());
}

TEST_CASE("truncated, empty and overlong segment files do not keep a store from opening") {
  const auto mangle = GENERATE(0, 1, 2, 3, 4, 5);
  FaultFileSystem disk;
  ManualClock clock;
  const std::vector<Reservation> places = FillSegments(disk, clock, 40);
  const std::string second = FileOf(LogPosition(kSegment));
  const std::string newest = FileOf(places.back().position);
  if (mangle == 0) disk.WriteFile(second, "");
  if (mangle == 1) disk.WriteFile(second, disk.ReadFile(second).substr(0, 1500));
  if (mangle == 2) disk.WriteFile(newest, disk.ReadFile(newest).substr(0, 1100));
  if (mangle == 3) disk.WriteFile(newest, disk.ReadFile(newest) + std::string(9000, 'x'));
  if (mangle == 4) disk.WriteFile("/store/00000000000000090112", "");
  if (mangle == 5) disk.WriteFile(newest, "");

  auto log = OpenLog(SmallLog(disk, clock));

  INFO("way " << mangle);
  const Words bodies = Bodies(*log);
  CHECK(bodies.front() == Numbered(0, 400));
  if (mangle == 3 || mangle == 4) {
    CHECK(bodies.size() == 40);
  } else {
    const Words what = What(*log);
    CHECK(std::count(what.begin(), what.end(), "damage") >= 1);
    CHECK(bodies.size() >= 30);
  }
  Append(*log, "goes on");
  SyncNow(*log);
  CHECK(Bodies(*log).back() == "goes on");
}

TEST_CASE("an open that has too few descriptors fails, and takes nothing from the next one") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = PrivateLog(disk, clock);
  auto log = OpenLog(options);
  Words expected;
  for (size_t i = 0; i < 30; ++i) {
    expected.push_back(Numbered(i, 400));
    Append(*log, expected.back());
  }
  while (log->WriteStep() == absl::ZeroDuration()) {
  }
  const CrashImage moment = disk.ProcessDeath();
  disk.Kill();

  bool opened = false;
  for (uint64_t nth = 1; nth < 100 && !opened; ++nth) {
    FaultFileSystem after(moment);
    options.file_system = &after;
    after.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen, .nth = nth}));
    const auto tried = CommitLog::Open(options);
    opened = after.failures() == 0;
    after.ClearFaults();
    INFO("call " << nth << ": " << tried.status());
    if (tried.ok()) {
      CHECK(Bodies(**tried) == expected);
    } else {
      CHECK(absl::IsUnavailable(tried.status()));
      CHECK(Bodies(*OpenLog(options)) == expected);
    }
  }
  CHECK(opened);
}

TEST_CASE("what an open reads does not grow with the store") {
  FaultFileSystem disk;
  ManualClock clock;
  FillSegments(disk, clock, 30);
  const uint64_t few = OpenLog(SmallLog(disk, clock))->report().bytes_read;
  {
    auto log = OpenLog(SmallLog(disk, clock));
    for (size_t i = 0; i < 1000; ++i) Append(*log, Numbered(i, 400));
    REQUIRE(log->Close().ok());
  }

  auto log = OpenLog(SmallLog(disk, clock));

  CHECK(log->report().bytes_read <= few + 2 * kSegment);
}

}  // namespace
}  // namespace weir::testing
