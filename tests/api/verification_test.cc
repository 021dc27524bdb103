// Every kind of damage is a finding with its file and its range, once; what is on its way and what
// is nobody's is none.

#include "api/verification.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "store/follower.h"
#include "store/small_engine.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

// A store of some segments that was closed, and the process that looks at it.
class Closed {
 public:
  Closed() {
    auto engine = OpenEngine(SmallOptions(disk, clock));
    receipts = weir::testing::AppendNumbered(*engine, 0, 60, 300);
    weir::testing::Close(*engine);
  }
  std::unique_ptr<Follower> Follow() {
    StoreOptions options = SmallOptions(disk, clock);
    options.read_only = true;
    auto follower = Follower::Open(options);
    INFO(follower.status());
    REQUIRE(follower.ok());
    return *std::move(follower);
  }
  VerifyReport Verify(Follower& store, Verifier verifier = Verifier::kReader) {
    auto report =
        VerifyStore(store.view(), store.catalogue(), store.indexer(), store.report(), verifier);
    INFO(report.status());
    REQUIRE(report.ok());
    return *std::move(report);
  }
  VerifyReport Verify() { return Verify(*Follow()); }
  std::string Index(uint64_t number) { return FileOf(LogPosition(number * kSegment)) + ".index"; }
  void Flip(const std::string& path, size_t at) {
    std::string bytes = disk.ReadFile(path);
    REQUIRE(at < bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    disk.WriteFile(path, bytes);
  }

  FaultFileSystem disk;
  ManualClock clock;
  std::vector<Receipt> receipts;
};

// "file: begin to end: what"
Words Told(const VerifyReport& report) {
  Words told;
  for (const VerifyFinding& finding : report.findings) {
    told.push_back(absl::StrCat(finding.file, ": ", finding.position.value(), " to ",
                                finding.end.value(), ": ", finding.what));
  }
  return told;
}

TEST_CASE("a position is told by the file that holds it, or that would") {
  Closed closed;
  auto store = closed.Follow();
  const Segments& segments = store->log().segments();

  CHECK(FileAt(segments, LogPosition(kSegment + 5)) == "00000000000000004096");
  CHECK(FileAt(segments, LogPosition(1'000 * kSegment + 5)) == "00000000000004096000");
}

TEST_CASE("messages of an unknown queue that follow one another are one finding") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  const Receipt known = Append(*engine, {.topic = "known", .queue_id = 0, .body = "known"});
  const std::vector<Receipt> first = AppendNumbered(*engine, 0, 3, 50);
  Append(*engine, {.topic = "known", .queue_id = 0, .body = "known"});
  const std::vector<Receipt> second = AppendNumbered(*engine, 3, 1, 50);
  // What a process knows that lost the other topic's record.
  ReaderSlots readers;
  Mutex append_lock;
  ConsumeQueues queues(&readers, &append_lock);
  TopicCatalogue catalogue(&queues);
  const Topic::Entry& entry = Find(*engine, "known");
  REQUIRE(catalogue
              .Add({.name = entry.name,
                    .first_queue = entry.first_queue,
                    .queue_count = entry.queue_count},
                   known.position)
              .ok());

  const auto report =
      VerifyStore(engine->view(), catalogue, engine->indexer(), {}, Verifier::kWriter);

  REQUIRE(report.ok());
  REQUIRE(report->findings.size() == 2);
  const VerifyFinding& many = report->findings[0];
  CHECK(many.position == first[0].position);
  CHECK(many.end == first[2].end);
  CHECK(many.what ==
        absl::StrCat("3 messages of unknown queues, up to position ", first[2].end.value()));
  const VerifyFinding& one = report->findings[1];
  CHECK(one.position == second[0].position);
  CHECK(one.what == "a message of an unknown queue");
  CHECK((many.is_final && one.is_final));
  CHECK(report->messages == 6);
}

TEST_CASE("a message that verifies and whose parts are impossible is a finding") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  constexpr uint32_t kBytes = kRecordHeaderBytes + 8;
  const auto stamp = [](LogPosition, char* memory, int64_t time) {
    WriteStamp(memory,
               {.bytes = kBytes, .flags = kHasTag, .queue_number = kNoQueue, .store_time = time});
  };
  Reservation place;
  REQUIRE(engine->log().Claim(kBytes, clock.WallNanos(), kNever, stamp, &place).ok());
  std::memset(place.bytes + kRecordHeaderBytes, 0xFF, 8);  // a tag longer than the record
  engine->log().Publish(place, Seal(place.bytes, place.position, engine->log().incarnation()));

  const auto report =
      VerifyStore(engine->view(), engine->catalogue(), engine->indexer(), {}, Verifier::kWriter);

  REQUIRE(report.ok());
  CHECK(Told(*report) == Words{absl::StrCat("00000000000000000000: ", place.position.value(),
                                            " to ", place.end().value(), ": impossible parts")});
}

TEST_CASE("a copy of a header that is not whole is a finding in the file that it is in") {
  Closed closed;
  closed.Flip("/store/superblock", 100);
  closed.Flip(FileOf(LogPosition(2 * kSegment)), kSegmentHeaderCopyBytes + 20);

  const Words told = Told(closed.Verify());

  REQUIRE(told.size() == 2);
  CHECK(absl::StartsWith(told[0], "superblock: 0 to 4096: slot 0"));
  CHECK(absl::StartsWith(told[1], "00000000000000008192: 8704 to 9216: copy 1"));
}

TEST_CASE("prepared files hold nothing, so nothing is the matter with their headers") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  Append(*engine, {.topic = "t", .queue_id = 0, .body = "one"});
  while (engine->log().PrepareStep() == absl::ZeroDuration()) {
  }
  const std::vector<SegmentEntry> entries = engine->log().segments().entries();
  REQUIRE(entries.size() > 1);
  disk.WriteFile("/store/" + SegmentFileName(entries.back().name), "rubbish");

  const auto report =
      VerifyStore(engine->view(), engine->catalogue(), engine->indexer(), {}, Verifier::kWriter);

  REQUIRE(report.ok());
  CHECK(report->findings.empty());
}

// --- Index files

TEST_CASE("an index file that is missing is a finding of a reader, and made anew by a writer") {
  Closed closed;
  const bool is_newest = GENERATE(false, true);
  const uint64_t number = is_newest ? closed.receipts.back().position.value() / kSegment - 1 : 1;
  closed.disk.RemoveFile(closed.Index(number));
  auto store = closed.Follow();

  const Words told = Told(closed.Verify(*store));

  const std::string begin = absl::StrCat(number * kSegment);
  REQUIRE(told.size() == 1);
  CHECK(absl::StrContains(told[0], absl::StrCat(": ", begin, " to ")));
  CHECK(absl::StrContains(told[0], "the index file is missing"));
  // Who writes knows of the newest file only from itself.
  CHECK(closed.Verify(*store, Verifier::kWriter).findings.empty() == is_newest);
}

TEST_CASE("every damaged block of an index file is a finding, or the file if its header is") {
  Closed closed;
  const size_t at = GENERATE(size_t{20}, size_t{200});
  closed.Flip(closed.Index(1), at);

  const VerifyReport report = closed.Verify();

  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].file == "00000000000000004096.index");
  CHECK(report.findings[0].position == LogPosition(kSegment));
  CHECK(report.findings[0].end == LogPosition(2 * kSegment));
}

