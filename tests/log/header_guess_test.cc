// Who wrote in segments whose header is gone, as far as the rest of the log tells.

#include "log/header_guess.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "format/index_layout.h"
#include "log/sample_segment.h"

namespace weir::testing {
namespace {

constexpr uint64_t kNext = 0x2222;
constexpr uint64_t kLater = 0x3333;
constexpr uint64_t kWriter = 0x4444;  // who had the store open last

using Incarnations = std::vector<uint64_t>;

// The directory of a store whose superblock names two writers.
class Store : public StoreDirectory {
 public:
  Store() : cache(1 << 20) {
    superblock.store = SampleStore();
    superblock.segment_bytes = kSegment;
    superblock.durable_incarnation = kIncarnation;
    superblock.incarnation = kWriter;
  }
  void PutWithoutHeader(const SegmentBytes& segment) {
    std::string bytes = segment.bytes();
    bytes.replace(0, kSegmentHeaderBytes, kSegmentHeaderBytes, '\0');
    disk.WriteFile("/store/" + segment.name(), bytes);
  }
  void PutIndexHeader(uint64_t number, uint64_t incarnation, size_t bytes = kIndexHeaderBytes) {
    const LogPosition begin(number * kSegment);
    const std::string header = EncodeIndexHeader({.identity = {.store = SampleStore(),
                                                               .segment_begin = begin,
                                                               .segment_end = begin + kSegment,
                                                               .records_end = begin + kSegment,
                                                               .incarnation = incarnation}});
    disk.WriteFile("/store/" + IndexFileName(begin), header.substr(0, bytes));
  }
  // The list of what is in the directory now.
  Segments& Load() {
    segments = std::make_unique<Segments>(directory.get(), OpenMode::kRead, SampleStore(), kSegment,
                                          &cache);
    std::vector<DamagedRange> missing;
    const absl::Status loaded = segments->Load(LogPosition(0), LogPosition(0), &missing);
    INFO(loaded);
    REQUIRE(loaded.ok());
    return *segments;
  }
  absl::Status Guess(LogPosition front_begin = {}, LogPosition front_end = {}) {
    return GuessHeaders(*segments, superblock, front_begin, front_end);
  }
  Incarnations Known() {
    const auto known = KnownIncarnations(Load(), superblock);
    INFO(known.status());
    REQUIRE(known.ok());
    return *known;
  }
  // The records of a segment by its place in the list, or why there are none.
  Words Read(uint64_t number) {
    const auto file = segments->Find(LogPosition(number * kSegment));
    if (!file.ok()) return {"unreadable"};
    Words words = ScanAll(**file, (*file)->limit());
    while (!words.empty() && words.back() == "invalid") words.pop_back();
    return words;
  }

