// Single records by position: out of the front, out of the files, and what is overwritten in one
// of them out of the other.

#include "log/record_reader.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "log/followed_log.h"
#include "log/small_log.h"

namespace weir::testing {
namespace {

// What a read of one position says: the body, or why there is none. An error is what could not be
// asked today.
absl::StatusOr<std::string> TryRead(RecordReader& reader, LogPosition position) {
  const char* record = nullptr;
  const absl::StatusOr<Found> found = reader.Read(position, &record);
  if (!found.ok()) {
    CHECK_FALSE(found.status().message().empty());
    return found.status();
  }
  switch (*found) {
    case Found::kUnpublished:
      return "unpublished";
    case Found::kDropped:
      return "dropped";
    case Found::kDamaged:
      CHECK_FALSE(reader.why().empty());
      return "damaged";
    default:
      REQUIRE(*found == Found::kRecord);
      return std::string(DecodeParts(record)->body);
  }
}

// By a reader of its own.
absl::StatusOr<std::string> TryRead(LogView& view, LogPosition position) {
  const std::unique_ptr<FrontReader> front = view.NewFrontReader();
  ReadMemory memory;
  RecordReader reader(*front, view.segments(), memory);
  return TryRead(reader, position);
}
absl::StatusOr<std::string> TryRead(CommitLog& log, LogPosition position) {
  OwnLogView view(&log, /*has_workers=*/false);
  return TryRead(view, position);
}

std::string Read(CommitLog& log, LogPosition position) {
  const auto read = TryRead(log, position);
  INFO(read.status());
  REQUIRE(read.ok());
  return *read;
}

struct Sample {
  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<CommitLog> log = OpenLog(SmallLog(disk, clock));
  Reservation one = Append(*log, "one");
  Reservation two = Append(*log, "two");

