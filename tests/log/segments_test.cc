// The list of segments: what is loaded from a directory, found, opened and closed again.

#include "log/segments.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/promise.h"
#include "log/sample_segment.h"

namespace weir::testing {
namespace {

using Numbers = std::vector<uint64_t>;

struct List {
  void Put(uint64_t number) { store.Put(SegmentBytes(number)); }
  // With a record behind its header.
  void PutFull(uint64_t number) {
    SegmentBytes segment(number);
    segment.Message("one");
    store.Put(segment);
  }
  // A segment before which the log ends at `predecessor_end`.
  void PutBehindCut(uint64_t number, LogPosition predecessor_end) {
    SegmentHeader header = SampleHeader(number);
    header.predecessor_end = predecessor_end;
    store.Put(SegmentBytes(header));
  }
  absl::Status Load(uint64_t first = 0, LogPosition durable_end = LogPosition(0)) {
    missing.clear();
    return segments.Load(Begin(first), durable_end, &missing);
  }
  static LogPosition Begin(uint64_t number) { return LogPosition(number * kSegment); }
  Numbers InList() const {
    Numbers numbers;
    for (const SegmentEntry& entry : segments.entries()) {
      numbers.push_back(entry.begin().value() / kSegment);
    }
    return numbers;
  }

  StoreDirectory store;
  BlockCache cache{1 << 20};
  Segments segments{store.directory.get(), OpenMode::kReadWrite, SampleStore(), kSegment, &cache};
  std::vector<DamagedRange> missing;
};

TEST_CASE("an empty directory is an empty list") {
  List list;
  REQUIRE(list.Load().ok());

  CHECK(list.InList().empty());
  CHECK(list.missing.empty());
  CHECK(list.segments.prepared_end() == LogPosition(0));
  CHECK_FALSE(list.segments.GoOn(LogPosition(0)));
  CHECK(absl::IsNotFound(list.segments.Find(LogPosition(0)).status()));
}

TEST_CASE("segments follow each other, whatever else lies in the directory") {
  List list;
  for (const uint64_t number : {4u, 2u, 3u}) list.PutFull(number);
  list.store.disk.WriteFile("/store/LOCK", "7\n");
  list.store.disk.WriteFile("/store/" + TemporaryName(SegmentFileName({List::Begin(9)})), "x");
  REQUIRE(list.Load(2).ok());

  CHECK(list.InList() == Numbers{2, 3, 4});
  CHECK(list.missing.empty());
  CHECK(list.segments.begin() == List::Begin(2));
  CHECK(list.segments.prepared_end() == List::Begin(5));
  CHECK(list.segments.EntryAt(LogPosition(4 * kSegment - 1))->begin() == List::Begin(3));
  CHECK(list.segments.GoOn(List::Begin(3) + 77)->begin() == List::Begin(3));
  CHECK_FALSE(list.segments.GoOn(List::Begin(5)));
  const auto file = list.segments.Find(List::Begin(3) + 77);
  REQUIRE(file.ok());
  CHECK((*file)->begin() == List::Begin(3));
  CHECK(absl::IsNotFound(list.segments.Find(List::Begin(5)).status()));
  CHECK(absl::IsOutOfRange(list.segments.Find(List::Begin(1)).status()));
}

TEST_CASE("at a cut the log ends where the next header says, and goes on there") {
  List list;
  const LogPosition cut = List::Begin(1) + 2000;
  list.PutFull(0);
  list.PutFull(1);
  list.PutBehindCut(3, cut);
  REQUIRE(list.Load().ok());

  CHECK(list.missing.empty());
  CHECK(list.InList() == Numbers{0, 1, 3});
  CHECK(list.segments.EntryAt(cut)->end() == cut);
  CHECK(list.segments.GoOn(LogPosition(cut.value() - 8))->end() == cut);
  CHECK(list.segments.GoOn(cut)->begin() == List::Begin(3));
  CHECK(list.segments.GoOn(List::Begin(2))->begin() == List::Begin(3));
  CHECK(list.segments.IsCutAt(cut));
  CHECK(list.segments.IsCutAt(List::Begin(2)));
  CHECK_FALSE(list.segments.IsCutAt(LogPosition(cut.value() - 8)));
  CHECK_FALSE(list.segments.IsCutAt(List::Begin(1)));
  CHECK_FALSE(list.segments.IsCutAt(List::Begin(3)));
}

TEST_CASE("files that a cut skipped are no part of the log, whichever of them are still there") {
  for (const bool first_is_there : {true, false}) {
    List list;
    list.PutFull(0);
    if (first_is_there) list.PutFull(1);
    list.PutFull(2);
    list.PutBehindCut(4, List::Begin(0) + 2000);
    REQUIRE(list.Load().ok());

    CHECK(list.InList() == Numbers{0, 4});
    CHECK(list.missing.empty());
    CHECK(list.segments.EntryAt(LogPosition(0))->end() == LogPosition(2000));
  }
}

TEST_CASE("a cut at a border leaves the segment before it whole") {
  List list;
  list.PutFull(0);
  list.PutBehindCut(2, List::Begin(1));
  REQUIRE(list.Load().ok());

  CHECK(list.missing.empty());
  CHECK(list.segments.EntryAt(LogPosition(0))->end() == List::Begin(1));
}

TEST_CASE("numbers without a file that no cut explains are missing, at the begin too") {
  List list;
  for (const uint64_t number : {1u, 2u, 5u, 6u}) list.PutFull(number);
  REQUIRE(list.Load().ok());

  CHECK(list.InList() == Numbers{1, 2, 5, 6});
  REQUIRE(list.missing.size() == 2);
  CHECK(list.missing[0].begin == List::Begin(0));
  CHECK(list.missing[0].end == List::Begin(1));
  CHECK(list.missing[1].begin == List::Begin(3));
  CHECK(list.missing[1].end == List::Begin(5));
  CHECK(list.segments.GoOn(List::Begin(3))->begin() == List::Begin(5));
  CHECK(list.segments.begin() == List::Begin(1));
}

TEST_CASE("the newest file is missing as well if the log was durable behind it") {
  List list;
  list.PutFull(0);
  REQUIRE(list.Load(0, List::Begin(1)).ok());
  CHECK(list.missing.empty());
  REQUIRE(list.Load(0, List::Begin(2) + 100).ok());
  REQUIRE(list.missing.size() == 1);
  CHECK(list.missing[0].begin == List::Begin(1));
  CHECK(list.missing[0].end == List::Begin(2) + 100);
}

TEST_CASE("empty files behind a gap and the durable end are no loss: they were being made anew") {
  List list;
  list.PutFull(0);
  list.Put(2);
  list.Put(3);
  REQUIRE(list.Load(0, List::Begin(0) + 2000).ok());
  CHECK(list.InList() == Numbers{0});
  CHECK(list.missing.empty());

  // Below the durable end there was something once, and a record is something.
  REQUIRE(list.Load(0, List::Begin(2)).ok());
  CHECK(list.InList() == Numbers{0, 2, 3});
  CHECK(list.missing.size() == 1);
  list.PutFull(2);
  REQUIRE(list.Load(0, List::Begin(0) + 2000).ok());
  CHECK(list.InList() == Numbers{0, 2, 3});
  CHECK(list.missing.size() == 1);
}

TEST_CASE("of several generations the highest serves whose header is whole and of this store") {
  List list;
  list.PutFull(0);
  SegmentHeader header = SampleHeader(0);
  for (header.generation = 1; header.generation <= 2; ++header.generation) {
    list.store.Put(SegmentBytes(header));
  }
  const std::string newest = "/store/" + SegmentFileName({LogPosition(0), 2});
  const auto serving = [&] {
    REQUIRE(list.Load().ok());
    REQUIRE(list.InList() == Numbers{0});
    return (*list.segments.Find(LogPosition(0)))->header().generation;
  };

  CHECK(serving() == 2);
  header.generation = 2;
  header.store.fill(1);
  list.store.disk.WriteFile(newest, EncodeSegmentHeader(header));
  CHECK(serving() == 1);
  list.store.disk.WriteFile(newest, "");
  CHECK(serving() == 1);
  list.store.disk.WriteFile("/store/" + SegmentFileName({LogPosition(0), 1}), "");
  CHECK(serving() == 0);
}

TEST_CASE("an error that may pass ends the loading; a header that is damaged does not") {
  List list;
  list.PutFull(0);
  list.PutFull(2);
  for (const OperationKind kind : {OperationKind::kList, OperationKind::kOpen}) {
    list.store.disk.Inject(TooManyOpenFiles({.kind = kind}));
    CHECK(absl::IsUnavailable(list.Load()));
  }
  list.store.disk.WriteFile("/store/" + SegmentFileName({List::Begin(2)}), "");
  REQUIRE(list.Load().ok());
  CHECK(list.InList() == Numbers{0, 2});
  CHECK(list.missing.size() == 1);
  CHECK(absl::IsDataLoss(list.segments.Find(List::Begin(2)).status()));
}

TEST_CASE("a list that cannot be loaded anew stays what it was") {
  List list;
  for (const uint64_t number : {0u, 1u, 3u}) list.PutFull(number);
  REQUIRE(list.Load().ok());
  list.PutFull(5);

  for (const OperationKind kind : {OperationKind::kList, OperationKind::kOpen}) {
    list.store.disk.Inject(TooManyOpenFiles({.kind = kind}));
    CHECK(absl::IsUnavailable(list.Load()));
    CHECK(list.InList() == Numbers{0, 1, 3});
    CHECK(list.segments.prepared_end() == List::Begin(4));
    CHECK(list.segments.Find(List::Begin(3)).ok());
  }
  REQUIRE(list.Load().ok());
  CHECK(list.InList() == Numbers{0, 1, 3, 5});
}

TEST_CASE("files of another store or of other borders are not served") {
  List list;
  SegmentHeader header = SampleHeader(0);
  header.store.fill(1);
  list.store.Put(SegmentBytes(header));
  REQUIRE(list.Load().ok());
  CHECK(absl::IsDataLoss(list.segments.Find(LogPosition(0)).status()));

  list.store.disk.WriteFile("/store/" + SegmentFileName({LogPosition(kSegment / 2)}), "");
  CHECK(absl::IsInvalidArgument(list.Load()));
}

TEST_CASE("what is dropped is refused as dropped, but the newest segment stays") {
  List list;
  for (uint64_t number = 0; number < 4; ++number) list.PutFull(number);
  REQUIRE(list.Load().ok());
  const auto held = list.segments.Find(LogPosition(0));
  REQUIRE(held.ok());

  list.segments.DropBelow(List::Begin(2) + 100);
  CHECK(list.InList() == Numbers{2, 3});
  CHECK(absl::IsOutOfRange(list.segments.Find(List::Begin(1)).status()));
  CHECK(ScanAll(**held, (*held)->limit()).front() == "message one");
  list.segments.DropBelow(List::Begin(100));
  CHECK(list.InList() == Numbers{3});
}

TEST_CASE("a replacement serves at once, and who reads the failed file goes on reading it") {
  List list;
  list.PutFull(0);
  REQUIRE(list.Load().ok());
  const auto failed = *list.segments.Find(LogPosition(0));
  SegmentHeader header = SampleHeader(0);
  header.generation = 1;
  const auto replacement = list.store.Open(SegmentBytes(header));

  list.segments.TakeOver(replacement);

  CHECK(*list.segments.Find(LogPosition(100)) == replacement);
  CHECK(list.segments.entries().front().name.generation == 1);
  CHECK(ScanAll(*failed, failed->limit()).front() == "message one");
}

TEST_CASE("sealed files are closed when many are open; unsynced and newest ones stay") {
  constexpr uint64_t kFiles = 200;
  List list;
  for (uint64_t number = 0; number < kFiles; ++number) list.Put(number);
  REQUIRE(list.Load().ok());
  const auto find = [&](uint64_t number) {
    const auto file = list.segments.Find(List::Begin(number));
    REQUIRE(file.ok());
    return *file;
  };
  find(5)->written_end = 10;  // and synced_end is less
  find(6)->is_poisoned = true;
  for (uint64_t number = 0; number < kFiles; ++number) {
    find(number);
    find(3);  // used all the time
  }

  uint64_t open = 0;
  for (uint64_t number = 0; number < kFiles; ++number) {
    open += list.segments.FindOpen(List::Begin(number)) != nullptr ? 1 : 0;
  }
  CHECK(open <= 128);
  for (const uint64_t kept : {3u, 5u, 6u, 197u, 198u, 199u}) {
    CHECK(list.segments.FindOpen(List::Begin(kept)) != nullptr);
  }
  CHECK(list.segments.FindOpen(List::Begin(0)) == nullptr);
  CHECK(find(0)->begin() == LogPosition(0));
}

TEST_CASE("the file of a segment in use is no spare, and no older one takes its place") {
  List list;
  list.PutFull(0);
  list.PutFull(1);
  REQUIRE(list.Load().ok());
  const std::string name = SegmentFileName({List::Begin(1)});

  list.segments.AddSpare(name);
  CHECK(absl::IsInternal(TakeBroken()));
  REQUIRE(list.segments.RemovePrepared(List::Begin(1) + 100).ok());
  CHECK(list.store.disk.FileExists("/store/" + name));

  // Of a segment that is not in the list.
  const auto file = list.segments.Find(List::Begin(1));
  REQUIRE(file.ok());
  const std::shared_ptr<SegmentFile> held = *file;
  REQUIRE(list.segments.TakeFrom(List::Begin(1)).size() == 1);
  list.segments.TakeOver(held);
  CHECK(absl::IsInternal(TakeBroken()));
  CHECK(list.InList() == Numbers{0});
}

TEST_CASE("a file whose segment would reach over the last position there is belongs to no store") {
  List list;
  list.PutFull(0);
  const LogPosition last(~uint64_t{0} - kSegment + 1);
  list.store.disk.WriteFile("/store/" + SegmentFileName({last}), "");
  CHECK(absl::IsInvalidArgument(list.Load()));
}

TEST_CASE("a file of a generation behind which no newer one fits belongs to no store") {
  List list;
  list.PutFull(0);
  list.store.disk.WriteFile("/store/" + SegmentFileName({LogPosition(kSegment), ~uint64_t{0}}), "");
  CHECK(absl::IsInvalidArgument(list.Load()));
}

}  // namespace
}  // namespace weir::testing
