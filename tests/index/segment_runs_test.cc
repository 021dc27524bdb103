#include "index/segment_runs.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "index/small_indexer.h"

namespace weir::testing {
namespace {

TEST_CASE("a run that began with holes begins with them again when it is computed again") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> one;
  {
    Indexed store(disk, clock);
    one = store.AppendNumbered(1, 0, 60);
    SyncNow(*store.log);
    REQUIRE(store.log->Close().ok());  // nothing is sealed
  }
  size_t first = 0;
  while (one[first] < LogPosition(2 * kSegment)) ++first;
  Damage(disk, one[first]);
  Indexed store(disk, clock);
  store.SealAll();
  const Indexed::Runs sealed = store.InFile(2);
  REQUIRE(sealed.at(1).first == first);
  REQUIRE(sealed.at(1).positions[0] == 0);

  REQUIRE(store.indexer.Rebuild(LogPosition(2 * kSegment)).ok());
  CHECK((store.InFile(2) == sealed));
  // And the chain still leads to what lies before it.
  for (uint64_t offset = 0; offset < store.queues.queue(1).memory_first(); ++offset) {
    CAPTURE(offset);
    CHECK(FindRunOf(store.files, 1, store.queues.queue(1).tail(), QueueOffset(offset),
                    store.log->segments().begin())
              .ok());
  }
}

TEST_CASE("if what lies before a run is lost, the run behind it says where it began") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> one;
  {
    Indexed store(disk, clock);
    one = store.AppendNumbered(1, 0, 100);
    store.Close();
  }
  const size_t newest = [&] {
    size_t segment = 0;
    while (disk.FileExists(IndexPath(segment + 1))) ++segment;
    return segment;
  }();
  // The last one is what the queue in memory knows of.
  const uint64_t segment = GENERATE_COPY(uint64_t{3}, uint64_t{newest});
  CAPTURE(segment);
  for (uint64_t lost = 0; lost < segment; ++lost) {
    disk.RemoveFile(FileOf(LogPosition(lost * kSegment)));
    disk.RemoveFile(IndexPath(lost));
  }
  Indexed store(disk, clock);
  const Indexed::Runs sealed = store.InFile(segment);
  size_t first = 0;
  while (one[first] < LogPosition(segment * kSegment)) ++first;
  Damage(disk, one[first]);
  REQUIRE(store.indexer.Rebuild(LogPosition(segment * kSegment)).ok());
  CHECK(store.InFile(segment, 1).first == sealed.at(1).first);
  CHECK(store.InFile(segment, 1).positions.size() == sealed.at(1).positions.size());
  CHECK(store.InFile(segment, 1).positions[0] == 0);
}

// Records as a scanner hands them over, one behind the other from the begin of a segment on.
class Records {
 public:
  explicit Records(SegmentRuns* runs, LogPosition next = LogPosition(1024))
      : runs_(*runs), next_(next) {}

  LogPosition Apply(uint32_t number, uint64_t offset,
                    const std::vector<FurtherQueue>& further = {}) {
    const LogPosition position = next_;
    REQUIRE(TryApply(number, offset, further).ok());
    return position;
  }
  absl::Status TryApply(uint32_t number, uint64_t offset, const std::vector<FurtherQueue>& further,
                        uint32_t told_further = 0) {
    MessageParts parts;
    parts.further_queues = static_cast<uint32_t>(further.size());
    const auto bytes = static_cast<uint32_t>(RecordBytes(EncodedPartsBytes(parts), 0));
    std::vector<uint64_t> memory(bytes / 8);
    char* const record = reinterpret_cast<char*>(memory.data());
    WriteStamp(
        record,
        {.bytes = bytes, .flags = FlagsOf(parts), .queue_number = number, .queue_offset = offset});
    if (!further.empty()) WriteFurtherQueueCount(record, parts.further_queues);
    for (uint32_t i = 0; i < further.size(); ++i) WriteFurtherQueue(record, i, further[i]);
    WriteParts(record, parts, 0, 0);
    if (told_further > 0) WriteFurtherQueueCount(record, told_further);
    Publish(record, Seal(record, next_, 1));
    const ScannedRecord scanned{next_, record, LoadHeader(record)};
    next_ += bytes;
    return runs_.Apply(scanned);
  }

 private:
  SegmentRuns& runs_;
  LogPosition next_;
};