  BlockCache cache;
  Superblock superblock;
  std::unique_ptr<Segments> segments;
};

// --- KnownIncarnations

TEST_CASE("of a log in which nothing is the superblock's two writers are known") {
  CHECK(Store().Known() == Incarnations{kIncarnation, kWriter});
}

TEST_CASE("every writer that a header, an open record or an index file names is known, once") {
  Store store;
  SegmentBytes first(SampleHeader(0));
  first.Message("one");
  first.OpenTwice(kNext);
  store.Put(first);
  SegmentHeader header = SampleHeader(1);
  header.incarnation = kNext;
  store.Put(SegmentBytes(header));
  store.PutWithoutHeader(SegmentBytes(SampleHeader(2)));
  store.PutIndexHeader(2, kLater);

  CHECK(store.Known() == Incarnations{kIncarnation, kNext, kLater, kWriter});
}

TEST_CASE("an open record names both writers also where the file's own header is gone") {
  Store store;
  SegmentHeader header = SampleHeader(0);
  header.incarnation = kNext;
  SegmentBytes segment(header);
  segment.Message("one");
  segment.OpenTwice(kLater);
  store.PutWithoutHeader(segment);

  CHECK(store.Known() == Incarnations{kIncarnation, kNext, kLater, kWriter});
}

TEST_CASE("an open record that does not verify, or makes no sense, names nobody") {
  Store store;
  SegmentBytes segment(0);
  const LogPosition damaged = segment.Open(kNext, segment.end() + 72);
  segment.Damage(damaged);
  segment.Open(kLater, segment.header().begin);  // behind itself
  segment.Record(RecordType::kOpen, "too short");
  // Its length reaches behind the file's limit.
  segment.Rubbish(kRecordHeaderBytes, static_cast<char>(RecordType::kOpen));
  store.Put(segment);

  CHECK(store.Known() == Incarnations{kIncarnation, kWriter});
}

TEST_CASE("an open record at the border of what is read at a time is found all the same") {
  constexpr uint64_t kLarge = uint64_t{2} << 20;
  Store store;
  store.superblock.segment_bytes = kLarge;
  SegmentBytes segment(SampleHeader(0, kLarge));
  segment.Filler((uint64_t{1} << 20) - kSegmentHeaderBytes - 304);
  segment.OpenTwice(kNext);
  store.PutWithoutHeader(segment);
  store.segments = std::make_unique<Segments>(store.directory.get(), OpenMode::kRead, SampleStore(),
                                              kLarge, &store.cache);
  std::vector<DamagedRange> missing;
  REQUIRE(store.segments->Load(LogPosition(0), LogPosition(0), &missing).ok());

  const auto known = KnownIncarnations(*store.segments, store.superblock);

  REQUIRE(known.ok());
  CHECK(*known == Incarnations{kIncarnation, kNext, kWriter});
}

TEST_CASE("an index file that is short or damaged names nobody, and is in nobody's way") {
  Store store;
  store.PutWithoutHeader(SegmentBytes(0));
  const size_t bytes = GENERATE(size_t{0}, size_t{kIndexHeaderBytes - 1});
  store.PutIndexHeader(0, kNext, bytes);
  CHECK(store.Known() == Incarnations{kIncarnation, kWriter});

  std::string damaged = EncodeIndexHeader({});
  store.disk.WriteFile("/store/" + IndexFileName(LogPosition(0)), damaged);
  CHECK(store.Known() == Incarnations{kIncarnation, kWriter});
}

TEST_CASE("what the device does not give names nobody; what may come later is an error") {
  Store store;
  SegmentBytes segment(0);
  segment.OpenTwice(kNext);
  store.PutWithoutHeader(segment);
  store.Load();

  store.disk.Inject(InputOutputError({.kind = OperationKind::kRead, .times = Fault::kForEver}));
  const auto known = KnownIncarnations(*store.segments, store.superblock);
  REQUIRE(known.ok());
  CHECK(*known == Incarnations{kIncarnation, kWriter});
  store.disk.ClearFaults();

  store.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen, .times = Fault::kForEver}));
  CHECK(absl::IsUnavailable(KnownIncarnations(*store.segments, store.superblock).status()));
}

TEST_CASE("what is no file has no writer") {
  Store store;
  store.disk.PlantSpecialFile("/store/" + SegmentFileName({LogPosition(0)}));

  CHECK(store.Known() == Incarnations{kIncarnation, kWriter});
}

// --- GuessHeaders

TEST_CASE("a segment whose header is gone is read with the writer of its first whole record") {
  Store store;
  SegmentBytes first(0);
  first.Message("one");
  first.OpenTwice(kNext);
  first.Fill();
  store.Put(first);
  SegmentHeader header = SampleHeader(1);
  header.incarnation = kNext;
  SegmentBytes second(header);
  second.Damage(second.Message("two"));
  second.Message("three");
  store.PutWithoutHeader(second);
  store.Load();
  REQUIRE(store.Read(1) == Words{"unreadable"});

  REQUIRE(store.Guess().ok());

  CHECK(store.Read(1) == Words{"invalid", "message three"});
  CHECK((*store.segments->Find(second.header().begin))->header() == header);
  CHECK(store.Read(0) == Words{"message one", "open", "open", "filler"});
}

TEST_CASE("a file with a guessed header stays open, however many others are asked for") {
  Store store;
  SegmentBytes guessed(0);
  guessed.Message("one");
  store.PutWithoutHeader(guessed);
  for (uint64_t number = 1; number < 100; ++number) store.Put(SegmentBytes(number));
  store.Load();
  REQUIRE(store.Guess().ok());

  for (uint64_t number = 1; number < 100; ++number) CHECK(store.Read(number).empty());

  CHECK(store.Read(0) == Words{"message one"});
}

