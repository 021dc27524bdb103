// Decides where messages go: finds or creates their topics, chooses their queues, and checks
// everything that can be checked before anything is created for a message that is refused.

#ifndef WEIR_STORE_MESSAGE_PLANNER_H_
#define WEIR_STORE_MESSAGE_PLANNER_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "index/consume_queues.h"
#include "log/commit_log.h"
#include "store/latest_budget.h"
#include "store/message_plan.h"
#include "store/topic_catalogue.h"
#include "store/topic_writer.h"
#include "weir/message.h"

namespace weir::internal {

// Any thread.
class MessagePlanner {
 public:
  // Nothing is owned.
  MessagePlanner(const CommitLog* log, ConsumeQueues* queues, const TopicCatalogue* catalogue,
                 TopicWriter* topics, const LatestBudget* latest)
      : log_(log), queues_(queues), catalogue_(catalogue), topics_(topics), latest_(latest) {}

  // Plans one message with a body of `body_bytes`.
  absl::Status Plan(const Message& message, uint64_t body_bytes, Deadline deadline,
                    MessagePlan* plan);
  // Plans several; `group_bytes` is the length of the group that they make.
  absl::Status PlanAll(absl::Span<const Message> messages, Deadline deadline,
                       absl::Span<MessagePlan> plans, uint32_t* group_bytes);

  // The topic; created if it is missing and the options allow topics to come with their first
  // message. Waits for room at most until the deadline.
  absl::StatusOr<const Topic::Entry*> Resolve(const TopicRef& topic, Deadline deadline);

 private:
  // Plans what most messages are: a body for a queue of a topic given by its handle, and nothing
  // else. False: it is something else, or wrong, and nothing happened.
  bool PlanPlain(const Message& message, uint64_t body_bytes, MessagePlan* plan) const;
  // Without creating anything.
  absl::Status Check(const Message& message, uint64_t body_bytes, MessagePlan* plan) const;
  // The topic if it is known, null if it would be created.
  absl::StatusOr<const Topic::Entry*> CheckQueue(const TopicRef& topic,
                                                 std::optional<uint32_t> queue_id) const;
  absl::Status Settle(Deadline deadline, MessagePlan* plan);
  absl::Status SettleFurther(Deadline deadline, MessagePlan* plan);

  // The topic of a handle; null for a name.
  absl::StatusOr<const Topic::Entry*> OfHandle(const TopicRef& topic) const;

  const CommitLog* const log_;
  ConsumeQueues* const queues_;
  const TopicCatalogue* const catalogue_;
  TopicWriter* const topics_;
  const LatestBudget* const latest_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_MESSAGE_PLANNER_H_
