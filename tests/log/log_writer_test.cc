// From the front to the files: in which pieces, what a stray write leads to, and what the disk's
// errors mean.

#include "log/log_writer.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "log/small_log.h"

namespace weir::testing {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// Sizes of the writes to segment files, in order.
class Writes {
 public:
  explicit Writes(FaultFileSystem& disk) : disk_(disk) {
    disk_.SetHook([this](const Operation& operation) {
      // A file is called here as it was when it was opened: segments begin under another name.
      if (operation.kind != OperationKind::kWrite || operation.name.substr(0, 4) != "0000") return;
      uint64_t bytes = 0;
      for (const absl::string_view piece : operation.pieces) bytes += piece.size();
      sizes.push_back(bytes);
    });
  }
  ~Writes() { disk_.SetHook(nullptr); }
  Writes(const Writes&) = delete;
  Writes& operator=(const Writes&) = delete;

  std::vector<uint64_t> sizes;

 private:
  FaultFileSystem& disk_;
};

TEST_CASE("everything that is published goes out with one write") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  uint64_t bytes = 0;
  for (size_t i = 0; i < 20; ++i) bytes += Append(*log, Numbered(i, 60)).size;
  const Writes writes(disk);

  CHECK(log->WriteStep() == absl::ZeroDuration());

  CHECK(writes.sizes == std::vector<uint64_t>{bytes});
  CHECK(log->counters().writes == 1);
  CHECK(log->counters().written_bytes == bytes);
  log->WriteStep();
  CHECK(writes.sizes.size() == 1);
}

TEST_CASE("a step writes a MiB and leaves the rest to the next one") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.segment_bytes = 8 * kMiB;
  options.front_bytes = 8 * kMiB;
  auto log = OpenLog(options);
  constexpr size_t kBody = (64 << 10) - kRecordHeaderBytes;
  Reservation last;
  for (size_t i = 0; i < 40; ++i) last = Append(*log, Numbered(i, kBody));
  const Writes writes(disk);

  std::vector<LogPosition> ends;
  while (log->WriteStep() == absl::ZeroDuration()) ends.push_back(log->front().written_end());

  CHECK(writes.sizes == std::vector<uint64_t>{kMiB, kMiB, kMiB / 2});
  REQUIRE(ends.size() == 3);
  CHECK(ends[0] == LogPosition(kSegmentHeaderBytes + kMiB));
  CHECK(ends[2] == last.end());
}

TEST_CASE("a step never writes more than a MiB, unless a single record is longer") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.segment_bytes = 8 * kMiB;
  options.front_bytes = 8 * kMiB;
  auto log = OpenLog(options);
  for (size_t i = 0; i < 3; ++i) Append(*log, Numbered(i, 700 << 10));
  const uint64_t long_one = Append(*log, std::string(kMiB + 99, 'x')).size;
  const Writes writes(disk);

  while (log->WriteStep() == absl::ZeroDuration()) {
  }

  const uint64_t size = SizeOf(700 << 10);
  CHECK(writes.sizes == std::vector<uint64_t>{size, size, size, long_one});
}

TEST_CASE("a write ends at a segment's border, and the filler before it costs a header only") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  std::vector<Reservation> places;
  for (size_t i = 0; i < 5; ++i) places.push_back(Append(*log, Numbered(i, 850)));
  REQUIRE(places[2].end() < LogPosition(kSegment - kRecordHeaderBytes));
  REQUIRE(places[3].position == LogPosition(kSegment + kSegmentHeaderBytes));
  const Writes writes(disk);

  while (log->WriteStep() == absl::ZeroDuration()) {
  }

  const uint64_t size = places[0].size;
  CHECK(writes.sizes == std::vector<uint64_t>{3 * size + kRecordHeaderBytes, 2 * size});
  CHECK(log->front().written_end() == places[4].end());
}

