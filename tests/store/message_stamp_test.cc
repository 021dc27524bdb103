// What stands in a record before its owner has written anything: written and entered as one.

#include "store/message_stamp.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "store/topic_catalogue.h"

namespace weir::internal {
namespace {

struct Sample {
  Sample() {
    orders =
        *catalogue.Add({.name = "orders", .first_queue = 0, .queue_count = 2}, LogPosition(1024));
    trades =
        *catalogue.Add({.name = "trades", .first_queue = 2, .queue_count = 3}, LogPosition(2048));
  }
  MessagePlan::Target Target(const Topic::Entry* topic, uint32_t number) {
    return {.number = number, .topic = topic, .queue = &queues.queue(number)};
  }
  // A message in queue 1 and in queues 2 and 4.
  MessagePlan FannedOut() {
    MessagePlan plan;
    plan.record_bytes = 256;
    plan.filter = 5;
    plan.flags = FlagsOf({.further_queues = 2});
    plan.target = Target(orders, 1);
    plan.further = {Target(trades, 2), Target(trades, 4)};
    return plan;
  }
  QueueEntry Entry(uint32_t number, uint64_t offset) {
    QueueEntry entry;
    REQUIRE(queues.queue(number).CopyEntries(offset, 1, &entry) == 1);
    return entry;
  }

  ReaderSlots readers;
  Mutex lock;
  ConsumeQueues queues{&readers, &lock};
  TopicCatalogue catalogue{&queues};
  const Topic::Entry* orders = nullptr;
  const Topic::Entry* trades = nullptr;
  alignas(8) char memory[1024] = {};
};

TEST_CASE("a stamp names every queue with the offset that the message got there") {
  Sample sample;
  MessagePlan plan = sample.FannedOut();
  for (uint64_t times = 0; times < 2; ++times) {
    MakeRoomFor(plan, sample.queues);
    REQUIRE(HasRoomFor(plan));
    const LogPosition position(4096 + 256 * times);
    MutexLock lock(sample.lock);
    StampMessage(plan, position, sample.memory, /*time=*/77, /*group_distance=*/0);

    const RecordHeader header = LoadHeader(sample.memory);
    CHECK(header.word == -256);
    CHECK(header.type == RecordType::kMessage);
    CHECK(header.queue_number == 1);
    CHECK(header.queue_offset == times);
    CHECK(header.store_time == 77);
    CHECK(plan.queue_offset == times);
    const auto decoded = DecodeQueues(sample.memory);
    REQUIRE(decoded.has_value());
    REQUIRE(decoded->further_queue_count == 2);
    CHECK(decoded->further_queue(0).number == 2);
    CHECK(decoded->further_queue(1).number == 4);
    CHECK(decoded->further_queue(1).offset == times);
    for (const uint32_t number : {1u, 2u, 4u}) {
      CHECK(sample.queues.queue(number).end() == times + 1);
      CHECK(sample.Entry(number, times).position == position);
      CHECK(sample.Entry(number, times).filter == 5);
    }
  }
  CHECK(sample.queues.queue(3).end() == 0);
}

TEST_CASE("without room in any one of its queues a stamp is not ready") {
  Sample sample;
  const MessagePlan plan = sample.FannedOut();
  CHECK_FALSE(HasRoomFor(plan));
  sample.queues.MakeRoom(1, 1);
  sample.queues.MakeRoom(2, 1);
  CHECK_FALSE(HasRoomFor(plan));
  MakeRoomFor(plan, sample.queues);
  CHECK(HasRoomFor(plan));
}

TEST_CASE(
    "the stamp of a group is that of its header and of its members, which know their distance") {
  Sample sample;
  std::vector<MessagePlan> plans(3);
  for (MessagePlan& plan : plans) {
    plan.record_bytes = 64;
    plan.target = sample.Target(sample.orders, 0);
  }
  std::vector<std::pair<uint32_t, uint32_t>> demand = {{0, 3}};
  const uint32_t bytes = kRecordHeaderBytes + 3 * 64;
  const GroupStamp stamp{plans, demand, sample.queues, bytes};
  CHECK(stamp.messages() == 3);
  CHECK_FALSE(stamp.Ready());
  stamp.Prepare();
  REQUIRE(stamp.Ready());

  MutexLock lock(sample.lock);
  stamp(LogPosition(4096), sample.memory, 77);

  const RecordHeader header = LoadHeader(sample.memory);
  CHECK(header.type == RecordType::kGroup);
  CHECK(header.word == -static_cast<int32_t>(bytes));
  for (uint32_t i = 0; i < 3; ++i) {
    const uint32_t at = kRecordHeaderBytes + i * 64;
    const RecordHeader member = LoadHeader(sample.memory + at);
    CHECK(member.word == -64);
    CHECK(member.group_distance * kRecordAlignment == at);
    CHECK(member.queue_offset == i);
    CHECK(sample.Entry(0, i).position == LogPosition(4096 + at));
  }
}

}  // namespace
}  // namespace weir::internal
