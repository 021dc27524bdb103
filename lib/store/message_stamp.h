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
    completion->begin = position;
    completion->end = position + plan.record_bytes;
    log.completions().Link(completion);
  }
};

// The stamp of an atomic group: the header's and every member's.
struct GroupStamp {
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