  void Write() {
    while (log->WriteStep() == absl::ZeroDuration()) {
    }
    REQUIRE(log->front().written_end() == two.end());
  }
};

TEST_CASE("a record is read from the front, and from its file once the process is another") {
  Sample sample;
  CHECK(Read(*sample.log, sample.two.position) == "two");
  const Reservation open = Claim(*sample.log, 10);
  CHECK(Read(*sample.log, open.position) == "unpublished");
  CHECK(Read(*sample.log, open.end()) == "unpublished");
  Publish(open.bytes, Fill(*sample.log, open.bytes, open.position, "0123456789"));
  CHECK(Read(*sample.log, open.position) == "0123456789");

  REQUIRE(sample.log->Close().ok());
  sample.log = OpenLog(SmallLog(sample.disk, sample.clock));
  CHECK(Read(*sample.log, sample.one.position) == "one");
  CHECK(Read(*sample.log, sample.two.position) == "two");
}

TEST_CASE(
    "what a stray write hurt in the front is damaged until it is written, and then it is not") {
  Sample sample;
  const auto hurt = GENERATE(0, 4, 16, 48);  // the sign of the word, its checksum, ..., the body
  char& byte = sample.one.bytes[hurt == 0 ? 3 : hurt];
  SECTION("before") {
    byte = static_cast<char>(byte ^ (hurt == 0 ? 0x80 : 1));
    // A word that says "claimed" is believed while nobody knows better.
    CHECK(Read(*sample.log, sample.one.position) == (hurt == 0 ? "unpublished" : "damaged"));
  }
  SECTION("behind") {
    sample.Write();
    byte = static_cast<char>(byte ^ (hurt == 0 ? 0x80 : 1));
    CHECK(Read(*sample.log, sample.one.position) == "one");
  }
  CHECK(Read(*sample.log, sample.two.position) == "two");
}

TEST_CASE("what is hurt in the file alone is read from the front while it is there") {
  Sample sample;
  sample.Write();
  Damage(sample.disk, sample.one.position);
  CHECK(Read(*sample.log, sample.one.position) == "one");

  sample.one.bytes[kRecordHeaderBytes] ^= 1;
  CHECK(Read(*sample.log, sample.one.position) == "damaged");
  CHECK(Read(*sample.log, sample.two.position) == "two");
}

TEST_CASE("a member of a group is there when its group is, in the front and in the file") {
  Sample sample;
  const Reservation group = ClaimGroup(*sample.log, {"first", "second"});
  const LogPosition first = group.position + kRecordHeaderBytes;
  const LogPosition second = first + SizeOf(5);
  CHECK(Read(*sample.log, first) == "unpublished");
  CHECK(Read(*sample.log, second) == "unpublished");
  sample.log->Publish(group, Seal(group.bytes, group.position, sample.log->incarnation()));
  CHECK(Read(*sample.log, first) == "first");
  CHECK(Read(*sample.log, second) == "second");
  while (sample.log->WriteStep() == absl::ZeroDuration()) {
  }
  REQUIRE(sample.log->front().written_end() == group.end());
  CHECK(Read(*sample.log, second) == "second");
}

TEST_CASE("a length or a distance that no record has is damage, wherever it would lead") {
  Sample sample;
  const auto word = GENERATE(int32_t{0}, 8, 1 << 20);
  char* const record = sample.one.bytes;
  SECTION("a length") { Publish(record, word); }
  SECTION("a distance from a group") {
    Store(record + record_field::kGroupDistance, word == 0 ? 1 << 30 : word);
  }
  // A word that says that it was never published is not asked how far.
  CHECK(Read(*sample.log, sample.one.position) == "damaged");
  CHECK(Read(*sample.log, sample.two.position) == "two");
}

TEST_CASE("where no record can begin there is none, and that is damage") {
  Sample sample;
  for (size_t i = 0; i < 6; ++i) Append(*sample.log, Numbered(i, 900));
  REQUIRE(sample.log->Close().ok());
  sample.log = OpenLog(SmallLog(sample.disk, sample.clock));
  CHECK(Read(*sample.log, sample.one.position + 8) == "damaged");
  CHECK(Read(*sample.log, LogPosition(kSegment - 8)) == "damaged");
}

TEST_CASE("what was dropped is told from what is gone, also when it goes meanwhile") {
  Sample sample;
  std::vector<LogPosition> places;
  for (size_t i = 0; i < 20; ++i) places.push_back(Append(*sample.log, Numbered(i, 900)).position);
  REQUIRE(sample.log->Close().ok());
  sample.log = OpenLog(SmallLog(sample.disk, sample.clock));
  REQUIRE(places.back() > LogPosition(3 * kSegment));
  const LogPosition in_third = LogPosition(2 * kSegment) + kSegmentHeaderBytes;
  SECTION("before") {
    REQUIRE(sample.log->TrimTo(LogPosition(kSegment)).ok());
    CHECK(Read(*sample.log, sample.one.position) == "dropped");
    sample.disk.RemoveFile(FileOf(in_third));
    CHECK(Read(*sample.log, in_third) == "damaged");
  }
  SECTION("meanwhile") {
    sample.disk.SetHook([&](const Operation& operation) {
      if (operation.kind != OperationKind::kOpen) return;
      sample.disk.SetHook(nullptr);
      REQUIRE(sample.log->TrimTo(LogPosition(kSegment)).ok());
      sample.disk.RemoveFile(FileOf(sample.one.position));
    });
    CHECK(Read(*sample.log, sample.one.position) == "dropped");
    sample.disk.SetHook(nullptr);
  }
}

TEST_CASE("records of any length are read whole; one that cannot be read today is told or damage") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.segment_bytes = 1 << 20;
  options.front_bytes = 1 << 20;
  options.read_cache_bytes = GENERATE(uint64_t{0}, 1 << 20);
  const std::vector<size_t> sizes = {10, 20'000, 40'000, 200'000, 10};
  std::vector<LogPosition> places;
  auto log = OpenLog(options);
  for (const size_t size : sizes) places.push_back(Append(*log, Numbered(size, size)).position);
  REQUIRE(log->Close().ok());

  for (size_t i = 0; i < sizes.size(); ++i) {
    log = nullptr;
    log = OpenLog(options);
    const std::string whole = Numbered(sizes[i], sizes[i]);
    CHECK(Read(*log, places[i]) == whole);
    bool was_met = true;
    for (uint64_t nth = 1; was_met; ++nth) {
      for (const bool may_pass : {false, true}) {
        CAPTURE(sizes[i], nth, may_pass);
        log = nullptr;
        log = OpenLog(options);
        const uint64_t before = disk.failures();
        const Fault fault{.nth = nth};
        disk.Inject(may_pass ? TooManyOpenFiles(fault) : InputOutputError(fault));
        const auto read = TryRead(*log, places[i]);
        was_met = disk.failures() > before;
        disk.ClearFaults();
        if (was_met && may_pass) CHECK(absl::IsUnavailable(read.status()));
        if (was_met && !may_pass) CHECK(*read == "damaged");
        if (!was_met) CHECK(*read == whole);
        CHECK(Read(*log, places[i]) == whole);
      }
    }
  }
}

TEST_CASE("a reader lets go of the front from time to time, and reads on") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.front_bytes = 1 << 20;
  auto log = OpenLog(options);
  std::vector<LogPosition> places;
  for (size_t i = 0; i < 200; ++i) places.push_back(Append(*log, Numbered(i, 900)).position);
  OwnFrontReader front(log->front(), log->segments());
  ReadMemory memory;
  RecordReader reader(front, log->segments(), memory);
  for (size_t i = 0; i < places.size(); ++i) {
    CHECK(*TryRead(reader, places[i]) == Numbered(i, 900));
  }
}

// Numbered records over several segments, in files only.
struct InFiles : Sample {
  std::vector<LogPosition> places;

