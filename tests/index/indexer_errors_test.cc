// An indexer over the log of another process, whatever call of it meets an error and however the
// log was left: it says so, and the next one knows everything.

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "index/small_indexer.h"
#include "log/followed_log.h"

namespace weir::testing {
namespace {

constexpr size_t kMessages = 100;

// A topic whose queue exists from its record on.
class TopicsIndex final : public LogIndex {
 public:
  static constexpr uint32_t kQueue = 4;

  explicit TopicsIndex(ConsumeQueues* queues) : queues_(*queues) {}
  absl::string_view name() const override { return "topics"; }
  absl::Status Apply(const ScannedRecord& record) override {
    const bool is_topic = record.header.type == RecordType::kCatalogue;
    return is_topic ? queues_.Add(kQueue, 1) : absl::OkStatus();
  }
  std::string SaveAll(LogPosition) const override { return ""; }
  std::string SaveChanges(LogPosition, LogPosition) const override { return ""; }
  absl::Status Load(absl::string_view) override { return absl::OkStatus(); }
  void Restart() override {}

 private:
  ConsumeQueues& queues_;
};

void AppendTopic(CommitLog& log) {
  const uint32_t bytes = SizeOf(0);
  Reservation place;
  const auto stamp = [&](LogPosition, char* memory, int64_t time) {
    WriteStamp(memory, {.bytes = bytes,
                        .type = RecordType::kCatalogue,
                        .queue_number = kNoQueue,
                        .store_time = time});
  };
  REQUIRE(log.Claim(bytes, log.clock().WallNanos(), kNever, stamp, &place).ok());
  PublishBody(log, place, "");
}

// What reads a log and its index files, and changes neither.
struct Reader {
  explicit Reader(std::unique_ptr<FollowedLog> followed, bool has_topics = false)
      : log(std::move(followed)),
        indexes(has_topics ? std::vector<LogIndex*>{&words, &topics}
                           : std::vector<LogIndex*>{&words}) {
    REQUIRE(queues.Add(0, 4).ok());
    files.SetResolver([this](LogPosition begin) { return indexer.IdentityOf(begin); });
  }
  absl::Status Restore() {
    return indexer.Restore(log->ContiguousVisibleEnd(), log->report(), &report);
  }
  // All that is asked of it.
  absl::Status Work() {
    const LogPosition end = log->ContiguousVisibleEnd();
    if (absl::Status status = Restore(); !status.ok()) return status;
    if (absl::Status status = indexer.CatchUp(end, &report); !status.ok()) return status;
    if (const auto digested = indexer.DigestVisible(); !digested.ok()) return digested.status();
    indexer.ForgetSealed();
    const auto place = indexer.FindWithoutLinks(1, QueueOffset(0));
    if (!place.ok()) return place.status();
    return indexer.RebuildDamaged();
  }