TEST_CASE("nothing behind an open claim is written before the claim is settled") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation first = Append(*log, "one");
  const Reservation open = Claim(*log, 3);
  const Reservation last = Append(*log, "three");

  log->WriteStep();
  CHECK(log->front().written_end() == first.end());
  CHECK(log->WriteStep() > absl::ZeroDuration());
  CHECK(log->front().written_end() == first.end());

  log->Abandon(open);
  log->WriteStep();
  CHECK(log->front().written_end() == last.end());
}

TEST_CASE("a published record that somebody overwrote is written as it lies and reported") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation before = Append(*log, "before");
  const Reservation bad = Append(*log, "a good body");
  const Reservation behind = Append(*log, "behind");
  std::memcpy(bad.bytes + kRecordHeaderBytes, "A STRAY", 7);

  log->WriteStep();

  CHECK(log->front().written_end() == behind.end());
  CHECK(log->health().state() == StoreState::kDegraded);
  CHECK(log->health().Has(Condition::kStrayWrite));
  CHECK(log->health().reason().find(absl::StrCat(bad.position.value())) != std::string::npos);
  CHECK(disk.ReadFile(FileOf(bad.position)).find("A STRAYbody") != std::string::npos);
  const auto wait = [&](const Reservation& place) {
    return log->WaitFor(place.position, place.end(), Durability::kDisk, kNever).status();
  };
  CHECK(absl::IsDataLoss(wait(bad)));
  CHECK(wait(before).ok());
  CHECK(wait(behind).ok());
  CHECK(Bodies(*log) == Words{"before", "behind"});
  // The log itself goes on.
  const Reservation next = Append(*log, "next");
  CHECK(wait(next).ok());
}

TEST_CASE("a stray write into one member of a group costs that member's range") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation group = AppendGroup(*log, {"first", "second", "third"});
  const LogPosition second = group.position + kRecordHeaderBytes + SizeOf(5);
  group.bytes[second - group.position + kRecordHeaderBytes] ^= 1;

  log->WriteStep();

  const auto lost = log->lost().Touching(group.position, group.end());
  REQUIRE(lost.has_value());
  CHECK(lost->begin == second);
  CHECK(lost->end == second + SizeOf(6));
  CHECK(absl::IsDataLoss(
      log->WaitFor(group.position, group.end(), Durability::kDisk, kNever).status()));
  CHECK(log->front().written_end() == group.end());
}

TEST_CASE("if the length of a record was overwritten nothing behind it can be told: read-only") {
  const auto length = GENERATE(0, 8, 55, 60, 1 << 20);
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation good = Append(*log, "good");
  const Reservation bad = Append(*log, "bad");
  Append(*log, "behind");
  StoreWord(bad.bytes, length);

  while (log->WriteStep() == absl::ZeroDuration()) {
  }

  INFO("length " << length);
  CHECK(log->front().written_end() <= bad.position);
  CHECK(log->health().state() == StoreState::kReadOnly);
  const auto waited = log->WaitFor(bad.position, bad.end(), Durability::kDisk, kNever);
  CHECK(absl::IsDataLoss(waited.status()));
  // What stands before it is not touched.
  CHECK(log->front().PublishedEnd() >= good.end());
}

TEST_CASE("a full disk poisons nothing: the step tries again, and the log heals") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation place = Append(*log, "one");
  disk.Inject(DiskFull({.kind = OperationKind::kWrite, .times = 2}));

  CHECK(log->WriteStep() > absl::ZeroDuration());
  CHECK(log->front().written_end() <= place.position);
  CHECK(log->health().state() == StoreState::kDegraded);
  CHECK(log->health().reason().find("No space left") != std::string::npos);
  CHECK_FALSE(log->segments().FindOpen(place.position)->is_poisoned);
  // Who waits is not kept waiting for ever, and is not told more than is true.
  const auto waited = log->WaitFor(place.position, place.end(), Durability::kDisk, kNever);
  REQUIRE(waited.ok());
  CHECK(*waited == Durability::kProcess);

  disk.ClearFaults();
  SyncNow(*log);
  CHECK(log->health().state() == StoreState::kHealthy);
  CHECK(log->counters().replacements == 0);
  CHECK(log->segments().FindOpen(place.position)->name() == SegmentFileName({}));
  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  CHECK(Bodies(*OpenLog(SmallLog(after, clock))) == Words{"one"});
}

