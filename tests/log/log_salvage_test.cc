// What verifies of a damaged log is told in its order, and copied to where it stood.

#include "log/log_salvage.h"

#include <catch2/catch.hpp>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "format/segment_header.h"
#include "log/followed_log.h"
#include "log/header_guess.h"
#include "log/small_log.h"
#include "log/superblock_file.h"

namespace weir::testing {
namespace {

constexpr size_t kBody = 700;  // four records in a segment

// A log that was closed, what happened to its files, and its copy.
class Salvaged {
 public:
  explicit Salvaged(size_t count = 11) {
    auto log = OpenLog(options());
    for (size_t i = 0; i < count; ++i) places.push_back(Append(*log, Numbered(i, kBody)));
    log->Stop();
    REQUIRE(log->Close().ok());
  }

  StoreOptions options(const std::string& directory = "/store") {
    StoreOptions all = SmallLog(disk, clock);
    all.directory = directory;
    return all;
  }
  // The log as it is found now, up to `end`, or as far as it can be seen.
  LogSalvage Find(LogPosition end = LogPosition(0)) {
    auto opened = FollowedLog::Open(options());
    INFO(opened.status());
    REQUIRE(opened.ok());
    found = *std::move(opened);
    const auto loaded = SuperblockFile::Load(found->directory(), OpenMode::kRead);
    REQUIRE(loaded.ok());
    superblock = (*loaded)->current();
    auto known = KnownIncarnations(found->segments(), superblock);
    REQUIRE(known.ok());
    return LogSalvage(found.get(), *std::move(known), LogPosition(0),
                      end == LogPosition(0) ? found->ContiguousVisibleEnd() : end);
  }
  absl::StatusOr<Superblock> TryCopy(LogSalvage& salvage) {
    auto opened = disk.OpenDirectory("/copy", /*create=*/true);
    REQUIRE(opened.ok());
    target = *std::move(opened);
    Superblock made = superblock;
    made.sequence = 1;
    made.next_incarnation = 0x4444;
    made.is_clean = true;
    std::list<StandIn> stand_ins;
    return salvage.CopyTo(*target, made, &stand_ins);
  }
  // The copy as its next writer finds it.
  std::unique_ptr<CommitLog> Copy(LogSalvage salvage) {
    const auto made = TryCopy(salvage);
    INFO(made.status());
    REQUIRE(made.ok());
    REQUIRE(SuperblockFile::Create(*target, *made).ok());
    return OpenLog(options("/copy"));
  }
  std::unique_ptr<CommitLog> Copy() { return Copy(Find()); }

