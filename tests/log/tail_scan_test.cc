// What is found behind the durable end, before anybody judges it.

#include "log/tail_scan.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "log/small_log.h"

namespace weir::testing {
namespace {

constexpr size_t kBody = 700;  // four records in a segment

// The files of a log as the next process finds them.
class Files {
 public:
  explicit Files(FaultFileSystem& disk) : cache(1 << 20) {
    auto opened = disk.OpenDirectory("/store", /*create=*/false);
    REQUIRE(opened.ok());
    directory = *std::move(opened);
    auto loaded = SuperblockFile::Load(*directory, OpenMode::kRead);
    REQUIRE(loaded.ok());
    REQUIRE(*loaded != nullptr);
    superblock = (*loaded)->current();
    segments = std::make_unique<Segments>(directory.get(), OpenMode::kRead, superblock.store,
                                          superblock.segment_bytes, &cache);
    std::vector<DamagedRange> missing;
    REQUIRE(segments->Load(superblock.log_begin, superblock.durable_end, &missing).ok());
    CHECK(missing.empty());
  }

  absl::StatusOr<TailScan> TryScan() {
    return ScanTail(*segments, superblock.durable_end, superblock.durable_incarnation,
                    superblock.incarnation);
  }
  TailScan Scan() {
    const auto scan = TryScan();
    INFO(scan.status());
    REQUIRE(scan.ok());
    return *scan;
  }

  std::unique_ptr<Directory> directory;
  BlockCache cache;
  Superblock superblock;
  std::unique_ptr<Segments> segments;
};

// A log of which nothing was ever synced, and which is written as far as it was appended.
class Unsynced {
 public:
  explicit Unsynced(size_t count = 0) : log(OpenLog(SmallLog(disk, clock))) {
    for (size_t i = 0; i < count; ++i) places.push_back(Append(*log, Numbered(i, kBody)));
    Write();
  }
  void Write() {
    while (log->WriteStep() == absl::ZeroDuration()) {
    }
  }
  TailScan Scan() { return Files(disk).Scan(); }

  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<CommitLog> log;
  std::vector<Reservation> places;
};

TEST_CASE("behind the durable end of a log that is durable as a whole there is nothing") {
  Unsynced sample(3);
  SyncNow(*sample.log);
  sample.log->SyncStep();  // idle: the superblock learns of it

  const TailScan scan = sample.Scan();

  CHECK_FALSE(scan.has_records);
  CHECK(scan.gaps.empty());
  CHECK(scan.end == sample.log->front().durable_end());
  CHECK(scan.watermark == scan.end);
}

TEST_CASE("records that were written and never synced are found in all segments") {
  Unsynced sample(9);
  REQUIRE(sample.places[8].position == LogPosition(2 * kSegment + kSegmentHeaderBytes));
  sample.clock.Advance(absl::Seconds(5));
  const Reservation last = Append(*sample.log, "the newest");
  sample.Write();

  const TailScan scan = sample.Scan();

  CHECK(scan.has_records);
  CHECK(scan.gaps.empty());
  CHECK(scan.end == last.end());
  CHECK(scan.watermark == LogPosition(0));
  CHECK(scan.last_store_time == ManualClock::kDefaultWallNanos + 5'000'000'000);
}

TEST_CASE("a record that does not verify is a gap if one that does stands behind it") {
  Unsynced sample(9);
  Damage(sample.disk, sample.places[1].position);
  Damage(sample.disk, sample.places[2].position);
  Damage(sample.disk, sample.places[6].position);

  const TailScan scan = sample.Scan();

  REQUIRE(scan.gaps.size() == 2);
  CHECK(scan.gaps[0].begin == sample.places[1].position);
  CHECK(scan.gaps[0].end == sample.places[3].position);
  CHECK(scan.gaps[1].begin == sample.places[6].position);
  CHECK(scan.gaps[1].end == sample.places[7].position);
  CHECK(scan.end == sample.places[8].end());
}

TEST_CASE("if nothing that verifies stands behind it, it is where the log ends") {
  Unsynced sample(9);
  Damage(sample.disk, sample.places[7].position);
  Damage(sample.disk, sample.places[7].end());  // the filler
  Damage(sample.disk, sample.places[8].position);

  const TailScan scan = sample.Scan();

  CHECK(scan.gaps.empty());
  CHECK(scan.end == sample.places[7].position);
}

TEST_CASE("a gap may reach over a segment's border") {
  Unsynced sample(9);
  Damage(sample.disk, sample.places[3].position);
  Damage(sample.disk, sample.places[3].end());  // the filler
  Damage(sample.disk, sample.places[4].position);

  const TailScan scan = sample.Scan();

  REQUIRE(scan.gaps.size() == 1);
  CHECK(scan.gaps[0].begin == sample.places[3].position);
  CHECK(scan.gaps[0].end == sample.places[5].position);
}

TEST_CASE("a file that does not open is a gap; too few descriptors are an error") {
  Unsynced sample(9);
  const std::string second = FileOf(LogPosition(kSegment));
  SECTION("damaged") {
    sample.disk.WriteFile(second, std::string(kSegment, 'x'));
    const TailScan scan = sample.Scan();
    REQUIRE(scan.gaps.size() == 1);
    CHECK(scan.gaps[0].begin == LogPosition(kSegment));
    CHECK(scan.gaps[0].end == sample.places[8].position);
    CHECK(scan.end == sample.places[8].end());
  }
  SECTION("unreadable") {
    Files files(sample.disk);
    sample.disk.Inject(InputOutputError({.kind = OperationKind::kRead,
                                         .name_contains = SegmentFileName({LogPosition(kSegment)}),
                                         .times = Fault::kForEver}));
    const TailScan scan = files.Scan();
    REQUIRE(scan.gaps.size() == 1);
    CHECK(scan.gaps[0].begin == LogPosition(kSegment));
  }
  SECTION("too few descriptors") {
    Files files(sample.disk);
    sample.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen, .nth = 2}));
    CHECK(absl::IsUnavailable(files.TryScan().status()));
    CHECK(files.Scan().gaps.empty());
  }
}

