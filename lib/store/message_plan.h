// A message on its way into the log: checked, with its queues chosen and its size known; and the
// stamp that is written and entered under the append lock.

#ifndef WEIR_STORE_MESSAGE_PLAN_H_
#define WEIR_STORE_MESSAGE_PLAN_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "format/record.h"
#include "index/consume_queues.h"
#include "store/topic_catalogue.h"
#include "weir/message.h"

namespace weir::internal {

struct MessagePlan {
  const Message* message = nullptr;
  const Topic::Entry* topic = nullptr;
  uint32_t queue_id = 0;
  uint32_t body_bytes = 0;
  uint32_t record_bytes = 0;
  uint32_t filter = 0;
  uint16_t flags = 0;
  MessageParts parts;
  struct Target {
    uint32_t number = 0;
    const Topic::Entry* topic = nullptr;
    ConsumeQueue* queue = nullptr;
  };
  Target target;                // the topic's queue
  std::vector<Target> further;  // in ascending order of their numbers

  // Written by the stamp.
  uint64_t queue_offset = 0;
};

// Checks the message's limits and computes its sizes. `topic` and `queue_id` are set already, and
// so are the targets.
absl::Status MeasureMessage(uint64_t body_bytes, uint64_t body_bytes_max, uint64_t record_bytes_max,
                            MessagePlan* plan);

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
                      .group_distance = group_distance});
  if (plan.parts.further_queues == 0) return;
  WriteFurtherQueueCount(memory, plan.parts.further_queues);
  for (uint32_t i = 0; i < plan.parts.further_queues; ++i) {
    const MessagePlan::Target& target = plan.further[i];
    const uint64_t offset = target.queue->Enter(entry);
    target.topic->CountMessage(plan.record_bytes);
    WriteFurtherQueue(memory, i, {target.number, offset});
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

}  // namespace weir::internal

#endif  // WEIR_STORE_MESSAGE_PLAN_H_