  FaultFileSystem disk;
  ManualClock clock;
  std::vector<Reservation> places;
  std::unique_ptr<FollowedLog> found;
  Superblock superblock;
  std::unique_ptr<Directory> target;
};

// "message 3 at 8192", without marks and the fillers that end segments.
Words Placed(CommitLog& log) {
  Words placed;
  for (const Seen& seen : Walk(log)) {
    const bool ends_segment =
        seen.position.value() % kSegment == kSegmentHeaderBytes + 4 * SizeOf(kBody);
    if (seen.what == "filler" && ends_segment) continue;
    const std::string what = seen.what.substr(0, seen.what.find(" xx"));
    placed.push_back(absl::StrCat(what, " at ", seen.position.value()));
  }
  return placed;
}

// What a copy holds of `count` messages if one is lost; `instead` stands in its place.
Words Expected(const Salvaged& sample, size_t lost, absl::string_view instead) {
  Words expected;
  for (size_t i = 0; i < sample.places.size(); ++i) {
    const uint64_t position = sample.places[i].position.value();
    expected.push_back(i == lost ? absl::StrCat(instead, " at ", position)
                                 : absl::StrCat("message ", i, " at ", position));
  }
  return expected;
}

TEST_CASE("a walk tells every record, who wrote it, and every damaged range, in their order") {
  Salvaged sample;
  Damage(sample.disk, sample.places[1].position);
  Damage(sample.disk, sample.places[6].position);
  LogSalvage salvage = sample.Find();

  Words told;
  const absl::Status walked = salvage.Walk(
      [&](const ScannedRecord& record, uint64_t incarnation) {
        CHECK(incarnation == sample.superblock.durable_incarnation);
        if (record.header.type == RecordType::kMessage) {
          told.push_back(absl::StrCat("message at ", record.position.value()));
        }
        return absl::OkStatus();
      },
      [&](const DamagedRange& range) {
        told.push_back(absl::StrCat(range.begin.value(), " to ", range.end.value()));
        CHECK_FALSE(range.reason.empty());
        return absl::OkStatus();
      });

  REQUIRE(walked.ok());
  Words expected;
  for (size_t i = 0; i < sample.places.size(); ++i) {
    const Reservation& place = sample.places[i];
    expected.push_back(i == 1 || i == 6
                           ? absl::StrCat(place.position.value(), " to ", place.end().value())
                           : absl::StrCat("message at ", place.position.value()));
  }
  CHECK(told == expected);
}

TEST_CASE("an error of who is told ends the walk, and is its answer") {
  Salvaged sample;
  Damage(sample.disk, sample.places[2].position);
  LogSalvage salvage = sample.Find();
  const bool of_record = GENERATE(true, false);
  int told = 0;

  const absl::Status walked = salvage.Walk(
      [&](const ScannedRecord&, uint64_t) {
        ++told;
        return of_record ? absl::ResourceExhaustedError("full") : absl::OkStatus();
      },
      [&](const DamagedRange&) { return absl::ResourceExhaustedError("full"); });

  CHECK(absl::IsResourceExhausted(walked));
  CHECK(told == (of_record ? 1 : 2));
}

TEST_CASE("an error of the file system that may pass ends the walk") {
  Salvaged sample;
  LogSalvage salvage = sample.Find();
  sample.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kRead, .times = Fault::kForEver}));

  const absl::Status walked =
      salvage.Walk([](const ScannedRecord&, uint64_t) { return absl::OkStatus(); },
                   [](const DamagedRange&) { return absl::OkStatus(); });

  CHECK(absl::IsUnavailable(walked));
}

TEST_CASE("the copy of a log that is whole has every record where it stood, and goes on there") {
  Salvaged sample(GENERATE(size_t{1}, size_t{4}, size_t{11}, size_t{12}));

  auto copy = sample.Copy();

  CHECK(copy->report().was_clean);
  CHECK(copy->report().damage.empty());
  CHECK(Placed(*copy) == Expected(sample, sample.places.size(), ""));
  Append(*copy, "new");
  CHECK(Bodies(*copy).back() == "new");
}

TEST_CASE("a damaged record is a filler in the copy, which has no damage any more") {
  Salvaged sample;
  const size_t lost = GENERATE(size_t{0}, size_t{1}, size_t{4}, size_t{10});
  Damage(sample.disk, sample.places[lost].position);

  auto copy = sample.Copy();

  CHECK(copy->report().damage.empty());
  CHECK(Placed(*copy) == Expected(sample, lost, "filler"));
}

TEST_CASE("a segment that is missing is one again in the copy, and all of it is lost") {
  Salvaged sample;
  const uint64_t number = GENERATE(uint64_t{0}, uint64_t{1}, uint64_t{2});
  sample.disk.RemoveFile(FileOf(LogPosition(number * kSegment)));

  auto copy = sample.Copy();

  Words expected;
  for (size_t i = 0; i < sample.places.size(); ++i) {
    const uint64_t position = sample.places[i].position.value();
    if (position / kSegment != number) {
      expected.push_back(absl::StrCat("message ", i, " at ", position));
    } else if (i % 4 == 0) {
      expected.push_back(absl::StrCat("filler at ", position));
    }
  }
  CHECK(copy->report().damage.empty());
  CHECK(Placed(*copy) == expected);
  CHECK(copy->segments().entries().size() == 3);
}

