#include "log/segment_scanner.h"

#include <catch2/catch.hpp>
#include <string>

#include "log/sample_segment.h"

namespace weir::testing {
namespace {

using Step = SegmentScanner::Step;

// The next step, which is not to fail.
Step Next(SegmentScanner& scanner, ScannedRecord* record) {
  const auto step = scanner.Next(record);
  INFO(step.status());
  REQUIRE(step.ok());
  return *step;
}

TEST_CASE("records are found one behind the other up to the end of the segment") {
  StoreDirectory store;
  SegmentBytes segment(2);
  const LogPosition one = segment.Message("one");
  const LogPosition given_up = segment.Record(RecordType::kVoid, "");
  segment.Fill();
  const auto file = store.Open(segment);
  SegmentScanner scanner = ScannerOf(*file, file->limit(), Groups::kWhole);

  ScannedRecord record;
  REQUIRE(Next(scanner, &record) == Step::kRecord);
  CHECK(record.position == one);
  CHECK(record.end() == given_up);
  CHECK(WhatIs(record) == "message one");
  CHECK(ScanAll(scanner) == Words{"void", "filler"});
  CHECK(scanner.position() == file->limit());
}

TEST_CASE("a scan may begin at any record, and ends where it is told") {
  StoreDirectory store;
  SegmentBytes segment(1);
  segment.Message("one");
  const LogPosition two = segment.Message("two");
  const LogPosition three = segment.Message("three");
  const auto file = store.Open(segment);
  const auto read = [&](LogPosition at, absl::Span<char> out) {
    CHECK(at + out.size() <= three);
    return file->ReadZeroFilled(at, out);
  };

  SegmentScanner scanner(*file, read, two, three, Groups::kWhole);
  CHECK(ScanAll(scanner) == Words{"message two"});

  // One that ends behind `to` is none.
  SegmentScanner shorter(*file, read, two, LogPosition(three.value() - 8), Groups::kWhole);
  ScannedRecord record;
  CHECK(Next(shorter, &record) == Step::kInvalid);
}

TEST_CASE("a group is one record in the tail; where the log is known to be whole, members count") {
  StoreDirectory store;
  SegmentBytes segment(0);
  segment.Message("before");
  segment.Group({"one", "two", "three"});
  segment.Message("behind");
  const auto file = store.Open(segment);

  CHECK(ScanAll(*file, segment.end(), Groups::kWhole) ==
        Words{"message before", "group", "message behind"});
  CHECK(ScanAll(*file, segment.end(), Groups::kMembers) ==
        Words{"message before", "group", "message one", "message two", "message three",
              "message behind"});
}

TEST_CASE(
    "a group with a torn member is not there, and what stands before the tear is not behind") {
  StoreDirectory store;
  SegmentBytes segment(0);
  const LogPosition group = segment.Group({"one", "two", "three"});
  const LogPosition two = group + kRecordHeaderBytes + RecordBytes(0, 3);
  segment.Damage(two);
  const auto file = store.Open(segment);

  SegmentScanner whole = ScannerOf(*file, segment.end(), Groups::kWhole);
  ScannedRecord record;
  REQUIRE(Next(whole, &record) == Step::kInvalid);
  CHECK(whole.position() == group);
  CHECK(whole.resync_from() > two);
  REQUIRE(*whole.Resync(whole.resync_from()));
  CHECK(ScanAll(whole) == Words{"message three"});
  CHECK(ScanAll(*file, segment.end(), Groups::kMembers) ==
        Words{"group", "message one", "invalid", "message three"});

  // A write that was torn there: nothing is behind it.
  REQUIRE(file->Truncate(two + 8).ok());
  SegmentScanner torn = ScannerOf(*file, file->limit(), Groups::kWhole);
  REQUIRE(Next(torn, &record) == Step::kInvalid);
  CHECK_FALSE(*torn.Resync(torn.resync_from()));
}

TEST_CASE("a member that reaches beyond its group makes the group invalid") {
  StoreDirectory store;
  SegmentBytes segment(0);
  const LogPosition group = segment.Group({"one", "two"});
  segment.Message("behind");
  const LogPosition two = group + kRecordHeaderBytes + RecordBytes(0, 3);
  char* const member = segment.At(two);
  // Valid by itself: as long as itself and the record behind the group.
  StoreWord(member, -static_cast<int32_t>(segment.end() - two));
  Publish(member, Seal(member, two, kIncarnation));
  const auto file = store.Open(segment);

  CHECK(ScanAll(*file, segment.end(), Groups::kWhole).front() == "invalid");
}

TEST_CASE("damage moves nothing, and the neighbours stay readable") {
  StoreDirectory store;
  SegmentBytes segment(0);
  segment.Message("one");
  const LogPosition bad = segment.Message("two");
  segment.Message("three");
  segment.Rubbish(24, '\x77');
  segment.Message("four");
  segment.Damage(bad);
  const auto file = store.Open(segment);
  SegmentScanner scanner = ScannerOf(*file, file->limit(), Groups::kWhole);

  ScannedRecord record;
  REQUIRE(Next(scanner, &record) == Step::kRecord);
  CHECK(Next(scanner, &record) == Step::kInvalid);
  CHECK(scanner.position() == bad);
  CHECK(ScanAll(*file, file->limit()) ==
        Words{"message one", "invalid", "message three", "invalid", "message four", "invalid"});
}

TEST_CASE("what a file held before it was recycled is found nowhere") {
  StoreDirectory store;
  SegmentBytes old(1);
  for (int i = 0; i < 20; ++i) old.Message("old");
  // The same bytes at the same place of a later segment, behind its own header.
  SegmentBytes segment(2);
  segment.Message("new");
  const std::string stale = old.bytes().substr(segment.bytes().size());
  store.Put(segment);
  store.disk.WriteFile("/store/" + segment.name(), segment.bytes() + stale);
  const auto file = SegmentFile::Open(*store.directory, segment.name(), OpenMode::kRead, 1);
  REQUIRE(file.ok());

  CHECK(ScanAll(**file, (*file)->limit()) == Words{"message new", "invalid"});
}

TEST_CASE("behind an open record another incarnation is expected, and the file knows it then") {
  StoreDirectory store;
  SegmentBytes segment(0);
  segment.Message("one");
  segment.OpenTwice(2);
  const LogPosition two = segment.Message("two");
  const auto file = store.Open(segment);

  CHECK(ScanAll(*file, segment.end()) == Words{"message one", "open", "open", "message two"});
  CHECK(file->IncarnationAt(LogPosition(two.value() - 8)) == kIncarnation);
  CHECK(file->IncarnationAt(two) == 2);
}

TEST_CASE("if one copy of an open record is damaged, the other one serves") {
  for (const bool first : {true, false}) {
    StoreDirectory store;
    SegmentBytes segment(0);
    const LogPosition open = segment.OpenTwice(2);
    const LogPosition two = segment.Message("two");
    segment.Damage(first ? open : SecondOpenCopy(open, kSegment));
    const auto file = store.Open(segment);
    const Words found = ScanAll(*file, segment.end());
    CHECK(found == (first ? Words{"invalid", "open", "message two"}
                          : Words{"open", "invalid", "message two"}));
    CHECK(file->IncarnationAt(two) == 2);
  }
}

TEST_CASE("without any copy of an open record only who knows the incarnation finds its records") {
  StoreDirectory store;
  SegmentBytes segment(0);
  const LogPosition open = segment.OpenTwice(2);
  const LogPosition two = segment.Message("two");
  segment.Message("three");
  segment.Damage(open);
  segment.Damage(SecondOpenCopy(open, kSegment));
  const auto file = store.Open(segment);
  CHECK(ScanAll(*file, segment.end()) == Words{"invalid"});

  SegmentScanner scanner = ScannerOf(*file, segment.end(), Groups::kMembers);
  scanner.AddIncarnation(2);
  CHECK(ScanAll(scanner) == Words{"invalid", "message two", "message three"});
  CHECK(file->IncarnationAt(two) == 2);
}

TEST_CASE("an open record that announces something impossible is damage") {
  StoreDirectory store;
  SegmentBytes segment(1);
  segment.Open(2, segment.header().begin);  // behind itself
  segment.Open(2, segment.limit());         // far away
  segment.Record(RecordType::kOpen, "too short");
  segment.Message("one");
  const auto file = store.Open(segment);

  CHECK(ScanAll(*file, segment.end()) == Words{"invalid", "invalid", "invalid", "message one"});
  CHECK(file->incarnations().size() == 1);
}

TEST_CASE("a mark names a durable end that lies before it, or is not believed") {
  StoreDirectory store;
  SegmentBytes segment(1);
  const LogPosition begin = segment.header().begin;
  const auto add = [&](uint64_t durable, int64_t time) {
    std::string body(kMarkBodyBytes, '\0');
    Store<uint64_t>(body.data(), durable);
    Store<int64_t>(body.data() + 8, time);
    segment.Record(RecordType::kMark, body);
  };
  add(begin.value(), 77);
  add(segment.limit().value(), 78);
  add(begin.value() + 1, 79);
  segment.Record(RecordType::kMark, "short");
  segment.Message("one");
  const auto file = store.Open(segment);
  SegmentScanner scanner = ScannerOf(*file, segment.end(), Groups::kMembers);

  ScannedRecord record;
  REQUIRE(Next(scanner, &record) == Step::kRecord);
  const auto mark = DecodeMark(record);
  REQUIRE(mark);
  CHECK(mark->durable_end == begin);
  CHECK(mark->synced_at == 77);
  for (int i = 0; i < 4; ++i) {
    REQUIRE(Next(scanner, &record) == Step::kRecord);
    CHECK_FALSE(DecodeMark(record));
    CHECK_FALSE(DecodeOpen(record));
  }
}

TEST_CASE("a read that fails is told, and what cannot be read is passed over") {
  StoreDirectory store;
  SegmentBytes segment(0);
  segment.Message("one");
  const auto file = store.Open(segment);
  SegmentScanner scanner = ScannerOf(*file, segment.end(), Groups::kMembers);
  ScannedRecord record;
  store.disk.Inject(InputOutputError({.kind = OperationKind::kRead, .times = Fault::kForEver}));

  CHECK(absl::IsDataLoss(scanner.Next(&record).status()));
  const auto found = scanner.Resync(scanner.resync_from());
  REQUIRE(found.ok());
  CHECK_FALSE(*found);
  store.disk.ClearFaults();
  store.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kRead, .times = 2}));
  CHECK(absl::IsUnavailable(scanner.Resync(scanner.resync_from()).status()));
  store.disk.ClearFaults();

  CHECK(ScanAll(scanner) == Words{"message one"});
}