TEST_CASE("an error that may pass is no end of the log, whichever read meets it") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.segment_bytes = options.front_bytes = 1 << 18;
  auto log = OpenLog(options);
  Append(*log, "one");
  const Reservation long_one = Append(*log, std::string(40'000, 'x'));
  const Reservation last = Append(*log, "three");
  log->WriteStep();
  // Longer than what is read at a time, and damaged.
  const std::string path = "/store/" + SegmentFileName({});
  std::string content = disk.ReadFile(path);
  content[long_one.position.value() + record_field::kChecksum] ^= 1;
  disk.WriteFile(path, content);

  uint64_t met = 0;
  for (uint64_t nth = 1;; ++nth) {
    CAPTURE(nth);
    Files files(disk);
    const uint64_t failures = disk.failures();
    disk.Inject(TooManyOpenFiles({.kind = OperationKind::kRead, .nth = nth}));
    const auto scan = files.TryScan();
    const bool was_met = disk.failures() != failures;
    disk.ClearFaults();
    if (was_met) {
      ++met;
      CHECK(absl::IsUnavailable(scan.status()));
      continue;
    }
    REQUIRE(scan.ok());
    CHECK(scan->end == last.end());
    CHECK(scan->gaps.size() == 1);
    break;
  }
  CHECK(met >= 3);
}

TEST_CASE("the newest mark says how far the log was durable, and when that was synced") {
  Unsynced sample(1);
  SyncNow(*sample.log);
  const LogPosition durable = sample.log->front().durable_end();
  const int64_t synced_at = sample.clock.WallNanos();
  sample.clock.Advance(absl::Seconds(3));
  const Reservation second = Append(*sample.log, "two");
  SyncNow(*sample.log);
  REQUIRE(sample.log->superblock().current().durable_end == LogPosition(0));

  CHECK(sample.Scan().watermark == durable);
  CHECK(sample.Scan().last_sync == synced_at);

  // Also if it stands behind a gap.
  Damage(sample.disk, second.position);
  const TailScan scan = sample.Scan();
  REQUIRE(scan.gaps.size() == 1);
  CHECK(scan.gaps[0].begin == second.position);
  CHECK(scan.watermark == durable);
  // Without it only what the superblock says is known.
  Damage(sample.disk, second.end());
  CHECK(sample.Scan().watermark == LogPosition(0));
}

TEST_CASE(
    "a group whose tail is torn is not there at all, and its whole members are no gap's end") {
  Unsynced sample(1);
  const Reservation group = AppendGroup(*sample.log, {"first", "second", "third"});
  const LogPosition second = group.position + kRecordHeaderBytes + SizeOf(5);
  const LogPosition third = second + SizeOf(6);
  sample.Write();
  CHECK(sample.Scan().end == group.end());

  Damage(sample.disk, third);
  CHECK(sample.Scan().gaps.empty());
  CHECK(sample.Scan().end == group.position);

  Damage(sample.disk, second);
  CHECK(sample.Scan().gaps.empty());
  CHECK(sample.Scan().end == group.position);
}

TEST_CASE("a torn group with something valid behind it is a gap from its header on") {
  Unsynced sample(1);
  const Reservation group = AppendGroup(*sample.log, {"first", "second"});
  const Reservation behind = Append(*sample.log, "behind");
  sample.Write();
  SECTION("torn in a member") {
    Damage(sample.disk, group.position + kRecordHeaderBytes + SizeOf(5));
    const TailScan scan = sample.Scan();
    REQUIRE(scan.gaps.size() == 1);
    CHECK(scan.gaps[0].begin == group.position);
    CHECK(scan.gaps[0].end == behind.position);
    CHECK(scan.records == std::vector{behind.position});
  }
  SECTION("torn in its header") {
    Damage(sample.disk, group.position);
    const TailScan scan = sample.Scan();
    REQUIRE(scan.gaps.size() == 1);
    CHECK(scan.gaps[0].begin == group.position);
    CHECK(scan.end == behind.end());
  }
}

TEST_CASE("records of a life that began in the middle of a segment are found without its begin") {
  FaultFileSystem disk;
  ManualClock clock;
  Reservation first;
  {
    auto log = OpenLog(SmallLog(disk, clock));
    first = Append(*log, "first life");
    REQUIRE(log->Close().ok());
  }
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "second life");
  SyncNow(*log);
  log->SyncStep();  // the durable end lies behind the open records now
  const Reservation last = Append(*log, "last");
  log->WriteStep();
  Damage(disk, first.position);

  Files files(disk);
  REQUIRE(files.superblock.durable_end > SecondOpenCopy(first.end(), kSegment));
  const TailScan scan = files.Scan();
  CHECK(scan.gaps.empty());
  CHECK(scan.end == last.end());

  // Records of a life that nobody knows of are no records.
  Files others(disk);
  others.superblock.durable_incarnation = 1;
  others.superblock.incarnation = 2;
  const TailScan other = others.Scan();
  CHECK_FALSE(other.has_records);
  CHECK(other.end == others.superblock.durable_end);
}

