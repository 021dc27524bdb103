#include "log/record_copier.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/sample_segment.h"

namespace weir::testing {
namespace {

using Gaps = std::vector<std::pair<LogPosition, LogPosition>>;

// Copies a segment into an empty one of the same place.
struct Copy {
  explicit Copy(const SegmentBytes& segment) : source(store.Open(segment)) {
    SegmentHeader header = segment.header();
    ++header.generation;
    target = store.Open(SegmentBytes(header));
  }

  absl::Status Run(LogPosition end, const Front* front = nullptr,
                   LogPosition ring_begin = LogPosition(0)) {
    RecordCopier copier({.file = *source,
                         .begin = source->begin(),
                         .end = end,
                         .front = front,
                         .ring_begin = ring_begin});
    const absl::Status status =
        copier.CopyTo(*target, [this](LogPosition begin, LogPosition gap_end) {
          gaps.emplace_back(begin, gap_end);
          return gap_status;
        });
    last_store_time = copier.last_store_time();
    return status;
  }

  // What stands in the new file behind its header.
  std::string Copied() const {
    return store.disk.ReadFile("/store/" + target->name()).substr(kSegmentHeaderBytes);
  }

  StoreDirectory store;
  std::shared_ptr<SegmentFile> source;
  std::shared_ptr<SegmentFile> target;
  Gaps gaps;
  absl::Status gap_status;
  int64_t last_store_time = 0;
};

// A front whose ring holds the segment's bytes from `begin` on.
std::unique_ptr<Front> FrontWith(FaultFileSystem& disk, SegmentBytes& segment, LogPosition begin) {
  auto memory = disk.CreatePrivate({.header_bytes = kFrontHeaderBytes, .ring_bytes = 4 * kSegment});
  REQUIRE(memory.ok());
  auto front = std::make_unique<Front>(*std::move(memory), kSegment, kIncarnation);
  front->Begin(segment.end());
  std::memcpy(front->At(begin), segment.At(begin), segment.end() - begin);
  return front;
}

TEST_CASE("every record is written where it was, of whatever type") {
  SegmentBytes segment(3);
  segment.Message("one");
  segment.Group({"two", "three"});
  segment.Record(RecordType::kVoid, "");
  segment.OpenTwice(2);
  segment.Message("four");
  Copy copy(segment);

  REQUIRE(copy.Run(segment.end()).ok());

  CHECK(copy.gaps.empty());
  CHECK(copy.Copied() == segment.bytes().substr(kSegmentHeaderBytes));
  CHECK(copy.last_store_time == kStoreTime);
}

TEST_CASE("of a filler only its header is copied, and it still ends the segment") {
  SegmentBytes segment(0);
  segment.Message("one");
  const LogPosition filler = segment.Fill();
  Copy copy(segment);

  REQUIRE(copy.Run(segment.end()).ok());

  CHECK(copy.gaps.empty());
  CHECK(copy.Copied().size() == filler.value() + kRecordHeaderBytes - kSegmentHeaderBytes);
  CHECK(ScanAll(*copy.target, copy.target->limit()) == Words{"message one", "filler"});
}

TEST_CASE("a stretch without a valid record is told from end to end and not copied") {
  SegmentBytes segment(1);
  segment.Message("one");
  const LogPosition bad = segment.Message("two");
  segment.Rubbish(64, '\x55');
  const LogPosition three = segment.Message("three");
  const LogPosition tail = segment.end();
  segment.Rubbish(200, '\x55');
  segment.Damage(bad);
  Copy copy(segment);

  REQUIRE(copy.Run(segment.end()).ok());

  CHECK(copy.gaps == Gaps{{bad, three}, {tail, segment.end()}});
  const std::string copied = copy.Copied();
  CHECK(copied.size() == (tail - segment.header().begin) - kSegmentHeaderBytes);
  CHECK(copied.substr(bad - segment.header().begin - kSegmentHeaderBytes, three - bad) ==
        std::string(three - bad, '\0'));
  CHECK(ScanAll(*copy.target, tail) == Words{"message one", "invalid", "message three"});
}

TEST_CASE("of a group with a bad member the others are copied") {
  SegmentBytes segment(0);
  const LogPosition group = segment.Group({"one", "two", "three"});
  const LogPosition two = group + kRecordHeaderBytes + RecordBytes(0, 3);
  const LogPosition three = two + RecordBytes(0, 3);
  segment.Damage(two);
  Copy copy(segment);

  REQUIRE(copy.Run(segment.end()).ok());

  CHECK(copy.gaps == Gaps{{two, three}});
  CHECK(ScanAll(*copy.target, segment.end()) ==
        Words{"group", "message one", "invalid", "message three"});
}

TEST_CASE("whoever is told of a gap can end the copy") {
  SegmentBytes segment(0);
  const LogPosition bad = segment.Message("one");
  segment.Message("two");
  segment.Damage(bad);
  Copy copy(segment);
  copy.gap_status = absl::AbortedError("enough");

  CHECK(absl::IsAborted(copy.Run(segment.end())));
  CHECK(copy.Copied().empty());
}

TEST_CASE("what the front holds comes from there, whatever the file makes of it") {
  SegmentBytes segment(2);
  segment.Message("from the file");
  const LogPosition across = segment.Message("partly from the front");
  segment.Message("only from the front");
  // The begin of the front is no record's begin.
  const LogPosition ring_begin = across + 16;
  SegmentBytes in_file = segment;
  std::memset(in_file.At(ring_begin), 0x55, segment.end() - ring_begin);
  Copy copy(in_file);
  const auto front = FrontWith(copy.store.disk, segment, ring_begin);

  SECTION("with the front nothing is lost") {
    REQUIRE(copy.Run(segment.end(), front.get(), ring_begin).ok());
    CHECK(copy.gaps.empty());
    CHECK(copy.Copied() == segment.bytes().substr(kSegmentHeaderBytes));
  }
  SECTION("without it that part is a gap") {
    REQUIRE(copy.Run(segment.end()).ok());
    CHECK(copy.gaps == Gaps{{across, segment.end()}});
  }
  SECTION("the file need not even be readable where the front has everything") {
    copy.store.disk.Inject(
        InputOutputError({.kind = OperationKind::kRead, .times = Fault::kForEver}));
    const auto all = FrontWith(copy.store.disk, segment, segment.header().begin);
    REQUIRE(copy.Run(segment.end(), all.get(), segment.header().begin).ok());
    CHECK(copy.gaps.empty());
    CHECK(copy.Copied() == segment.bytes().substr(kSegmentHeaderBytes));
  }
}

TEST_CASE("what the device does not give is no gap: the copy ends, and may be made another time") {
  constexpr uint64_t kLarge = uint64_t{4} << 20;
  SegmentBytes segment(SampleHeader(0, kLarge));
  for (int i = 0; i < 30; ++i) segment.Message(std::string(100'000, 'x'));
  const LogPosition in_front = segment.Message("in the front");
  const auto nth = GENERATE(1u, 2u, 4u);
  Copy copy(segment);
  // The second try asks for less.
  copy.store.disk.Inject(InputOutputError({.kind = OperationKind::kRead, .nth = nth, .times = 2}));
  const auto front = FrontWith(copy.store.disk, segment, in_front);

  SECTION("also where the front has the rest") {
    CHECK(IsFromDevice(copy.Run(segment.end(), front.get(), in_front)));
  }
  SECTION("without a front") { CHECK(IsFromDevice(copy.Run(segment.end()))); }
  CHECK(copy.gaps.empty());

  REQUIRE(copy.Run(segment.end()).ok());
  CHECK(copy.gaps.empty());
  CHECK(copy.Copied() == segment.bytes().substr(kSegmentHeaderBytes));
}

TEST_CASE("a read that fails for a reason that may pass is no gap: the copy is tried again") {
  SegmentBytes segment(0);
  segment.Message("one");
  Copy copy(segment);
  copy.store.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kRead}));