TEST_CASE("records of any size are found whole, and what a filler covers is not read") {
  constexpr uint64_t kLarge = uint64_t{8} << 20;
  StoreDirectory store;
  SegmentBytes segment(SampleHeader(0, kLarge));
  Words expected;
  for (const size_t bytes : {10u, 20'000u, 1u, 3'000'000u, 100u}) {
    expected.push_back("message " + std::string(bytes, static_cast<char>('a' + bytes % 7)));
    segment.Message(expected.back().substr(8));
  }
  const uint64_t records = segment.bytes().size();
  segment.Fill();
  expected.emplace_back("filler");
  const auto file = store.Open(segment);
  uint64_t bytes_read = 0;
  SegmentScanner scanner(
      *file,
      [&](LogPosition at, absl::Span<char> out) {
        bytes_read += out.size();
        return file->ReadZeroFilled(at, out);
      },
      file->begin(), file->limit(), Groups::kWhole);

  CHECK(ScanAll(scanner) == expected);
  CHECK(bytes_read < records + (uint64_t{2} << 20));
}

TEST_CASE("all incarnations of a sealed file are found, over damage too") {
  StoreDirectory store;
  SegmentBytes segment(0);
  const LogPosition bad = segment.Message("one");
  segment.OpenTwice(2);
  segment.Message("two");
  segment.OpenTwice(3);
  const LogPosition three = segment.Message("three");
  segment.Damage(bad);
  const auto file = store.Open(segment);

  REQUIRE(CompleteIncarnations(*file).ok());

  CHECK(file->incarnations_are_complete());
  CHECK(file->IncarnationAt(three) == 3);
}

}  // namespace
}  // namespace weir::testing