TEST_CASE("a log that ends at a cut goes on behind it, over as many cuts as there are") {
  FaultFileSystem disk;
  auto directory = disk.OpenDirectory("/cuts", /*create=*/true);
  REQUIRE(directory.ok());
  BlockCache cache(1 << 20);
  Segments segments(directory->get(), OpenMode::kReadWrite, Uuid{}, kSegment, &cache);
  const LogPosition first_cut(2000);
  const LogPosition second(2 * kSegment);
  const LogPosition second_cut = second + kSegmentHeaderBytes;
  const LogPosition third(4 * kSegment);
  REQUIRE(segments.Create(LogPosition(), LogPosition(), 1, false).ok());
  REQUIRE(segments.Create(second, first_cut, 1, false).ok());
  segments.SetCut(first_cut, second);
  REQUIRE(StepOverCuts(segments, first_cut) == second_cut);
  REQUIRE(segments.Create(third, second_cut, 1, false).ok());
  segments.SetCut(second_cut, third);

  CHECK(StepOverCuts(segments, first_cut) == third + kSegmentHeaderBytes);
  CHECK(StepOverCuts(segments, second_cut) == third + kSegmentHeaderBytes);
  for (const uint64_t elsewhere : {uint64_t{1024}, uint64_t{1992}, uint64_t{2008}, third.value()}) {
    CHECK(StepOverCuts(segments, LogPosition(elsewhere)) == LogPosition(elsewhere));
  }

  // Durable up to the first record behind a cut is durable up to the cut: nothing is between them.
  const auto scan = ScanTail(segments, third + kSegmentHeaderBytes, 1, 1);
  REQUIRE(scan.ok());
  CHECK(scan->watermark == first_cut);
}

}  // namespace
}  // namespace weir::testing
