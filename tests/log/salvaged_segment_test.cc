// One file of the copy of a damaged log: what verified stands where it stood, and what stands in
// the lost ranges lets everything else be read.

#include "log/salvaged_segment.h"

#include <catch2/catch.hpp>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "log/sample_segment.h"

namespace weir::testing {
namespace {

constexpr uint64_t kNext = 0x2222;  // another writer
constexpr uint64_t kOpenRecordBytes = kRecordHeaderBytes + kOpenBodyBytes;

// A void, as a stand-in for what was lost at `lost_at`.
StandIn Void(LogPosition lost_at, uint64_t offset) {
  std::string record(kRecordHeaderBytes, '\0');
  WriteStamp(record.data(), {.bytes = kRecordHeaderBytes,
                             .type = RecordType::kVoid,
                             .queue_number = 7,
                             .queue_offset = offset});
  return {.lost_at = lost_at, .record = record};
}

// A segment and its copy.
class Copy {
 public:
  explicit Copy(const SegmentBytes& segment) : original(segment), file(source.Open(segment)) {
    auto created = Create();
    INFO(created.status());
    REQUIRE(created.ok());
    copy = *std::move(created);
  }

  absl::StatusOr<std::unique_ptr<SalvagedSegment>> Create() {
    return SalvagedSegment::Create(*target.directory, original.header(), /*last_store_time=*/0,
                                   &stand_ins);
  }
  // Writes all that verifies with one of the incarnations, and covers the rest.
  absl::Status Fill() {
    SegmentScanner scanner = ScannerOf(*file, original.end(), Groups::kMembers);
    scanner.AddIncarnation(kNext);
    for (;;) {
      ScannedRecord record;
      const auto step = scanner.Next(&record);
      REQUIRE(step.ok());
      if (*step == SegmentScanner::Step::kEnd) return absl::OkStatus();
      const LogPosition begin = scanner.position();
      if (*step == SegmentScanner::Step::kInvalid) {
        const auto found = scanner.Resync(scanner.resync_from());
        REQUIRE(found.ok());
        const absl::Status covered =
            copy->Cover(begin, *found ? scanner.position() : original.end());
        if (!covered.ok() || !*found) return covered;
        continue;
      }
      const absl::Status written = copy->Write(record, file->IncarnationAt(record.position));
      if (!written.ok()) return written;
    }
  }
  // The file of the copy when all went well.
  std::shared_ptr<SegmentFile> Finished() {
    absl::Status status = Fill();
    if (status.ok()) status = copy->Finish(original.end());
    INFO(status);
    REQUIRE(status.ok());
    auto opened = SegmentFile::Open(*target.directory, original.name(), OpenMode::kRead, 2);
    REQUIRE(opened.ok());
    return *std::move(opened);
  }
  std::string bytes() { return target.disk.ReadFile("/store/" + original.name()); }
  RecordHeader HeaderAt(LogPosition position) {
    return LoadHeader(bytes().data() + (position - original.header().begin));
  }
  bool IsLost(LogPosition position) { return (HeaderAt(position).flags & kIsLost) != 0; }