  std::unique_ptr<FollowedLog> log;
  Mutex append_lock;
  ConsumeQueues queues{&log->reader_slots(), &append_lock};
  Digests digests{Indexed::kHashSeed, OwnTopic};
  IndexFiles files{&log->directory(), /*cache=*/nullptr};
  WordsIndex words;
  TopicsIndex topics{&queues};
  std::vector<LogIndex*> indexes;
  Indexer indexer{log.get(), &queues, &digests, &files, indexes, nullptr, &log->health()};
  Indexer::Report report;
};

std::unique_ptr<Reader> Read(FaultFileSystem& disk, ManualClock& clock) {
  auto log = FollowedLog::Open(SmallLog(disk, clock));
  INFO(log.status());
  REQUIRE(log.ok());
  return std::make_unique<Reader>(*std::move(log));
}

// A log as it was left, and what was done to its files.
CrashImage Left(const std::string& how) {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  store.AppendNumbered(1, 0, kMessages);
  if (how == "not sealed") {
    SyncNow(*store.log);
    REQUIRE(store.log->Close().ok());
    return disk.Freeze();
  }
  store.SealAll();
  if (how == "begin dropped") REQUIRE(store.log->TrimTo(LogPosition(2 * kSegment)).ok());
  const uint64_t sealed = store.indexer.sealed_end().value() / kSegment;
  store.Close();
  for (uint64_t segment = 0; segment < sealed; ++segment) {
    const bool is_gone =
        how == "files gone" || how == "begin dropped" || (how == "segment gone" && segment == 1);
    if (is_gone && disk.FileExists(IndexPath(segment))) disk.RemoveFile(IndexPath(segment));
  }
  if (how == "files damaged") {
    for (const uint64_t segment : {uint64_t{1}, sealed - 1}) {
      std::string bytes = disk.ReadFile(IndexPath(segment));
      bytes.back() = static_cast<char>(bytes.back() ^ 1);
      disk.WriteFile(IndexPath(segment), bytes);
    }
  }
  if (how == "segment gone") disk.RemoveFile(FileOf(LogPosition(kSegment)));
  return disk.Freeze();
}

TEST_CASE("whichever call of a reading indexer meets an error, it says so, and the next is whole") {
  const auto how = GENERATE(as<std::string>(), "sealed", "not sealed", "files gone",
                            "files damaged", "begin dropped", "segment gone");
  const CrashImage left = Left(how);
  ManualClock clock;
  std::map<uint64_t, std::string> words;
  uint64_t end = 0;
  {
    FaultFileSystem disk(left);
    const auto reader = Read(disk, clock);
    const absl::Status worked = reader->Work();
    INFO(worked);
    REQUIRE(worked.ok());
    words = reader->words.words;
    end = reader->queues.queue(1).end();
    REQUIRE(end == kMessages);
  }
  uint64_t told = 0;
  for (const bool may_pass : {true, false}) {
    for (const uint64_t times : {uint64_t{1}, Fault::kForEver}) {
      bool was_met = true;
      for (uint64_t nth = 1; was_met; ++nth) {
        CAPTURE(how, may_pass, times, nth);
        FaultFileSystem disk(left);
        const auto reader = Read(disk, clock);
        const Fault fault{.nth = nth, .times = times};
        disk.Inject(may_pass ? TooManyOpenFiles(fault) : InputOutputError(fault));
        const absl::Status worked = reader->Work();
        was_met = disk.failures() > 0;
        disk.ClearFaults();
        if (!worked.ok()) ++told;
        CHECK((worked.ok() || absl::StrContains(worked.message(), fault.reason) ||
               absl::StrContains(worked.message(), may_pass ? "Too many" : "Input/output")));
        if (worked.ok() && may_pass) {
          CHECK(reader->words.words == words);
          CHECK(reader->queues.queue(1).end() == end);
        }
        // What is not known for want of the device is told in one way or the other.
        if (worked.ok() && reader->words.words != words) {
          CHECK_FALSE(reader->indexer.unread().ok());
          CHECK_FALSE(reader->report.damage.empty());
        }
      }
    }
  }
  CHECK(told >= 5);
  FaultFileSystem disk(left);
  const auto reader = Read(disk, clock);
  REQUIRE(reader->Work().ok());
  CHECK(reader->words.words == words);
}

TEST_CASE("a segment that the device does not give has an identity another time; a lost one none") {
  FaultFileSystem disk(Left("sealed"));
  ManualClock clock;
  const auto reader = Read(disk, clock);
  const LogPosition begin(kSegment);
  for (const bool may_pass : {true, false}) {
    const Fault fault{.kind = OperationKind::kOpen};
    disk.Inject(may_pass ? TooManyOpenFiles(fault) : InputOutputError(fault));
    const absl::Status status = reader->indexer.IdentityOf(begin).status();
    CHECK_FALSE(status.ok());
    CHECK_FALSE(absl::IsOutOfRange(status));
  }
  CHECK(reader->indexer.IdentityOf(begin).ok());

  const LogPosition lost(2 * kSegment);
  disk.WriteFile(FileOf(lost), std::string(kSegment, '#'));
  CHECK(absl::IsOutOfRange(reader->indexer.IdentityOf(lost).status()));
}

TEST_CASE(
    "what a reader keeps in memory goes when its segment is sealed, as far as it can be read") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock, 5);  // the reader knows no queue 4
  store.AppendNumbered(1, 0, 40);
  store.Append(4, "unknown");
  store.AppendNumbered(2, 0, 20);
  SyncNow(*store.log);
  const auto other = disk.AnotherProcess();
  auto followed = FollowedLog::Open([&] {
    StoreOptions options = SmallLog(disk, clock);
    options.file_system = other.get();
    return options;
  }());
  REQUIRE(followed.ok());
  Reader reader(*std::move(followed));
  REQUIRE(reader.Restore().ok());
  REQUIRE(reader.queues.queue(1).memory_first() == 0);
  reader.indexer.ForgetSealed();
  CHECK(reader.indexer.sealed_end() == LogPosition(0));