  CHECK(absl::IsUnavailable(copy.Run(segment.end())));
  CHECK(copy.gaps.empty());
  REQUIRE(copy.Run(segment.end()).ok());
  CHECK(copy.Copied() == segment.bytes().substr(kSegmentHeaderBytes));
}

TEST_CASE("a failing target ends the copy") {
  SegmentBytes segment(1);
  segment.Message("one");
  Copy copy(segment);

  copy.store.disk.Inject(DiskFull({.kind = OperationKind::kWrite}));
  CHECK(absl::IsResourceExhausted(copy.Run(segment.end())));
  CHECK(copy.gaps.empty());
}

TEST_CASE("only what lies between the ends is looked at") {
  SegmentBytes segment(0);
  segment.Message("one");
  const LogPosition two = segment.Message("two");
  const LogPosition three = segment.Message("three");
  segment.Damage(three);
  Copy copy(segment);

  RecordCopier copier({.file = *copy.source, .begin = two, .end = three});
  REQUIRE(copier
              .CopyTo(*copy.target,
                      [](LogPosition, LogPosition) { return absl::InternalError("a gap"); })
              .ok());

  CHECK(copy.Copied().substr(0, two.value() - kSegmentHeaderBytes) ==
        std::string(two.value() - kSegmentHeaderBytes, '\0'));
  CHECK(copy.Copied().size() == three.value() - kSegmentHeaderBytes);
  CHECK(copier.bytes_read() == three - two);
}

}  // namespace
}  // namespace weir::testing