TEST_CASE("an index file of an earlier life of a segment that is not sealed is nobody's") {
  Closed closed;
  const uint64_t newest = closed.receipts.back().position.value() / kSegment;
  // It belongs to another content of the segment that is being written.
  std::string stale = closed.disk.ReadFile(closed.Index(1));
  closed.disk.WriteFile(closed.Index(newest), stale);

  CHECK(closed.Verify().findings.empty());
}

TEST_CASE("a stale index file of a segment that was sealed is a finding") {
  Closed closed;
  closed.disk.WriteFile(closed.Index(1), closed.disk.ReadFile(closed.Index(2)));

  const Words told = Told(closed.Verify());

  REQUIRE(told.size() == 1);
  CHECK(absl::StartsWith(told[0], "00000000000000004096.index: 4096 to 8192: "));
}

TEST_CASE("an index file whose segment is gone is read, and is a finding if it is damaged") {
  Closed closed;
  closed.disk.RemoveFile(FileOf(LogPosition(kSegment)));
  const VerifyReport whole = closed.Verify();
  closed.Flip(closed.Index(1), 20);
  const VerifyReport damaged = closed.Verify();

  CHECK(damaged.index_files == whole.index_files);
  REQUIRE(whole.findings.size() == 1);  // the segment
  REQUIRE(damaged.findings.size() == 2);
  CHECK(damaged.findings[1].file == "00000000000000004096.index");
}