  store.SealAll();
  std::string bytes = disk.ReadFile(IndexPath(1));
  const auto header = DecodeIndexHeader(bytes);
  REQUIRE(header.ok());
  std::string damaged = bytes;
  damaged[header->body_at()] = static_cast<char>(damaged[header->body_at()] ^ 1);
  disk.WriteFile(IndexPath(1), damaged);
  reader.indexer.ForgetSealed();
  CHECK(reader.indexer.sealed_end() == LogPosition(kSegment));
  const uint64_t first = reader.queues.queue(1).memory_first();
  CHECK(first == store.InFile(0, 1).positions.size());

  disk.WriteFile(IndexPath(1), bytes);
  reader.files.Forget(LogPosition(kSegment));
  reader.indexer.ForgetSealed();
  CHECK(reader.indexer.sealed_end() == store.indexer.sealed_end());
  CHECK(reader.queues.queue(1).memory_first() == store.queues.queue(1).memory_first());
}

TEST_CASE("messages of a topic that a reader hears of late are not left out, whatever call fails") {
  bool was_met = true;
  for (uint64_t nth = 1; was_met; ++nth) {
    CAPTURE(nth);
    FaultFileSystem disk;
    ManualClock clock;
    Indexed store(disk, clock, 5);
    store.AppendNumbered(1, 0, 20);
    SyncNow(*store.log);
    const auto other = disk.AnotherProcess();
    StoreOptions options = SmallLog(disk, clock);
    options.file_system = other.get();
    auto followed = FollowedLog::Open(options);
    REQUIRE(followed.ok());
    Reader reader(*std::move(followed), /*has_topics=*/true);
    REQUIRE(reader.Restore().ok());
    // While it sleeps all that it was fed is dropped; what stands there now has its topic behind
    // it.
    store.AppendNumbered(1, 20, 100);
    store.Append(TopicsIndex::kQueue, "of a new topic");
    AppendTopic(*store.log);
    store.AppendNumbered(1, 120, 100);
    SyncNow(*store.log);
    REQUIRE(store.log->TrimTo(LogPosition(4 * kSegment)).ok());
    REQUIRE(reader.log->Refresh().ok());
    REQUIRE(reader.indexer.fed_end() < reader.log->segments().begin());

    other->Inject(TooManyOpenFiles({.nth = nth}));
    const LogPosition end = reader.log->ContiguousVisibleEnd();
    const absl::Status caught_up = reader.indexer.CatchUp(end, &reader.report);
    was_met = disk.failures() > 0;
    other->ClearFaults();
    CHECK((caught_up.ok() || absl::IsUnavailable(caught_up)));
    REQUIRE(reader.indexer.CatchUp(end, &reader.report).ok());
    REQUIRE(reader.queues.has(TopicsIndex::kQueue));
    CHECK(reader.queues.queue(TopicsIndex::kQueue).end() == 1);
    CHECK(reader.queues.queue(1).end() == 220);
    CHECK(reader.report.damage.empty());
  }
}

TEST_CASE("keys that cannot be collected today are collected when they can be read") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  store.AppendNumbered(1, 0, 200);
  SyncNow(*store.log);
  REQUIRE(store.log->front().front_begin() > LogPosition(kSegment));
  disk.Inject(TooManyOpenFiles({.kind = OperationKind::kRead}));
  CHECK(absl::IsUnavailable(store.indexer.DigestVisible().status()));
  CHECK(*store.indexer.DigestVisible() == store.log->front().claimed_end());
}

}  // namespace
}  // namespace weir::testing
