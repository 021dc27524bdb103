// The stamps of messages: what is written and entered under the append lock for one message, and
// for an atomic group.

#ifndef WEIR_STORE_MESSAGE_STAMP_H_
#define WEIR_STORE_MESSAGE_STAMP_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "format/record.h"
#include "index/consume_queues.h"
#include "log/commit_log.h"
#include "store/message_plan.h"
#include "weir/message.h"

namespace weir::internal {

// Writes the stamp of one message at `memory` and enters it in its queues, which have room.
inline void StampMessage(MessagePlan& plan, LogPosition position, char* memory, int64_t time,
                         uint32_t group_distance) {
  const QueueEntry entry{
      .position = position, .filter = plan.filter, .record_bytes = plan.record_bytes};
  const MessagePlan::Target& first = plan.target;
  plan.queue_offset = first.queue->Enter(entry);
  first.topic->CountMessage(plan.record_bytes);
  WriteStamp(memory, {.bytes = plan.record_bytes,
                      .type = RecordType::kMessage,
                      .flags = plan.flags,
                      .queue_number = first.number,
                      .queue_offset = plan.queue_offset,
                      .store_time = time,
                      .group_distance = group_distance,
                      .filter = plan.filter,
                      .body_bytes = plan.body_bytes});
  if (plan.further.empty()) return;
  WriteFurtherQueueCount(memory, static_cast<uint32_t>(plan.further.size()));
  uint32_t index = 0;
  for (MessagePlan::Target& target : plan.further) {
    target.offset = target.queue->Enter(entry);
    target.topic->CountMessage(plan.record_bytes);
    WriteFurtherQueue(memory, index++, {target.number, target.offset});
  }
}

// Makes the queues ready for the stamp of one message, or looks whether they are.
inline void MakeRoomFor(const MessagePlan& plan, ConsumeQueues& queues) {
  if (plan.target.queue->room() == 0) queues.MakeRoom(plan.target.number, 1);
  for (const MessagePlan::Target& target : plan.further) {
    if (target.queue->room() == 0) queues.MakeRoom(target.number, 1);
  }
}
inline bool HasRoomFor(const MessagePlan& plan) {
  if (plan.target.queue->room() == 0) return false;
  for (const MessagePlan::Target& target : plan.further) {
    if (target.queue->room() == 0) return false;
  }
  return true;
}

// The stamp of one message.
struct SingleStamp {
  MessagePlan& plan;
  ConsumeQueues& queues;
  CommitLog& log;
  Completion* completion = nullptr;  // linked in the order of the log

  void Prepare() const { MakeRoomFor(plan, queues); }
  bool Ready() const { return HasRoomFor(plan); }
  void operator()(LogPosition position, char* memory, int64_t time) const {
    StampMessage(plan, position, memory, time, 0);
    if (completion == nullptr) return;
    completion->receipt.position = position;
    completion->receipt.end = position + plan.record_bytes;
    completion->receipt.queue_id = plan.queue_id;
    completion->receipt.queue_offset = QueueOffset(plan.queue_offset);
    log.completions().Link(completion);
  }
};

// The stamp of an atomic group: the header's and every member's.
struct GroupStamp {
  uint64_t messages() const { return plans.size(); }

  std::vector<MessagePlan>& plans;
  std::vector<std::pair<uint32_t, uint32_t>>& demand;  // entries wanted, by queue number
  ConsumeQueues& queues;
  uint32_t bytes;

  void Prepare() const {
    for (const auto& [number, entries] : demand) queues.MakeRoom(number, entries);
  }
  bool Ready() const {
    return std::all_of(demand.begin(), demand.end(), [&](const auto& wanted) {
      return queues.queue(wanted.first).room() >= wanted.second;
    });
  }
  void operator()(LogPosition position, char* memory, int64_t time) const {
    WriteStamp(memory, {.bytes = bytes, .type = RecordType::kGroup, .store_time = time});
    uint32_t at = kRecordHeaderBytes;
    for (MessagePlan& plan : plans) {
      StampMessage(plan, position + at, memory + at, time, at / kRecordAlignment);
      at += plan.record_bytes;
    }
  }
};

}  // namespace weir::internal

#endif  // WEIR_STORE_MESSAGE_STAMP_H_