TEST_CASE("a stray name far away fills no directory: the copy is cut before it") {
  Salvaged sample;
  sample.Find();
  const uint64_t incarnation = sample.superblock.durable_incarnation;
  const LogPosition far(10'000 * kSegment);
  const LogPosition record = far + kSegmentHeaderBytes;
  std::string bytes = EncodeSegmentHeader({.store = sample.superblock.store,
                                           .segment_bytes = kSegment,
                                           .begin = far,
                                           .incarnation = incarnation,
                                           .predecessor_end = far});
  bytes.resize(kSegmentHeaderBytes + SizeOf(3));
  char* const memory = bytes.data() + kSegmentHeaderBytes;
  StampPlain(memory, SizeOf(3), ManualClock::kDefaultWallNanos, 0);
  std::memcpy(WriteParts(memory, {}, 0, 3), "far", 3);
  internal::Publish(memory, Seal(memory, record, incarnation));
  sample.disk.WriteFile(FileOf(far), bytes);

  auto copy = sample.Copy(sample.Find(record + SizeOf(3)));

  Words expected = Expected(sample, sample.places.size(), "");
  // As far as there is a file of it, what is lost is covered.
  expected.push_back(absl::StrCat("filler at ", sample.places.back().end().value()));
  expected.push_back(absl::StrCat("message far at ", record.value()));
  CHECK(copy->segments().entries().size() == 4);
  CHECK(Placed(*copy) == expected);
}

TEST_CASE("a lost range that ends in a segment's header is none behind that segment's begin") {
  Salvaged sample;
  sample.disk.RemoveFile(FileOf(LogPosition(2 * kSegment)));

  LogSalvage salvage = sample.Find(LogPosition(2 * kSegment + 8));
  const auto made = sample.TryCopy(salvage);

  REQUIRE(made.ok());
  CHECK(made->durable_end == LogPosition(2 * kSegment + 8));
  CHECK(sample.disk.ReadFile("/copy/" + SegmentFileName({LogPosition(2 * kSegment)})).size() ==
        kSegmentHeaderBytes);
}

TEST_CASE("the copy of a log in which nothing ever was is a log in which nothing is") {
  Salvaged sample(0);

  auto copy = sample.Copy();

  CHECK(Bodies(*copy).empty());
  Append(*copy, "one");
  CHECK(Bodies(*copy) == Words{"one"});
}

TEST_CASE("a copy that the file system refuses is none, whatever it refuses") {
  Salvaged sample;
  Damage(sample.disk, sample.places[2].position);
  Damage(sample.disk, sample.places[9].position);
  sample.disk.RemoveFile(FileOf(LogPosition(kSegment)));
  const OperationKind kind =
      GENERATE(OperationKind::kCreate, OperationKind::kWrite, OperationKind::kTruncate,
               OperationKind::kSync, OperationKind::kSyncDirectory);
  int copies = 0;
  for (uint64_t nth = 1;; ++nth) {
    CAPTURE(kind, nth);
    LogSalvage salvage = sample.Find();
    const uint64_t failures = sample.disk.failures();
    sample.disk.Inject(DiskFull({.kind = kind, .nth = nth}));
    const auto made = sample.TryCopy(salvage);
    sample.disk.ClearFaults();
    for (const std::string& name : sample.disk.ListFiles("/copy")) {
      sample.disk.RemoveFile("/copy/" + name);
    }
    if (sample.disk.failures() == failures) {
      CHECK(made.ok());
      break;
    }
    CHECK(absl::IsResourceExhausted(made.status()));
    ++copies;
  }
  CHECK(copies >= (kind == OperationKind::kSyncDirectory ? 1 : 3));
}

}  // namespace
}  // namespace weir::testing
