// What is left of the queues of a damaged log, and what is said in the place of what is lost.

#include "store/salvaged_queues.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "format/record.h"
#include "index/consume_queues.h"
#include "store/topic_catalogue.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

// The topics "one" with the queues 0 and 1 and "two" with the queue 2, what index files know of
// their queues, and records that are left.
class Left {
 public:
  explicit Left(bool begins_at_zero = true)
      : salvaged(&catalogue, begins_at_zero, [this](uint32_t number) { return known[number]; }) {
    REQUIRE(
        catalogue.Add({.name = "one", .first_queue = 0, .queue_count = 2}, LogPosition(1024)).ok());
    REQUIRE(
        catalogue.Add({.name = "two", .first_queue = 2, .queue_count = 1}, LogPosition(5000)).ok());
  }

  void Apply(RecordType type, uint32_t queue, uint64_t offset, absl::string_view body = "",
             const std::vector<FurtherQueue>& further = {}) {
    MessageParts parts;
    parts.further_queues = static_cast<uint32_t>(further.size());
    const auto bytes = static_cast<uint32_t>(RecordBytes(EncodedPartsBytes(parts), body.size()));
    std::string& record = records.emplace_back(bytes, '\0');
    WriteStamp(record.data(), {.bytes = bytes,
                               .type = type,
                               .flags = FlagsOf(parts),
                               .queue_number = queue,
                               .queue_offset = offset});
    if (!further.empty()) WriteFurtherQueueCount(record.data(), parts.further_queues);
    for (uint32_t i = 0; i < further.size(); ++i) WriteFurtherQueue(record.data(), i, further[i]);
    std::memcpy(WriteParts(record.data(), parts, 0, static_cast<uint32_t>(body.size())),
                body.data(), body.size());
    Publish(record.data(), Seal(record.data(), position, 1));
    salvaged.Apply({position, record.data(), LoadHeader(record.data())});
    position = position + bytes;
  }
  void Message(uint32_t queue, uint64_t offset) { Apply(RecordType::kMessage, queue, offset); }
  void Topic(absl::string_view name, uint32_t first_queue, uint32_t queue_count) {
    Apply(RecordType::kCatalogue, kNoQueue, 0,
          EncodeTopic({.name = name, .first_queue = first_queue, .queue_count = queue_count}));
  }
  SalvagedQueue Of(uint32_t number) { return salvaged.queues().at(number); }

  ReaderSlots readers;
  Mutex append_lock;
  ConsumeQueues queues{&readers, &append_lock};
  TopicCatalogue catalogue{&queues};
  std::map<uint32_t, QueueBounds> known;
  std::deque<std::string> records;
  LogPosition position{2048};
  SalvagedQueues salvaged;
};

QueueBounds Bounds(uint64_t first, uint64_t end) {
  return {.first = QueueOffset(first), .end = QueueOffset(end)};
}

TEST_CASE("what is between the offsets that are left is lost, and what is behind them as well") {
  Left left;
  left.known[0] = Bounds(0, 9);
  for (const uint64_t offset : {1u, 2u, 5u}) left.Message(0, offset);

  left.salvaged.Finish();

  const SalvagedQueue queue = left.Of(0);
  CHECK(queue.messages == 3);
  CHECK(queue.first == 0);
  CHECK(queue.end == 9);
  CHECK(queue.lost == Ranges{{0, 1}, {3, 5}, {6, 9}});
  CHECK(left.salvaged.messages() == 3);
  CHECK(left.salvaged.queues().size() == 1);  // in the others nothing ever was
}

TEST_CASE("voids and what follows a message into further queues take offsets there, too") {
  Left left;
  left.Apply(RecordType::kMessage, 0, 0, "shared", {{1, 0}, {2, 4}});
  left.Apply(RecordType::kVoid, 0, 1);
  left.Message(0, 2);
  left.salvaged.Finish();

  CHECK(left.Of(0).messages == 2);
  CHECK(left.Of(0).lost.empty());
  CHECK(left.Of(0).end == 3);
  CHECK(left.Of(1).messages == 1);
  CHECK(left.Of(2).lost == Ranges{{0, 4}});
  CHECK(left.salvaged.messages() == 2);
}

TEST_CASE("a second record of an offset counts for nothing in its queue") {
  Left left;
  for (const uint64_t offset : {0u, 1u, 0u, 1u}) left.Message(0, offset);

  left.salvaged.Finish();

  CHECK(left.Of(0).messages == 2);
  CHECK(left.Of(0).end == 2);
}