  InFiles() {
    for (size_t i = 0; i < 20; ++i) places.push_back(Append(*log, Numbered(i, 900)).position);
    REQUIRE(log->Close().ok());
    Reopen();
  }
  void Reopen() {
    log = nullptr;
    log = OpenLog(SmallLog(disk, clock));
  }
};

TEST_CASE("one reader goes back and forth, between segments and between files and front") {
  InFiles sample;
  const LogPosition in_front = Append(*sample.log, "in the front").position;
  OwnFrontReader front(sample.log->front(), sample.log->segments());
  ReadMemory memory;
  RecordReader reader(front, sample.log->segments(), memory);
  for (const size_t i : std::vector<size_t>{0, 1, 19, 0, 10, 9}) {
    CHECK(*TryRead(reader, sample.places[i]) == Numbered(i, 900));
    CHECK(*TryRead(reader, in_front) == "in the front");
    CHECK(*TryRead(reader, sample.places[i]) == Numbered(i, 900));
    CHECK(*TryRead(reader, sample.places[i]) == Numbered(i, 900));
  }
}

TEST_CASE("a file that cannot be opened today is an error, and none of the record") {
  InFiles sample;
  sample.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen}));
  CHECK(absl::IsUnavailable(TryRead(*sample.log, sample.one.position).status()));
  CHECK(Read(*sample.log, sample.one.position) == "one");
}

TEST_CASE("what is hurt in the front and cannot be asked of the file today is an error") {
  Sample sample;
  sample.Write();
  sample.one.bytes[kRecordHeaderBytes] ^= 1;
  sample.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kRead}));
  CHECK(absl::IsUnavailable(TryRead(*sample.log, sample.one.position).status()));
  CHECK(Read(*sample.log, sample.one.position) == "one");
}

TEST_CASE("a record of an earlier life is read in a later one, and by a process that only reads") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> places;
  for (const char* const body : {"first", "second", "third"}) {
    const auto log = OpenLog(SmallLog(disk, clock));
    places.push_back(Append(*log, body).position);
    // What begins a life is of the one before, in memory as in the file.
    if (places.size() > 1) CHECK_FALSE(Read(*log, log->report().end) == "damaged");
    REQUIRE(log->Close().ok());
  }
  const auto log = OpenLog(SmallLog(disk, clock));
  for (const bool only_reads : {false, true}) {
    bool was_met = true;
    for (uint64_t nth = 1; was_met; ++nth) {
      was_met = false;
      for (const bool may_pass : {false, true}) {
        CAPTURE(only_reads, nth, may_pass);
        FaultFileSystem after(disk.Freeze().ProcessDeath());
        const StoreOptions options = SmallLog(after, clock);
        const auto own = only_reads ? nullptr : OpenLog(options);
        const auto followed = only_reads ? *FollowedLog::Open(options) : nullptr;
        const auto read = [&](size_t i) {
          return own ? TryRead(*own, places[i]) : TryRead(*followed, places[i]);
        };
        const Fault fault{.nth = nth};
        after.Inject(may_pass ? TooManyOpenFiles(fault) : InputOutputError(fault));
        const auto second = read(1);
        was_met = was_met || after.failures() > 0;
        after.ClearFaults();
        if (second.ok()) {
          CHECK((*second == "second" || (!may_pass && *second == "damaged")));
        } else {
          CHECK(absl::IsUnavailable(second.status()));
        }
        CHECK(*read(0) == "first");
        CHECK(*read(1) == "second");
        CHECK(*read(2) == "third");
      }
    }
  }
}

TEST_CASE(
    "beside a writer in its second life its records are read from the file, and damage told") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "of the first life");
  REQUIRE(log->Close().ok());
  log = OpenLog(SmallLog(disk, clock));
  std::vector<LogPosition> places;
  for (size_t i = 0; i < 40; ++i) places.push_back(Append(*log, Numbered(i, 900)).position);
  SyncNow(*log);
  REQUIRE(log->front().front_begin() > LogPosition(kSegment));
  const auto other = disk.AnotherProcess();
  StoreOptions options = SmallLog(disk, clock);
  options.file_system = other.get();
  const auto followed = FollowedLog::Open(options);
  REQUIRE(followed.ok());
  Damage(disk, places[1]);

  CHECK(*TryRead(**followed, places[0]) == Numbered(0, 900));
  CHECK(*TryRead(**followed, places[1]) == "damaged");
  CHECK(*TryRead(**followed, places.back()) == Numbered(39, 900));
}

}  // namespace
}  // namespace weir::testing
