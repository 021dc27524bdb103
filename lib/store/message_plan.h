// A message on its way into the log: checked, with its queues chosen and its size known; and the
// stamp that is written and entered under the append lock.

#ifndef WEIR_STORE_MESSAGE_PLAN_H_
#define WEIR_STORE_MESSAGE_PLAN_H_

#include <cstdint>

#include "absl/container/inlined_vector.h"
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
  MessageParts parts;
  // The topic's queue first, then the further ones in ascending order.
  struct Target {
    uint32_t number;
    const Topic::Entry* topic;
  };
  absl::InlinedVector<Target, 1> targets;

  // Written by the stamp.
  uint64_t queue_offset = 0;
};

// Checks the message's limits and computes its sizes. `topic` and `queue_id` are set already, and
// so are the targets.
absl::Status MeasureMessage(uint64_t body_bytes, uint64_t body_bytes_max,
                            uint64_t record_bytes_max, MessagePlan* plan);

// Writes the stamp of one message at `memory` and enters it in its queues, which have room.
inline void StampMessage(MessagePlan& plan, ConsumeQueues& queues, LogPosition position,
                         char* memory, int64_t time, uint32_t group_distance) {
  const QueueEntry entry{
      .position = position, .filter = plan.filter, .record_bytes = plan.record_bytes};
  const MessagePlan::Target& first = plan.targets[0];
  plan.queue_offset = queues.queue(first.number).Enter(entry);
  first.topic->CountMessage(plan.record_bytes);
  WriteStamp(memory, {.bytes = plan.record_bytes,
                      .type = RecordType::kMessage,
                      .flags = FlagsOf(plan.parts),
                      .queue_number = first.number,
                      .queue_offset = plan.queue_offset,
                      .store_time = time,
                      .group_distance = group_distance});
  if (plan.parts.further_queues == 0) return;
  WriteFurtherQueueCount(memory, plan.parts.further_queues);
  for (uint32_t i = 0; i < plan.parts.further_queues; ++i) {
    const MessagePlan::Target& target = plan.targets[1 + i];
    const uint64_t offset = queues.queue(target.number).Enter(entry);
    target.topic->CountMessage(plan.record_bytes);
    WriteFurtherQueue(memory, i, {target.number, offset});
  }
}

// Makes the queues ready for the stamp of one message, or looks whether they are.
inline void MakeRoomFor(const MessagePlan& plan, ConsumeQueues& queues) {
  for (const MessagePlan::Target& target : plan.targets) {
    if (queues.queue(target.number).room() == 0) queues.MakeRoom(target.number, 1);
  }
}
inline bool HasRoomFor(const MessagePlan& plan, ConsumeQueues& queues) {
  for (const MessagePlan::Target& target : plan.targets) {
    if (queues.queue(target.number).room() == 0) return false;
  }
  return true;
}

}  // namespace weir::internal

#endif  // WEIR_STORE_MESSAGE_PLAN_H_
