#include "index/segment_runs.h"

#include <catch2/catch.hpp>
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

// Records as a scanner hands them over, one behind the other in segment 0.
class Records {
 public:
  explicit Records(SegmentRuns* runs) : runs_(*runs) {}

  LogPosition Apply(uint32_t number, uint64_t offset,
                    const std::vector<FurtherQueue>& further = {}) {
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
    const LogPosition position = next_;
    Publish(record, Seal(record, position, 1));
    REQUIRE(runs_.Apply({position, record, LoadHeader(record)}).ok());
    next_ += bytes;
    return position;
  }

 private:
  SegmentRuns& runs_;
  LogPosition next_{1024};
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

}  // namespace
}  // namespace weir::testing