TEST_CASE("where nothing verifies no header is guessed, unless the front has records of it") {
  Store store;
  SegmentBytes segment(1);
  segment.Rubbish(500, 'x');
  store.PutWithoutHeader(segment);
  store.Load();
  const LogPosition begin = segment.header().begin;

  REQUIRE(store.Guess().ok());
  CHECK(store.Read(1) == Words{"unreadable"});
  REQUIRE(store.Guess(LogPosition(0), begin).ok());
  CHECK(store.Read(1) == Words{"unreadable"});
  REQUIRE(store.Guess(segment.limit(), segment.limit() + 1).ok());
  CHECK(store.Read(1) == Words{"unreadable"});

  REQUIRE(store.Guess(LogPosition(0), begin + 1).ok());
  const auto file = store.segments->Find(begin);
  REQUIRE(file.ok());
  CHECK((*file)->header().incarnation == kWriter);
}

TEST_CASE("where every header is whole nothing is guessed and nothing is read") {
  Store store;
  store.Put(SegmentBytes(0));
  store.Load();
  REQUIRE(store.segments->Find(LogPosition(0)).ok());
  const uint64_t operations = store.disk.operations();

  REQUIRE(store.Guess().ok());

  CHECK(store.disk.operations() == operations);
}

TEST_CASE("a header of a newer format is nobody's to guess") {
  Store store;
  std::string bytes = SegmentBytes(0).bytes();
  for (const size_t at : {size_t{0}, size_t{kSegmentHeaderCopyBytes}}) {
    std::reverse(bytes.begin() + static_cast<ptrdiff_t>(at),
                 bytes.begin() + static_cast<ptrdiff_t>(at) + 8);
  }
  store.disk.WriteFile("/store/" + SegmentFileName({LogPosition(0)}), bytes);
  store.Load();

  CHECK(absl::IsInvalidArgument(store.Guess()));
}

TEST_CASE("what is no file stays what it is, and the others are guessed") {
  Store store;
  store.disk.PlantSpecialFile("/store/" + SegmentFileName({LogPosition(0)}));
  SegmentBytes segment(1);
  segment.Message("one");
  store.PutWithoutHeader(segment);
  store.Load();

  REQUIRE(store.Guess().ok());

  CHECK(store.Read(0) == Words{"unreadable"});
  CHECK(store.Read(1) == Words{"message one"});
}

TEST_CASE("an error that may pass is returned by a guess, at whichever call it is met") {
  Store store;
  SegmentBytes segment(0);
  segment.Message("one");
  store.PutWithoutHeader(segment);
  store.PutIndexHeader(0, kNext);
  const OperationKind kind = GENERATE(OperationKind::kOpen, OperationKind::kRead);
  uint64_t met = 0;
  for (uint64_t nth = 1;; ++nth) {
    CAPTURE(kind, nth);
    store.Load();
    const uint64_t failures = store.disk.failures();
    store.disk.Inject(TooManyOpenFiles({.kind = kind, .nth = nth}));
    const absl::Status guessed = store.Guess();
    store.disk.ClearFaults();
    if (store.disk.failures() == failures) break;
    ++met;
    // Who cannot be asked today is not known, where writers are only collected.
    if (!guessed.ok()) {
      CHECK(absl::IsUnavailable(guessed));
      REQUIRE(store.Guess().ok());
    }
    CHECK(store.Read(0) == Words{"message one"});
  }
  CHECK(met >= 3);
}

TEST_CASE("a writer whom only the device knows that gives nothing is not known") {
  Store store;
  SegmentBytes segment(0);
  segment.Message("one");
  store.PutWithoutHeader(segment);
  store.PutIndexHeader(0, kNext);
  store.Load();
  store.disk.Inject(InputOutputError({.kind = OperationKind::kRead, .name_contains = ".index"}));
  const auto known = KnownIncarnations(*store.segments, store.superblock);
  REQUIRE(known.ok());
  CHECK(*known == Incarnations{kIncarnation, kWriter});
  store.disk.ClearFaults();

  // Nor does a file help that cannot be opened at all.
  store.disk.Inject(InputOutputError(
      {.kind = OperationKind::kOpen, .name_contains = segment.name(), .times = Fault::kForEver}));
  CHECK(KnownIncarnations(*store.segments, store.superblock).ok());
  CHECK(store.Guess().ok());
  CHECK(store.Read(0) == Words{"unreadable"});
}

TEST_CASE("a segment that the device does not give stays unreadable, and is no error") {
  Store store;
  SegmentBytes segment(0);
  segment.Message("one");
  store.PutWithoutHeader(segment);
  store.Load();
  store.disk.Inject(InputOutputError({.kind = OperationKind::kRead, .times = Fault::kForEver}));

  CHECK(store.Guess().ok());

  CHECK(store.Read(0) == Words{"unreadable"});
}

}  // namespace
}  // namespace weir::testing