TEST_CASE("records that make no sense take no memory and no place, whatever they say") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock, 4);
  const RunSearch search(&store.view, &store.queues, &store.files);
  SegmentRuns runs(LogPosition(0), &store.queues, &search);
  Records records(&runs);
  std::vector<uint64_t> one;
  one.push_back(records.Apply(1, 0).value());
  records.Apply(1, 0);  // twice
  records.Apply(7, 0);  // of no queue
  records.Apply(0xFFFFFFFE, 1, {{0xFFFFFFF0, 2}});
  records.Apply(1, uint64_t{1} << 40);  // a jump that no loss explains
  records.Apply(1, ~uint64_t{0});
  records.Apply(kNoQueue, 1);
  REQUIRE(records.TryApply(kNoQueue, 0, {{3, 7}}).ok());
  one.push_back(0);                                                      // a hole
  one.push_back(records.Apply(1, 2, {{1, 3}, {3, 0}, {3, 1}}).value());  // one queue, many times
  for (uint64_t i = 0; i < 40; ++i) records.Apply(2, (i + 1) << 23);
  one.push_back(records.Apply(1, 3).value());

  const IndexIdentity identity{.store = store.log->segments().store(),
                               .segment_end = LogPosition(kSegment * 4),
                               .records_end = LogPosition(kSegment * 4)};
  IndexFileWriter writer(identity);
  REQUIRE(runs.AddTo(writer, store.files, LogPosition(0)).ok());
  CHECK(writer.file_bytes() < SegmentRuns::kHolesMax * 8 + (1 << 20));
  auto contents = writer.Contents();
  REQUIRE(contents.ok());
  const auto file = IndexFile::FromBytes("index", *std::move(contents), identity);
  REQUIRE(file.ok());
  CHECK((*file)->VerifyAll().ok());
  const auto run = (*file)->FindRun(1);
  REQUIRE(run.ok());
  REQUIRE(run->has_value());
  CHECK((*run)->first == QueueOffset(0));
  REQUIRE((*run)->count == one.size());
  std::vector<IndexEntry> entries(one.size());
  REQUIRE((*file)->ReadEntries(**run, 0, absl::MakeSpan(entries)).ok());
  for (size_t i = 0; i < one.size(); ++i) {
    CHECK((entries[i].is_hole() ? 0 : entries[i].position(LogPosition(0)).value()) == one[i]);
  }
  CHECK((*(*file)->FindRun(3))->count == 1);
  CHECK_FALSE((*file)->FindRun(7)->has_value());
}

// A store whose first segments are sealed, and the runs of the third one as they are computed anew.
struct Anew {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store{disk, clock};
  RunSearch search{&store.view, &store.queues, &store.files};
  LogPosition begin{2 * kSegment};
  SegmentRuns runs{begin, &store.queues, &search};
  Records records{&runs, begin + kSegmentHeaderBytes};
  Indexed::Run before;  // of queue 1

  Anew() {
    store.AppendNumbered(1, 0, 60);
    store.SealAll();
    before = store.InFile(1, 1);
  }
  void CloseFiles() {
    for (uint64_t i = 0; i < 4; ++i) store.files.Forget(LogPosition(i * kSegment));
  }
  absl::Status TryMake() {
    IndexFileWriter writer(*store.indexer.IdentityOf(begin));
    return runs.AddTo(writer, store.files, LogPosition(0));
  }
  // As a reader of the index file will find it.
  std::optional<QueueRun> RunOf(uint32_t number) {
    const IndexIdentity identity = *store.indexer.IdentityOf(begin);
    IndexFileWriter writer(identity);
    REQUIRE(runs.AddTo(writer, store.files, LogPosition(0)).ok());
    const auto file = IndexFile::FromBytes("index", *writer.Contents(), identity);
    REQUIRE(file.ok());
    const auto run = (*file)->FindRun(number);
    REQUIRE(run.ok());
    return *run;
  }
};

TEST_CASE("a first record that cannot be where the run began is believed, unless it is known") {
  Anew anew;
  SECTION("far behind the end of the run before") {
    anew.records.Apply(1, uint64_t{1} << 40);
    REQUIRE(anew.RunOf(1));
    CHECK(anew.RunOf(1)->first == QueueOffset(uint64_t{1} << 40));
  }
  SECTION("in the run before") {
    anew.records.Apply(1, anew.before.first);
    CHECK_FALSE(anew.RunOf(1));
  }
}

TEST_CASE("further queues that reach behind their record are entered nowhere") {
  Anew anew;
  REQUIRE(anew.records.TryApply(3, 0, {{2, 0}}, /*told_further=*/1'000'000).ok());
  CHECK(anew.RunOf(3));
  CHECK_FALSE(anew.RunOf(2));
}

TEST_CASE("an error that may pass ends the computing, whichever queue it is met for") {
  const auto fault = [](uint64_t nth) {
    return TooManyOpenFiles({.kind = OperationKind::kOpen, .name_contains = ".index", .nth = nth});
  };
  uint64_t met = 0;
  for (absl::Status entered = absl::UnavailableError(""); !entered.ok(); ++met) {
    CAPTURE(met);
    CHECK(absl::IsUnavailable(entered));
    Anew anew;
    anew.CloseFiles();
    anew.disk.Inject(fault(met + 1));
    const uint64_t next = anew.before.first + anew.before.positions.size();
    entered = anew.records.TryApply(2, 0, {{1, next}});  // files are opened for one, then the other
  }
  CHECK(met >= 3);

  Anew anew;
  anew.records.Apply(1, anew.before.first + anew.before.positions.size());
  anew.CloseFiles();
  anew.disk.Inject(fault(1));
  CHECK(absl::IsUnavailable(anew.TryMake()));
  CHECK(anew.RunOf(1));
}

TEST_CASE("a run before that can no longer be read is no link, and no reason to stop") {
  Anew anew;
  anew.records.Apply(1, anew.before.first + anew.before.positions.size());
  REQUIRE(anew.RunOf(1)->links.previous.exists());
  anew.CloseFiles();
  SECTION("its file is damaged") {
    anew.disk.WriteFile(IndexPath(1), "nothing of an index");
    CHECK_FALSE(anew.RunOf(1)->links.previous.exists());
  }
  SECTION("its segment is gone") {
    anew.store.files.SetResolver([](LogPosition) -> absl::StatusOr<IndexIdentity> {
      return absl::OutOfRangeError("dropped");
    });
    CHECK_FALSE(anew.RunOf(1)->links.previous.exists());
  }
}

}  // namespace
}  // namespace weir::testing
