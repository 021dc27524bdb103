#include "api/store_check.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "api/small_store.h"
#include "format/record.h"
#include "format/segment_header.h"

namespace weir::testing {
namespace {

// A closed store of some segments, and where its messages lie.
struct Closed {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<Receipt> receipts;

  Closed() {
    auto store = OpenStore(SmallOptions(disk, clock));
    receipts = weir::testing::AppendNumbered(*store, "t", 0, 60, 300);
    Close(*store);
  }
  std::unique_ptr<MessageStore> Open(bool read_only = false) {
    StoreOptions options = SmallOptions(disk, clock);
    options.read_only = read_only;
    return OpenStore(options);
  }
};

VerifyReport Verify(MessageStore& store) {
  auto report = store.Verify();
  INFO(report.status());
  REQUIRE(report.ok());
  return *std::move(report);
}

TEST_CASE("a sound store has no finding, and verify has seen all of it") {
  Closed closed;
  const bool read_only = GENERATE(true, false);
  auto store = closed.Open(read_only);
  const VerifyReport report = Verify(*store);
  CHECK(report.findings.empty());
  CHECK(report.messages == 60);
  CHECK(report.records > 60);  // catalogue, fillers, marks
  CHECK(report.index_files >= 5);
  CHECK(report.bytes > 60 * 300);
}

TEST_CASE("verify finds a flipped bit in every record of a sealed segment, and names its place") {
  Closed closed;
  for (const size_t i : {size_t{2}, size_t{20}, size_t{40}}) {
    const LogPosition position = closed.receipts[i].position;
    for (const uint64_t byte : {uint64_t{5}, uint64_t{30}, uint64_t{200}}) {
      CAPTURE(i, byte);
      FlipBit(closed.disk, position + byte, 3);
      auto store = closed.Open();
      const VerifyReport report = Verify(*store);
      REQUIRE(report.findings.size() == 1);
      CHECK(report.findings[0].position == position);
      CHECK("/store/" + report.findings[0].file == FileOf(position));
      CHECK_FALSE(report.findings[0].what.empty());
      CHECK(report.messages == 59);
      Close(*store);
      store = nullptr;
      FlipBit(closed.disk, position + byte, 3);
    }
  }
  CHECK(Verify(*closed.Open()).findings.empty());
}

TEST_CASE("verify finds a damaged and a missing index file, and the log is sound all the same") {
  Closed closed;
  auto store = closed.Open();
  const std::string damaged = FileOf(LogPosition(kSegment)) + ".index";
  std::string bytes = closed.disk.ReadFile(damaged);
  bytes[bytes.size() - 1] = static_cast<char>(bytes[bytes.size() - 1] ^ 1);
  closed.disk.WriteFile(damaged, bytes);

  const VerifyReport report = Verify(*store);
  REQUIRE(report.findings.size() == 1);
  CHECK("/store/" + report.findings[0].file == damaged);
  CHECK(report.findings[0].position == LogPosition(kSegment));
  CHECK(report.messages == 60);
  CHECK(AllOf(*store, "t", 0) == NumberedBodies(0, 60, 300));
}

TEST_CASE("verify tells of a segment that is missing") {
  Closed closed;
  const LogPosition begin(2 * kSegment);
  closed.disk.RemoveFile(FileOf(begin));
  auto store = closed.Open();
  const VerifyReport report = Verify(*store);
  CHECK(std::any_of(report.findings.begin(), report.findings.end(),
                    [&](const VerifyFinding& finding) {
                      return finding.position >= begin && finding.position < begin + kSegment;
                    }));
  CHECK(report.messages < 60);
}

TEST_CASE("a range that a failed disk lost stays a finding, although the log is whole again") {
  Closed closed;
  // As the replacement of a failed file covers what could be had from nowhere.
  const Receipt& lost = closed.receipts[20];
  const std::string path = FileOf(lost.position);
  std::string content = closed.disk.ReadFile(path);
  const auto header =
      internal::DecodeSegmentHeader({content.data(), internal::kSegmentHeaderBytes});
  REQUIRE(header.ok());
  alignas(8) char filler[internal::kRecordHeaderBytes];
  internal::WriteFiller(filler, lost.position, static_cast<uint32_t>(lost.end - lost.position),
                        internal::kIsLost, 0, header->incarnation);
  content.replace(lost.position.value() % kSegment, sizeof filler, filler, sizeof filler);
  closed.disk.WriteFile(path, content);

  auto store = closed.Open();
  const VerifyReport report = Verify(*store);
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].position == lost.position);
  CHECK(absl::StrContains(report.findings[0].what, "lost"));
  CHECK(report.messages == 59);
  const auto shown = store->Dump(lost.position, 1);
  REQUIRE(shown.ok());
  CHECK(absl::StrContains(shown->at(0).text, "lost"));
  CHECK(Read(*store, "t", 0, 20).outcome() == ReadOutcome::kDamaged);
  CHECK(BodiesOf(Read(*store, "t", 0, 21, {.max_messages = 1})) == Words{Numbered(21, 300)});
}