TEST_CASE("a segment that cannot be read is one finding, and its index file none") {
  Closed closed;
  closed.disk.WriteFile(FileOf(LogPosition(kSegment)), "rubbish");

  const VerifyReport report = closed.Verify();

  for (const VerifyFinding& finding : report.findings) {
    CHECK(finding.file == "00000000000000004096");
  }
  CHECK(report.findings.size() >= 1);
  CHECK(report.index_files >= 5);
}

TEST_CASE("an error that may pass ends the verification, or is in no way of what it finds") {
  Closed closed;
  closed.disk.RemoveFile(FileOf(LogPosition(kSegment)));
  auto store = closed.Follow();
  const Words found = Told(closed.Verify(*store));
  REQUIRE(found.size() == 1);
  const OperationKind kind =
      GENERATE(OperationKind::kList, OperationKind::kOpen, OperationKind::kRead);
  uint64_t ended = 0;
  for (uint64_t nth = 1;; ++nth) {
    CAPTURE(kind, nth);
    const uint64_t failures = closed.disk.failures();
    closed.disk.Inject(TooManyOpenFiles({.kind = kind, .nth = nth}));
    const auto report = VerifyStore(store->view(), store->catalogue(), store->indexer(),
                                    store->report(), Verifier::kReader);
    closed.disk.ClearFaults();
    if (!report.ok()) {
      CHECK(absl::IsUnavailable(report.status()));
      ++ended;
      continue;
    }
    CHECK(Told(*report) == found);
    if (closed.disk.failures() == failures) break;
  }
  CHECK(ended >= 2);
}

// --- What opening found

TEST_CASE("what opening gave up on is told by a reader unless the walk meets it, and only once") {
  Closed closed;
  auto store = closed.Follow();
  RecoveryReport opened = store->report();
  const LogPosition begin(3 * kSegment);
  opened.damage.push_back({begin + 100, begin + 200, "given up"});

  const auto of_reader =
      VerifyStore(store->view(), store->catalogue(), store->indexer(), opened, Verifier::kReader);
  REQUIRE(of_reader.ok());
  CHECK(Told(*of_reader) == Words{"00000000000000012288: 12388 to 12488: given up"});
  const auto of_writer =
      VerifyStore(store->view(), store->catalogue(), store->indexer(), opened, Verifier::kWriter);
  REQUIRE(of_writer.ok());
  CHECK(of_writer->findings.empty());

  const LogPosition met = closed.receipts[20].position;
  FlipBit(closed.disk, met + 60);
  store = closed.Follow();
  opened.damage.back() = {met, met + 8, "given up"};
  const auto both =
      VerifyStore(store->view(), store->catalogue(), store->indexer(), opened, Verifier::kReader);
  REQUIRE(both.ok());
  REQUIRE(both->findings.size() == 1);
  CHECK(both->findings[0].what != "given up");
}

TEST_CASE("what is missing before the oldest segment is told by whoever verifies") {
  Closed closed;
  closed.disk.RemoveFile(FileOf(LogPosition(0)));
  auto store = closed.Follow();
  const Verifier verifier = GENERATE(Verifier::kReader, Verifier::kWriter);

  const Words told = Told(closed.Verify(*store, verifier));

  REQUIRE(told.size() == 1);
  CHECK(absl::StartsWith(told[0], "00000000000000000000: 0 to 4096: "));
}

}  // namespace
}  // namespace weir::testing