TEST_CASE("where the log's begin was dropped a queue begins where it is known to, or is met") {
  Left left(/*begins_at_zero=*/false);
  left.known[0] = Bounds(10, 12);
  left.known[1] = Bounds(30, 31);
  left.known[2] = Bounds(7, 9);
  left.Message(0, 11);
  left.Message(1, 20);

  left.salvaged.Finish();

  CHECK(left.Of(0).first == 10);
  CHECK(left.Of(0).lost == Ranges{{10, 11}});
  CHECK(left.Of(1).first == 20);
  CHECK(left.Of(1).lost == Ranges{{21, 31}});
  // Of a queue without a message only the index files know.
  CHECK(left.Of(2).first == 7);
  CHECK(left.Of(2).lost == Ranges{{7, 9}});
  CHECK(left.Of(2).messages == 0);
}

TEST_CASE("records of a journal are counted apart, and belong to no queue") {
  Left left;
  left.Apply(RecordType::kMessage, kNoQueue, 0, "one");
  left.Apply(RecordType::kVoid, kNoQueue, 0);
  left.Apply(RecordType::kMark, kNoQueue, 0, std::string(kMarkBodyBytes, '\0'));
  left.salvaged.Finish();

  CHECK(left.salvaged.journal_records() == 1);
  CHECK(left.salvaged.messages() == 1);
  CHECK(left.salvaged.queues().empty());
}

TEST_CASE("a message whose parts make no sense counts in its own queue and in no further one") {
  Left left;
  left.Apply(RecordType::kMessage, 0, 0, "", {{1, 0}});
  std::string record = left.records.back();
  WriteFurtherQueueCount(record.data(), 1'000'000);
  Store<uint64_t>(record.data() + record_field::kQueueOffset, 1);
  left.salvaged.Apply({left.position, record.data(), LoadHeader(record.data())});

  CHECK(left.Of(0).messages == 2);
  CHECK(left.Of(1).messages == 1);
}

// --- Stand-ins

std::vector<RecordHeader> HeadersOf(const std::list<StandIn>& records) {
  std::vector<RecordHeader> headers;
  for (const StandIn& record : records) headers.push_back(LoadHeader(record.record.data()));
  return headers;
}

TEST_CASE("a topic whose record is lost is said again, with room between the copies and without") {
  Left left;
  left.Topic("one", 0, 2);
  left.salvaged.Finish();

  const std::list<StandIn> records = left.salvaged.StandIns();

  REQUIRE(records.size() == 2);
  const auto headers = HeadersOf(records);
  CHECK(headers[0].bytes() == headers[1].bytes() + kTwinPaddingBytes);
  for (const StandIn& record : records) {
    CHECK(record.lost_at == LogPosition(5000));
    const RecordHeader header = LoadHeader(record.record.data());
    CHECK(header.type == RecordType::kCatalogue);
    CHECK(header.bytes() == record.record.size());
    CHECK(DecodeParts(record.record.data())->body ==
          EncodeTopic({.name = "two", .first_queue = 2, .queue_count = 1}));
  }
}

TEST_CASE("a record of a topic that is too short to name one names none") {
  Left left;
  left.Apply(RecordType::kCatalogue, kNoQueue, 0, "abc");
  left.Topic("one", 0, 2);
  left.Topic("two", 2, 1);
  left.salvaged.Finish();

  CHECK(left.salvaged.StandIns().empty());
}

TEST_CASE("the last offset of a queue that lost its newest messages is kept by a void") {
  Left left;
  left.Topic("one", 0, 2);
  left.Topic("two", 2, 1);
  left.known[0] = Bounds(0, 5);
  left.known[1] = Bounds(0, 3);
  left.known[2] = Bounds(0, 2);
  left.Message(0, 0);
  const LogPosition last = left.position;
  left.Message(0, 1);
  left.Message(1, 2);  // to the end: nothing is lost behind it
  left.salvaged.Finish();

  const std::list<StandIn> records = left.salvaged.StandIns();

  REQUIRE(records.size() == 2);
  const auto headers = HeadersOf(records);
  CHECK(headers[0].type == RecordType::kVoid);
  CHECK(headers[0].queue_number == 0);
  CHECK(headers[0].queue_offset == 4);
  CHECK(records.front().lost_at == last);
  // Nothing of the queue is left: it cannot stand before its topic.
  CHECK(headers[1].queue_number == 2);
  CHECK(headers[1].queue_offset == 1);
  CHECK(records.back().lost_at == LogPosition(5000));
}

TEST_CASE("for a queue of no topic nothing can be kept") {
  Left left;
  left.Topic("one", 0, 2);
  left.Topic("two", 2, 1);
  left.known[9] = Bounds(0, 5);
  left.Message(9, 0);
  left.salvaged.Finish();

  CHECK(left.Of(9).messages == 1);
  CHECK(left.salvaged.StandIns().empty());
}

}  // namespace
}  // namespace weir::testing
