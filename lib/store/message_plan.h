// A message on its way into the log: checked, with its queues chosen and its size known.

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
  // Members are set one by one: a whole object zeroed at once costs a small append a tenth of its
  // time.
  MessagePlan() {}  // NOLINT(modernize-use-equals-default)

  struct Target {
    uint32_t number = 0;
    const Topic::Entry* topic = nullptr;
    ConsumeQueue* queue = nullptr;
    uint64_t offset = 0;  // of a further queue; written by the stamp
  };

  const Message* message = nullptr;
  const Topic::Entry* topic = nullptr;
  Target target;                // the topic's queue
  std::vector<Target> further;  // in ascending order of their numbers
  uint32_t queue_id = 0;
  uint32_t record_bytes = 0;
  uint32_t body_bytes = 0;
  uint32_t filter = 0;
  uint16_t flags = 0;

  // Written by the stamp.
  uint64_t queue_offset = 0;
};

inline MessageParts PartsOf(const Message& message) {
  return {.further_queues = static_cast<uint32_t>(message.further_queues.size()),
          .tag = message.tag,
          .ordering_key = message.ordering_key,
          .keys = message.keys,
          .properties = message.properties,
          .expiry = message.expires_at == absl::InfiniteFuture()
                        ? kNeverExpires
                        : absl::ToUnixNanos(message.expires_at)};
}

// Checks the message's limits and computes its sizes.
absl::Status MeasureMessage(uint64_t body_bytes, uint64_t body_bytes_max, uint64_t record_bytes_max,
                            MessagePlan* plan);

}  // namespace weir::internal

#endif  // WEIR_STORE_MESSAGE_PLAN_H_
