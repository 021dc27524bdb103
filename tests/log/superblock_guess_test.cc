// What the segments of a store tell of the superblock that it lost.

#include "log/superblock_guess.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "format/front_layout.h"
#include "log/sample_segment.h"

namespace weir::testing {
namespace {

constexpr uint64_t kNext = 0x2222;
constexpr uint64_t kLater = 0x3333;
constexpr absl::string_view kBoot = "this boot, 16 b.";

SegmentHeader HeaderOf(uint64_t number, uint64_t incarnation) {
  SegmentHeader header = SampleHeader(number);
  header.incarnation = incarnation;
  return header;
}

Uuid OtherStore() {
  Uuid other;
  other.fill(0x0E);
  return other;
}

// A directory that lost its superblock.
class Store : public StoreDirectory {
 public:
  Store() { disk.SetBootId(std::string(kBoot)); }

  absl::StatusOr<Superblock> TryGuess() { return GuessSuperblock(disk, *directory); }
  Superblock Guess() {
    const auto guess = TryGuess();
    INFO(guess.status());
    REQUIRE(guess.ok());
    return *guess;
  }
  // The front of a writer, as his death left it.
  void PutFront(uint64_t incarnation, const Uuid& store = SampleStore()) {
    auto front = disk.CreateShared("", FrontName(incarnation),
                                   {.header_bytes = kFrontHeaderBytes, .ring_bytes = 16384});
    REQUIRE(front.ok());
    auto& header = *reinterpret_cast<FrontHeader*>((*front)->header());
    WriteFrontIdentity(header, {.store = store, .incarnation = incarnation});
  }
  void PutRecords(uint64_t number, uint64_t incarnation = kIncarnation) {
    SegmentBytes segment(HeaderOf(number, incarnation));
    segment.Message("one");
    Put(segment);
  }
};

TEST_CASE("a guess takes what verifies for durable, and the log for one that was not closed") {
  Store store;
  store.PutRecords(1);
  store.PutRecords(2, kNext);
  store.Put(SegmentBytes(HeaderOf(3, kLater)));  // prepared
  store.disk.WriteFile("/store/notes", "");      // somebody else's

  const Superblock guess = store.Guess();

  CHECK(guess.store == SampleStore());
  CHECK(guess.segment_bytes == kSegment);
  CHECK(guess.sequence == 1);
  CHECK(guess.log_begin == LogPosition(kSegment));
  CHECK(guess.durable_end == LogPosition(2 * kSegment));
  CHECK(guess.durable_incarnation == kNext);
  CHECK(guess.prepared_end == LogPosition(4 * kSegment));
  CHECK(guess.incarnation == kLater);
  CHECK(std::string(guess.boot.begin(), guess.boot.end()) == kBoot);
  CHECK(guess.front == FrontKind::kShared);
  CHECK_FALSE(guess.is_clean);
}

TEST_CASE("of a log in which no record verifies the oldest file is where it was durable") {
  Store store;
  for (uint64_t number = 1; number < 4; ++number) store.Put(SegmentBytes(number));

  CHECK(store.Guess().durable_end == LogPosition(kSegment));
}

TEST_CASE("a record is found with the writer of any file, and counts for the file it is in") {
  Store store;
  SegmentBytes segment(HeaderOf(2, kNext));
  segment.SetIncarnation(kIncarnation);  // no open record tells of it
  segment.Message("one");
  store.Put(SegmentBytes(1));
  store.Put(segment);

  CHECK(store.Guess().durable_end == LogPosition(2 * kSegment));
}

TEST_CASE("the log began where any name of a segment or of its index file is, whole or not") {
  Store store;
  store.PutRecords(5);
  store.disk.WriteFile("/store/" + SegmentFileName({LogPosition(4 * kSegment)}), "rubbish");
  CHECK(store.Guess().log_begin == LogPosition(4 * kSegment));

  store.disk.WriteFile("/store/" + IndexFileName(LogPosition(3 * kSegment)), "");
  CHECK(store.Guess().log_begin == LogPosition(3 * kSegment));
  // A name that is none of this store's does not put it between two segments.
  store.disk.WriteFile("/store/" + IndexFileName(LogPosition(2 * kSegment + 8)), "");
  CHECK(store.Guess().log_begin == LogPosition(2 * kSegment));
}

TEST_CASE("the store is that of most files: one of another store may have got in") {
  Store store;
  SegmentHeader stranger = HeaderOf(9, kLater);
  stranger.store = OtherStore();
  store.Put(SegmentBytes(stranger));
  store.PutRecords(1);
  store.PutRecords(2);

  const Superblock guess = store.Guess();

  CHECK(guess.store == SampleStore());
  CHECK(guess.prepared_end == LogPosition(3 * kSegment));
}

TEST_CASE("of a replaced file the newer generation counts as well") {
  Store store;
  store.PutRecords(1);
  SegmentHeader header = HeaderOf(1, kIncarnation);
  header.generation = 1;
  SegmentBytes replacement(header);
  replacement.Message("one");
  store.Put(replacement);

  const Superblock guess = store.Guess();

  CHECK(guess.durable_end == LogPosition(kSegment));
  CHECK(guess.prepared_end == LogPosition(2 * kSegment));
}

TEST_CASE("without a whole header nothing says what the store was") {
  Store store;
  CHECK(absl::IsDataLoss(store.TryGuess().status()));

  store.disk.WriteFile("/store/" + SegmentFileName({LogPosition(0)}), "rubbish");
  store.disk.PlantSpecialFile("/store/" + SegmentFileName({LogPosition(kSegment)}));
  CHECK(absl::IsDataLoss(store.TryGuess().status()));
}

TEST_CASE("a header of a newer format ends the guessing, and so does what may pass") {
  Store store;
  store.PutRecords(1);
  std::string bytes = SegmentBytes(2).bytes();
  for (const size_t at : {size_t{0}, size_t{kSegmentHeaderCopyBytes}}) {
    std::reverse(bytes.begin() + static_cast<ptrdiff_t>(at),
                 bytes.begin() + static_cast<ptrdiff_t>(at) + 8);
  }
  const std::string newer = "/store/" + SegmentFileName({LogPosition(2 * kSegment)});
  store.disk.WriteFile(newer, bytes);
  CHECK(absl::IsInvalidArgument(store.TryGuess().status()));
  store.disk.RemoveFile(newer);

  for (const OperationKind kind :
       {OperationKind::kList, OperationKind::kOpen, OperationKind::kRead}) {
    store.disk.Inject(TooManyOpenFiles({.kind = kind}));
    CHECK(absl::IsUnavailable(store.TryGuess().status()));
    store.disk.ClearFaults();
  }
}

TEST_CASE("a file that can no longer be opened names no writer and has no record") {
  Store store;
  store.PutRecords(1);
  store.PutRecords(2);
  // The first look finds both headers, and from then on the device gives nothing.
  store.disk.Inject(InputOutputError({.kind = OperationKind::kOpen, .nth = 3, .times = 100}));

  const Superblock guess = store.Guess();

  CHECK(guess.durable_end == LogPosition(kSegment));
  CHECK(guess.incarnation == kIncarnation);
}

// --- The front

TEST_CASE("the writer is whose front is there: of the newest file, or of an open record in it") {
  Store store;
  SegmentBytes segment(HeaderOf(2, kNext));
  segment.Message("one");
  segment.OpenTwice(kLater);
  store.Put(segment);
  store.PutRecords(1);

  CHECK(store.Guess().incarnation == kNext);
  store.PutFront(kIncarnation);
  CHECK(store.Guess().incarnation == kIncarnation);
  store.PutFront(kNext);
  CHECK(store.Guess().incarnation == kNext);
  store.PutFront(kLater);
  CHECK(store.Guess().incarnation == kLater);
}

TEST_CASE("a front of another store decides nothing") {
  Store store;
  store.PutRecords(1);
  SegmentBytes segment(HeaderOf(2, kNext));
  segment.OpenTwice(kLater);
  store.Put(segment);
  store.PutFront(kLater, OtherStore());

  CHECK(store.Guess().incarnation == kNext);
}

TEST_CASE("of a file that the device gives in part what is read names the writer") {
  Store store;
  SegmentBytes segment(HeaderOf(1, kNext));
  segment.Message("one");
  store.Put(segment);
  store.PutFront(kNext);
  // The headers can be read, and what stands behind them cannot.
  store.disk.Inject(InputOutputError({.kind = OperationKind::kRead, .nth = 2, .times = 1000}));

  // Nor can the header be read again, so nothing is known but what was read first.
  CHECK(store.Guess().incarnation == kNext);
}

// --- A superblock that is behind the times

Superblock Behind() {
  Superblock superblock;
  superblock.store = SampleStore();
  superblock.incarnation = kIncarnation;
  superblock.is_clean = true;
  return superblock;
}

TEST_CASE("a superblock that is behind the times learns of a front that the newest files name") {
  Store store;
  store.PutRecords(1);
  store.PutRecords(2, kNext);
  SegmentHeader stranger = HeaderOf(3, kLater);
  stranger.store = OtherStore();
  store.Put(SegmentBytes(stranger));
  store.disk.WriteFile("/store/" + SegmentFileName({LogPosition(0)}), "rubbish");
  store.disk.WriteFile("/store/notes", "");
  store.PutFront(kNext);

  Superblock superblock = Behind();
  GuessFront(store.disk, *store.directory, &superblock);

  CHECK(superblock.incarnation == kNext);
  CHECK(superblock.front == FrontKind::kShared);
  CHECK_FALSE(superblock.is_clean);
  CHECK(std::string(superblock.boot.begin(), superblock.boot.end()) == kBoot);
}

TEST_CASE("without a front that belongs here a superblock stays as it is") {
  Store store;
  store.PutRecords(1);
  Superblock superblock = Behind();

  GuessFront(store.disk, *store.directory, &superblock);
  CHECK(superblock == Behind());

  store.PutFront(kIncarnation);
  store.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kList}));
  GuessFront(store.disk, *store.directory, &superblock);
  CHECK(superblock == Behind());
}

}  // namespace
}  // namespace weir::testing
