// A log that ends and goes on further on: what is used again, what is kept, and that no position is
// used twice.

#include "log/log_cut.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "log/small_log.h"

namespace weir::testing {
namespace {

constexpr uint64_t kIncarnation = 7;

// Three segment files without a record.
struct Files {
  Files() {
    auto opened = disk.OpenDirectory("/store", /*create=*/true);
    REQUIRE(opened.ok());
    directory = *std::move(opened);
    segments = std::make_unique<Segments>(directory.get(), OpenMode::kReadWrite, Uuid{1}, kSegment,
                                          &cache);
    for (uint64_t begin = 0; begin < 3 * kSegment; begin += kSegment) {
      REQUIRE(segments->Create(LogPosition(begin), LogPosition(begin), kIncarnation, false).ok());
    }
  }
  LogPosition Cut(const LogCut& cut, const TailScan& scan = {}) {
    const auto start = CutLog(*segments, scan, cut);
    INFO(start.status());
    REQUIRE(start.ok());
    return *start;
  }
  std::vector<std::string> Kept() { return disk.ListFiles("/store/quarantine"); }
  bool Has(uint64_t begin) {
    const std::vector<std::string> names = disk.ListFiles("/store");
    return std::count(names.begin(), names.end(), SegmentFileName({LogPosition(begin)})) == 1;
  }

  FaultFileSystem disk;
  BlockCache cache{1 << 20};
  std::unique_ptr<Directory> directory;
  std::unique_ptr<Segments> segments;
};

TEST_CASE("behind a cut the log goes on where no file was ever prepared, one number further") {
  Files files;
  const LogPosition end(2000);
  // Files up to here may have been there before the power went.
  const LogPosition prepared(5 * kSegment);

  const LogPosition start =
      files.Cut({.end = end, .prepared_end = prepared, .incarnation = kIncarnation});

  CHECK(start == prepared + kSegment + kSegmentHeaderBytes);
  CHECK(files.segments->IsCutAt(end));
  CHECK(files.segments->GoOn(end)->begin() == start - kSegmentHeaderBytes);
  // The header alone tells the next process.
  Segments again(files.directory.get(), OpenMode::kReadWrite, Uuid{1}, kSegment, &files.cache);
  std::vector<DamagedRange> missing;
  REQUIRE(again.Load(LogPosition(0), LogPosition(0), &missing).ok());
  CHECK(missing.empty());
  CHECK(again.IsCutAt(end));
  CHECK(again.GoOn(end)->begin() == start - kSegmentHeaderBytes);
}

TEST_CASE("a cut at a segment's border leaves that segment out as a whole") {
  Files files;
  const LogPosition start = files.Cut({.end = LogPosition(kSegment), .incarnation = kIncarnation});

  CHECK(start == LogPosition(4 * kSegment + kSegmentHeaderBytes));
  CHECK(files.segments->GoOn(LogPosition(kSegment))->begin() == LogPosition(4 * kSegment));
  CHECK(files.segments->entries().size() == 2);
}

TEST_CASE("files that hold something behind a cut are kept, the others are used again") {
  Files files;
  TailScan scan;
  scan.records = {LogPosition(1500), LogPosition(kSegment + 2000)};

  files.Cut({.end = LogPosition(1500), .incarnation = kIncarnation}, scan);

  CHECK(files.Kept() == std::vector{SegmentFileName({LogPosition(kSegment)})});
  CHECK_FALSE(files.Has(kSegment));
  // The one without records becomes the next segment.
  const LogPosition wanted = files.segments->prepared_end() + kSegment;
  REQUIRE(files.segments->Prepare(wanted, kIncarnation, /*zero=*/false).ok());
  CHECK_FALSE(files.Has(2 * kSegment));
  CHECK(files.segments->recycled_count() == 1);
}

TEST_CASE("a file that could not be read is kept, whatever is in it") {
  Files files;
  TailScan scan;
  scan.unreadable = {files.segments->entries()[2]};

  files.Cut({.end = LogPosition(1500), .incarnation = kIncarnation}, scan);

  CHECK(files.Kept() == std::vector{SegmentFileName({LogPosition(2 * kSegment)})});
}

TEST_CASE(
    "the rest of the segment that is cut is copied before anything is changed, if it is wanted") {
  Files files;
  const LogPosition end(1504);
  const auto file = files.segments->Find(end);
  REQUIRE(file.ok());
  REQUIRE((*file)->Write(end, {absl::string_view("what is behind")}).ok());

  SECTION("wanted") {
    files.Cut({.end = end, .keep_rest = true, .incarnation = kIncarnation});
    const std::vector<std::string> kept = files.Kept();
    REQUIRE(kept.size() == 1);
    const std::string bytes = files.disk.ReadFile("/store/quarantine/" + kept[0]);
    CHECK(bytes.size() == kSegment - end.value());
    CHECK(bytes.find("what is behind") == 0);
  }
  SECTION("wanted, but its copy cannot be made: then nothing is cut") {
    files.disk.Inject(InputOutputError({.kind = OperationKind::kSync}));
    CHECK_FALSE(
        CutLog(*files.segments, {}, {.end = end, .keep_rest = true, .incarnation = kIncarnation})
            .ok());
    CHECK_FALSE(files.segments->IsCutAt(end));
    CHECK(files.segments->entries().size() == 3);
  }
  SECTION("not wanted") {
    files.Cut({.end = end, .incarnation = kIncarnation});
    CHECK_FALSE(files.disk.OpenDirectory("/store/quarantine", /*create=*/false).ok());
  }
}

TEST_CASE("what a cut puts aside is there for good when the log goes on behind it") {
  Files files;
  const LogPosition end(1504);
  const auto file = files.segments->Find(end);
  REQUIRE(file.ok());
  REQUIRE((*file)->Write(end, {absl::string_view("what is behind")}).ok());
  TailScan scan;
  std::string name;
  SECTION("the rest of its segment") {
    name = absl::StrCat(SegmentFileName({end}), ".cut");
    files.Cut({.end = end, .keep_rest = true, .incarnation = kIncarnation});
  }
  SECTION("a whole segment") {
    name = SegmentFileName({LogPosition(kSegment)});
    scan.records = {LogPosition(kSegment + 2000)};
    files.Cut({.end = end, .incarnation = kIncarnation}, scan);
  }

  const FaultFileSystem after(files.disk.PowerLoss(LossPlan::LoseEverything()));

  REQUIRE(after.ListFiles("/store/quarantine") == std::vector{name});
  const std::string bytes = after.ReadFile("/store/quarantine/" + name);
  CHECK(bytes.find(scan.records.empty() ? "what is behind" : "WEIRSEG1") == 0);
}

}  // namespace
}  // namespace weir::testing