  const SegmentBytes original;
  StoreDirectory source;
  StoreDirectory target;
  std::shared_ptr<SegmentFile> file;
  std::list<StandIn> stand_ins;
  std::unique_ptr<SalvagedSegment> copy;
};

TEST_CASE("of a segment that is whole the copy has the same bytes, and it ends where that does") {
  SegmentBytes segment(3);
  segment.Message("one");
  segment.Group({"two", "three"});
  segment.OpenTwice(kNext);
  segment.Message("four");
  Copy copy(segment);

  copy.Finished();

  CHECK(copy.bytes() == segment.bytes());
  CHECK(copy.copy->incarnation() == kNext);
  CHECK(copy.copy->last_store_time() == kStoreTime);
}

TEST_CASE("what a filler covers is not copied, and the file reaches to its end all the same") {
  SegmentBytes segment(0);
  segment.Message("one");
  const LogPosition filler = segment.Fill();
  Copy copy(segment);

  const auto file = copy.Finished();

  CHECK(ScanAll(*file, file->limit()) == Words{"message one", "filler"});
  CHECK(copy.bytes().size() == kSegment);
  CHECK(copy.bytes().find('\xEE') == std::string::npos);
  CHECK_FALSE(copy.IsLost(filler));
}

TEST_CASE("records of more bytes than are kept before they are written come to their places") {
  SegmentBytes segment(SampleHeader(0, uint64_t{4} << 20));
  for (const size_t bytes : {700'000u, 500'000u, 10u, 1'200'000u}) {
    segment.Message(std::string(bytes, static_cast<char>('a' + bytes % 7)));
  }
  Copy copy(segment);

  copy.Finished();

  CHECK(copy.bytes() == segment.bytes());
}

TEST_CASE("a lost range becomes one filler that says so, and what is behind it is found") {
  SegmentBytes segment(1);
  segment.Message("one");
  const LogPosition two = segment.Message("two");
  segment.Message("three");
  segment.Damage(two);
  segment.Damage(two + 56);
  segment.Message("four");
  const LogPosition five = segment.Message("five");
  segment.Damage(five);
  Copy copy(segment);

  const auto file = copy.Finished();

  CHECK(ScanAll(*file, segment.end()) == Words{"message one", "filler", "message four", "filler"});
  CHECK(copy.IsLost(two));
  CHECK(copy.HeaderAt(two).bytes() == 2 * 56);
  CHECK(copy.HeaderAt(two).store_time == kStoreTime);
  CHECK(copy.IsLost(five));
}

TEST_CASE("less than a record's header stays damage, and costs nothing behind it") {
  SegmentBytes segment(1);
  segment.Message("one");
  segment.Rubbish(kRecordHeaderBytes - kRecordAlignment);
  segment.Message("two");
  Copy copy(segment);

  CHECK(ScanAll(*copy.Finished(), segment.end()) == Words{"message one", "invalid", "message two"});
}

// --- What is said in the place of lost records

TEST_CASE("a stand-in takes the first lost range that ends behind what it stands for") {
  SegmentBytes segment(1);
  const LogPosition first = segment.Message(std::string(100, 'x'));
  segment.Message("one");
  const LogPosition second = segment.Message(std::string(100, 'x'));
  segment.Message("two");
  const LogPosition third = segment.Message(std::string(100, 'x'));
  for (const LogPosition lost : {first, second, third}) segment.Damage(lost);
  Copy copy(segment);
  copy.stand_ins.push_back(Void(second, 41));
  copy.stand_ins.push_back(Void(segment.limit(), 42));  // of another segment

  const auto file = copy.Finished();

  CHECK(ScanAll(*file, segment.end()) ==
        Words{"filler", "message one", "void", "filler", "message two", "filler"});
  CHECK(copy.HeaderAt(second).queue_offset == 41);
  CHECK(copy.HeaderAt(second).store_time == kStoreTime);
  REQUIRE(copy.stand_ins.size() == 1);
  CHECK(copy.stand_ins.front().lost_at == segment.limit());
}

TEST_CASE("a stand-in needs its own room, and leaves that of a filler or none") {
  const auto rest = GENERATE(range(0, 13)) * static_cast<int>(kRecordAlignment);
  const auto gap = kRecordHeaderBytes - 2 * kRecordAlignment + static_cast<uint32_t>(rest);
  CAPTURE(gap);
  SegmentBytes segment(1);
  const LogPosition lost = segment.end();
  segment.Rubbish(gap);
  segment.Message("one");
  Copy copy(segment);
  copy.stand_ins.push_back(Void(lost, 41));

  const Words words = ScanAll(*copy.Finished(), segment.end());

  const uint32_t left = gap - kRecordHeaderBytes;
  const bool has_room = gap >= kRecordHeaderBytes && (left == 0 || left >= kRecordHeaderBytes);
  CHECK(copy.stand_ins.empty() == has_room);
  const Words expected = gap < kRecordHeaderBytes ? Words{"invalid", "message one"}
                         : !has_room              ? Words{"filler", "message one"}
                         : left == 0              ? Words{"void", "message one"}
                                                  : Words{"void", "filler", "message one"};
  CHECK(words == expected);
}

// --- Who wrote

TEST_CASE("if both open records are lost, what they said is said again in their place") {
  SegmentBytes segment(1);
  segment.Message("one");
  const LogPosition opens = segment.OpenTwice(kNext);
  const LogPosition two = segment.Message("two");
  segment.Damage(opens);
  segment.Damage(two - kOpenRecordBytes);
  Copy copy(segment);

  const auto file = copy.Finished();

  CHECK(ScanAll(*file, segment.end()) == Words{"message one", "filler", "open", "message two"});
  CHECK(file->IncarnationAt(two) == kNext);
  CHECK(copy.copy->incarnation() == kNext);
}

TEST_CASE("the next writer is named where there is room for it, else the copy is refused") {
  const auto gap = static_cast<uint64_t>(GENERATE(range(7, 18))) * kRecordAlignment;
  CAPTURE(gap);
  SegmentBytes segment(1);
  segment.Message("one");
  segment.Rubbish(gap);
  segment.SetIncarnation(kNext);
  segment.Message("two");
  Copy copy(segment);

  const absl::Status filled = copy.Fill();

  const bool leaves_room = gap == kOpenRecordBytes || gap >= kOpenRecordBytes + kRecordHeaderBytes;
  CHECK(filled.ok() == leaves_room);
  if (leaves_room) return;
  CHECK(absl::IsDataLoss(filled));
  CHECK(absl::StrContains(filled.message(), "no room"));
}

TEST_CASE("a record of a writer whom nothing before it names is refused") {
  SegmentBytes segment(1);
  segment.Message("one");
  segment.SetIncarnation(kNext);
  segment.Message("two");
  Copy copy(segment);
  ScannedRecord one{segment.header().begin + kSegmentHeaderBytes,
                    segment.bytes().data() + kSegmentHeaderBytes,
                    {}};
  one.header = LoadHeader(one.bytes);
  REQUIRE(copy.copy->Write(one, kIncarnation).ok());
  ScannedRecord two{one.end(), one.bytes + one.header.bytes(), {}};
  two.header = LoadHeader(two.bytes);

  const absl::Status written = copy.copy->Write(two, kNext);

  CHECK(absl::IsDataLoss(written));
  CHECK(absl::StrContains(written.message(), "nothing before it names"));
}

TEST_CASE("what covers a range is of the writer at each place, with one open record left") {
  const bool loses_more = GENERATE(false, true);
  SegmentBytes segment(1);
  segment.Message("one");
  segment.OpenTwice(kNext);
  const LogPosition two = segment.Message("two");
  segment.Message("three");
  segment.Damage(two - kOpenRecordBytes);
  if (loses_more) segment.Damage(two);
  Copy copy(segment);

  const auto file = copy.Finished();

  Words expected{"message one", "open", "filler"};
  expected.emplace_back(loses_more ? "filler" : "message two");
  expected.emplace_back("message three");
  CHECK(ScanAll(*file, segment.end()) == expected);
  CHECK(copy.IsLost(two - kOpenRecordBytes));
  CHECK(copy.IsLost(two) == loses_more);
}

TEST_CASE("a loss that begins where the next writer does is covered in his name") {
  SegmentBytes segment(1);
  segment.OpenTwice(kNext);
  const LogPosition two = segment.Message("two");
  segment.Message("three");
  segment.Damage(two);
  Copy copy(segment);

  CHECK(ScanAll(*copy.Finished(), segment.end()) ==
        Words{"open", "open", "filler", "message three"});
  CHECK(copy.IsLost(two));
}

TEST_CASE("a filler reaches over no group's end: the group stays one that is whole") {
  SegmentBytes segment(1);
  const LogPosition group = segment.Group({"one", "two"});
  const LogPosition two = group + kRecordHeaderBytes + 56;
  const LogPosition three = segment.Message("three");
  segment.Message("four");
  segment.Damage(two);
  segment.Damage(three);
  Copy copy(segment);

  const auto file = copy.Finished();

  CHECK(ScanAll(*file, segment.end(), Groups::kWhole) == Words{"group", "filler", "message four"});
  CHECK(ScanAll(*file, segment.end()) ==
        Words{"group", "message one", "filler", "filler", "message four"});
}

// --- The file

TEST_CASE("a file that is there is not written over") {
  SegmentBytes segment(1);
  Copy copy(segment);

  CHECK(absl::IsAlreadyExists(copy.Create().status()));
}

TEST_CASE("a write that is refused on the way is told by whatever comes to it") {
  SegmentBytes segment(1);
  segment.Message("one");
  const LogPosition at = segment.end();
  segment.Rubbish(1000);
  segment.SetIncarnation(kNext);
  segment.Message("two");
  Copy copy(segment);
  const auto record = [&](LogPosition position) {
    const char* const bytes = segment.bytes().data() + (position - segment.header().begin);
    return ScannedRecord{position, bytes, LoadHeader(bytes)};
  };
  SalvagedSegment& to = *copy.copy;
  REQUIRE(to.Write(record(segment.header().begin + kSegmentHeaderBytes), kIncarnation).ok());
  copy.target.disk.Inject(DiskFull({.kind = OperationKind::kWrite, .times = Fault::kForEver}));
  // Of the first filler only the header is written: what comes behind it is somewhere else.
  REQUIRE(to.Cover(at, at + 200).ok());
  SECTION("who writes behind it is named") {
    REQUIRE(to.Cover(at, at + 1000).ok());
    CHECK(absl::IsResourceExhausted(to.Write(record(at + 1000), kNext)));
  }
  SECTION("another lost range") {
    REQUIRE(to.Cover(at + 200, at + 400).ok());
    CHECK(absl::IsResourceExhausted(to.Cover(at + 400, at + 1000)));
  }
  SECTION("a stand-in in it") {
    copy.stand_ins.push_back(Void(at + 200, 41));
    REQUIRE(to.Cover(at + 200, at + 400).ok());
    CHECK(absl::IsResourceExhausted(to.Cover(at + 400, at + 1000)));
  }
  SECTION("the end") {
    REQUIRE(to.Cover(at + 200, at + 400).ok());
    CHECK(absl::IsResourceExhausted(to.Finish(at + 400)));
  }
}

TEST_CASE("a write that is refused within a lost range of two parts is told by it") {
  SegmentBytes segment(1);
  const LogPosition group = segment.Group({"one", "two"});
  segment.Message("three");
  Copy copy(segment);
  const ScannedRecord header{group, segment.At(group), LoadHeader(segment.At(group))};
  REQUIRE(copy.copy->Write(header, kIncarnation).ok());
  REQUIRE(
      copy.copy
          ->Cover(header.position + kRecordHeaderBytes, header.position + kRecordHeaderBytes + 56)
          .ok());
  copy.target.disk.Inject(DiskFull({.kind = OperationKind::kWrite, .times = Fault::kForEver}));

  const absl::Status covered =
      copy.copy->Cover(header.position + kRecordHeaderBytes + 56, segment.end());

  CHECK(absl::IsResourceExhausted(covered));
}

TEST_CASE("whatever the file system refuses, the copy is not finished, and says so") {
  SegmentBytes segment(1);
  segment.Message("one");
  Copy copy(segment);
  REQUIRE(copy.Fill().ok());
  // The records, the header; the end of the file; what makes it durable.
  const Fault fault =
      GENERATE(Fault{.kind = OperationKind::kWrite}, Fault{.kind = OperationKind::kWrite, .nth = 2},
               Fault{.kind = OperationKind::kTruncate}, Fault{.kind = OperationKind::kSync});
  copy.target.disk.Inject(DiskFull(fault));

  const absl::Status finished = copy.copy->Finish(segment.end());

  CHECK(absl::IsResourceExhausted(finished));
  // Without its header it is no segment.
  copy.target.disk.ClearFaults();
  const bool has_header =
      copy.bytes().substr(0, kSegmentHeaderBytes) == segment.bytes().substr(0, kSegmentHeaderBytes);
  CHECK(has_header == (fault.kind != OperationKind::kWrite));
}

}  // namespace
}  // namespace weir::testing