TEST_CASE("a dump shows every record in its order, with what there is to say of it") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const Receipt one =
      Append(*store, {.topic = "t", .queue_id = 1, .tag = "NEW", .body = "a\nb\x01"});
  { const auto given_up = store->Claim({.topic = "t", .queue_id = 1}, 8); }
  const std::string body(200, 'x');
  const Receipt last = Append(*store, {.topic = "t", .queue_id = 1, .body = body});

  const auto records = store->Dump(LogPosition(0), 1000);
  REQUIRE(records.ok());
  Words types;
  for (size_t i = 0; i < records->size(); ++i) {
    const RecordInfo& record = (*records)[i];
    types.emplace_back(record.type);
    if (i > 0) CHECK(record.position > (*records)[i - 1].position);
  }
  // The topic is a group of its record and its record's copy.
  const std::string topic(internal::RecordTypeName(internal::RecordType::kCatalogue));
  CHECK(types == Words{"group", topic, topic, "message", "void", "message"});
  const RecordInfo& message = (*records)[3];
  CHECK(message.position == one.position);
  CHECK(message.bytes == one.end - one.position);
  CHECK(message.queue_offset == QueueOffset(0));
  CHECK(message.checksum != 0);
  CHECK(absl::ToUnixNanos(message.store_time) == ManualClock::kDefaultWallNanos);
  CHECK(message.text == "t/1 tag=NEW a\\nb\\x01");
  CHECK(absl::EndsWith((*records)[5].text, "x..."));
  CHECK((*records)[5].text.size() < 100);

  // From a position, and no more than asked for.
  CHECK(store->Dump(one.position, 1)->at(0).position == one.position);
  CHECK(store->Dump(one.position + 1, 1)->at(0).type == "void");
  CHECK(store->Dump(one.position, 2)->size() == 2);
  CHECK(store->Dump(last.end, 5)->empty());
  CHECK(store->Dump(LogPosition(0), 0)->empty());
}

TEST_CASE("the description tells segments, topics and ends, and prepared files are none of it") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const std::vector<Receipt> receipts = AppendNumbered(*store, "t", 0, 30, 300);
  Append(*store, {.topic = "u", .queue_id = 0, .body = "x"});
  Flush(*store);
  RunUntilIdle(*store, clock);
  const StoreInfo info = store->Info();

  CHECK(info.state == StoreState::kHealthy);
  CHECK(info.reason.empty());
  CHECK(info.begin == LogPosition(0));
  CHECK(info.end > receipts.back().end);
  CHECK(info.written == info.end);
  CHECK(info.front_is_shared);
  REQUIRE(info.topics.size() == 2);
  CHECK(info.topics[0].name == "t");
  CHECK(info.topics[0].queue_count == 2);
  CHECK(info.topics[0].messages == 30);
  CHECK(info.topics[1].messages == 1);
  CHECK(info.quarantine.empty());
  REQUIRE(info.segments.size() == info.end.value() / kSegment + 1);
  for (size_t i = 0; i < info.segments.size(); ++i) {
    const SegmentInfo& segment = info.segments[i];
    const bool is_last = i + 1 == info.segments.size();
    CHECK(segment.begin == LogPosition(i * kSegment));
    CHECK(segment.end == (is_last ? info.end : LogPosition((i + 1) * kSegment)));
    CHECK(segment.is_sealed == !is_last);
    CHECK(segment.has_index == !is_last);
    CHECK(disk.FileExists("/store/" + segment.file));
  }
}

TEST_CASE("the counters count what was done") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 1).ok());
  const StoreStats before = store->Stats();
  const std::vector<Receipt> receipts = AppendNumbered(*store, "t", 0, 4, 100);
  StoreStats stats = store->Stats();
  CHECK(stats.appends - before.appends == 4);
  CHECK(stats.append_bytes - before.append_bytes == receipts[3].end - receipts[0].position);
  CHECK(stats.front_fill_bytes >= receipts[3].end - receipts[0].position);
  CHECK(stats.unsynced_bytes >= stats.front_fill_bytes);
  CHECK(stats.index_memory_bytes > 0);

  const uint64_t syncs = stats.syncs;
  Append(*store, {.topic = "t", .body = "durable"}, {.durability = Durability::kDisk});
  stats = store->Stats();
  CHECK(stats.syncs == syncs + 1);
  CHECK(stats.sync_waiters == before.sync_waiters + 1);
  CHECK(stats.writes > before.writes);
  CHECK(stats.written_bytes >= 5 * 100);

  Read(*store, "t", 0, 0, {.max_messages = 3});
  Read(*store, "t", 0, 99);
  CHECK(store->Stats().reads == 3);
}

}  // namespace
}  // namespace weir::testing