TEST_CASE("on a disk that stays full the front fills, appends are refused, and nothing is lost") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, Numbered(0, 400));
  while (log->PrepareStep() == absl::ZeroDuration()) {
  }
  disk.Inject(DiskFull({.kind = OperationKind::kWrite, .times = Fault::kForEver}));

  Words expected = {Numbered(0, 400)};
  absl::Status refused;
  while (refused.ok() && expected.size() < 1000) {
    const auto place = TryClaim(*log, 400);
    refused = place.status();
    if (!place.ok()) break;
    expected.push_back(Numbered(expected.size(), 400));
    PublishBody(*log, *place, expected.back());
  }
  CHECK(absl::IsResourceExhausted(refused));
  CHECK(expected.size() < 50);
  CHECK(Bodies(*log) == expected);

  disk.ClearFaults();
  SyncNow(*log);
  log->PrepareStep();
  expected.push_back("again");
  Append(*log, "again");
  CHECK(log->health().state() == StoreState::kHealthy);
  CHECK(Bodies(*log) == expected);
}

TEST_CASE("a device error poisons the file: it is not written again, and a new one takes over") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  const Reservation place = Append(*log, "two");
  disk.Inject(InputOutputError({.kind = OperationKind::kWrite}));
  const auto failed = log->segments().FindOpen(place.position);

  log->WriteStep();
  CHECK(failed->is_poisoned);
  const LogPosition written = log->front().written_end();
  {
    const Writes writes(disk);
    log->WriteStep();
    CHECK(writes.sizes.empty());
  }
  CHECK(log->front().written_end() == written);

  SyncNow(*log);
  CHECK(log->counters().replacements == 1);
  CHECK(log->health().state() == StoreState::kHealthy);
  CHECK(log->segments().FindOpen(place.position)->name() ==
        SegmentFileName({.begin = LogPosition(), .generation = 1}));
  CHECK(Bodies(*log) == Words{"one", "two"});
}

TEST_CASE("a device error in the middle of a write leaves no trace in what takes over") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Words expected;
  for (size_t i = 0; i < 4; ++i) {
    expected.push_back(Numbered(i, 500));
    Append(*log, expected.back());
  }
  disk.Inject(InputOutputError({.kind = OperationKind::kWrite, .sectors_written = 3}));

  log->WriteStep();
  SyncNow(*log);

  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  auto again = OpenLog(SmallLog(after, clock));
  CHECK(Bodies(*again) == expected);
  CHECK(again->report().damage.empty());
}

TEST_CASE("bytes that were written once are not written again: the log is read-only instead") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation one = Append(*log, "one");
  log->WriteStep();
  const LogPosition end = Append(*log, "two").end();
  const std::shared_ptr<SegmentFile> file = log->segments().FindOpen(one.position);
  file->written_end.store(end.value());  // as if another writer had been here
  const std::string before = disk.ReadFile(FileOf(one.position));

  log->WriteStep();
  CHECK(absl::IsInternal(log->JudgePromises()));

  CHECK(log->health().state() == StoreState::kReadOnly);
  CHECK(absl::StrContains(log->health().reason(), "lib/log/log_writer.cc:"));
  CHECK(absl::StrContains(log->health().reason(), "file.written_end"));
  CHECK(log->front().written_end() == one.end());
  CHECK(disk.ReadFile(FileOf(one.position)) == before);
  CHECK(absl::IsFailedPrecondition(TryClaim(*log, 3).status()));
  CHECK(Bodies(*log) == Words{"one", "two"});
  CHECK(log->JudgePromises().ok());
}

}  // namespace
}  // namespace weir::testing
