#include "store/message_planner.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/status_macros.h"
#include "format/record.h"

namespace weir::internal {
namespace {

absl::Status NamedTwice(absl::string_view topic) {
  return absl::InvalidArgumentError(absl::StrCat("topic ", topic, ": a queue is named twice"));
}

absl::Status NoSuchQueue(absl::string_view topic, uint32_t queue_id) {
  return absl::NotFoundError(absl::StrCat("topic ", topic, " has no queue ", queue_id));
}

// What nobody could name would be kept by nobody.
absl::Status CheckHasKey(const Topic::Entry* topic, const Message& message) {
  if (topic == nullptr || !topic->is_compacted || !message.keys.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("topic ", topic->name, " is compacted: its messages need a key"));
}

uint32_t NextQueue(const Topic::Entry& topic) {
  if (topic.queue_count == 1) return 0;
  return topic.next_queue.fetch_add(1, std::memory_order_relaxed) % topic.queue_count;
}

}  // namespace

absl::StatusOr<const Topic::Entry*> MessagePlanner::OfHandle(const TopicRef& topic) const {
  const Topic::Entry* const entry = topic.topic().entry();
  if (entry == nullptr) return nullptr;
  if (entry->owner != catalogue_) {
    return absl::InvalidArgumentError("the topic's handle belongs to another store");
  }
  if (entry->is_deleted.load(std::memory_order_acquire)) {
    return absl::NotFoundError(absl::StrCat("topic ", entry->name, " was deleted"));
  }
  return entry;
}

absl::StatusOr<const Topic::Entry*> MessagePlanner::Resolve(const TopicRef& topic,
                                                            Deadline deadline) {
  ASSIGN_OR_RETURN(const Topic::Entry* const of_handle, OfHandle(topic));
  if (of_handle != nullptr) return of_handle;
  if (const Topic::Entry* const known = catalogue_->Find(topic.name())) return known;
  RETURN_IF_ERROR(CheckTopicName(topic.name()));
  if (log_->options().default_queue_count == 0) {
    return absl::NotFoundError(absl::StrCat("there is no topic ", topic.name()));
  }
  return topics_->Create(topic.name(), log_->options().default_queue_count, {}, deadline);
}

absl::StatusOr<const Topic::Entry*> MessagePlanner::CheckQueue(
    const TopicRef& topic, std::optional<uint32_t> queue_id) const {
  ASSIGN_OR_RETURN(const Topic::Entry* entry, OfHandle(topic));
  if (entry == nullptr) entry = catalogue_->Find(topic.name());
  uint32_t queue_count = log_->options().default_queue_count;
  if (entry != nullptr) {
    queue_count = entry->queue_count;
  } else {
    RETURN_IF_ERROR(CheckTopicName(topic.name()));
    if (queue_count == 0) {
      return absl::NotFoundError(absl::StrCat("there is no topic ", topic.name()));
    }
  }
  if (queue_id && *queue_id >= queue_count) return NoSuchQueue(topic.name(), *queue_id);
  return entry;
}

absl::Status MessagePlanner::Check(const Message& message, uint64_t body_bytes,
                                   MessagePlan* plan) const {
  plan->message = &message;
  RETURN_IF_ERROR(
      MeasureMessage(body_bytes, log_->options().max_body_bytes, log_->record_bytes_max(), plan));
  ASSIGN_OR_RETURN(plan->topic, CheckQueue(message.topic, message.queue_id));
  RETURN_IF_ERROR(CheckHasKey(plan->topic, message));
  if (message.further_queues.empty()) return absl::OkStatus();
  bool all_known = plan->topic != nullptr;
  for (const QueueRef& queue : message.further_queues) {
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, CheckQueue(queue.topic, queue.queue_id));
    RETURN_IF_ERROR(CheckHasKey(entry, message));
    all_known = all_known && entry != nullptr;
  }
  if (all_known) return absl::OkStatus();
  // A topic would be created for it: not for one that SettleFurther() refuses.
  std::set<std::pair<absl::string_view, uint32_t>> places;
  const bool has_one_queue = plan->topic == nullptr && log_->options().default_queue_count == 1;
  if (message.queue_id || has_one_queue) {
    places.emplace(message.topic.name(), message.queue_id.value_or(0));
  }
  for (const QueueRef& queue : message.further_queues) {
    if (!places.emplace(queue.topic.name(), queue.queue_id).second) {
      return NamedTwice(queue.topic.name());
    }
  }
  return absl::OkStatus();
}

absl::Status MessagePlanner::SettleFurther(Deadline deadline, MessagePlan* plan) {
  for (const QueueRef& queue : plan->message->further_queues) {
    ASSIGN_OR_RETURN(const Topic::Entry* const topic, Resolve(queue.topic, deadline));
    if (queue.queue_id >= topic->queue_count) return NoSuchQueue(topic->name, queue.queue_id);
    RETURN_IF_ERROR(CheckHasKey(topic, *plan->message));
    const uint32_t number = topic->first_queue + queue.queue_id;
    plan->further.push_back({number, topic, &queues_->queue(number)});
  }
  std::sort(plan->further.begin(), plan->further.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  for (size_t i = 0; i < plan->further.size(); ++i) {
    const MessagePlan::Target& target = plan->further[i];
    if (target.number == plan->target.number ||
        (i > 0 && target.number == plan->further[i - 1].number)) {
      return NamedTwice(target.topic->name);
    }
  }
  return absl::OkStatus();
}

absl::Status MessagePlanner::Settle(Deadline deadline, MessagePlan* plan) {
  const Message& message = *plan->message;
  if (plan->topic == nullptr) {
    ASSIGN_OR_RETURN(plan->topic, Resolve(message.topic, deadline));
  }
  const Topic::Entry& topic = *plan->topic;
  // It may have been made by somebody else since it was looked for.
  RETURN_IF_ERROR(CheckHasKey(plan->topic, message));
  if (message.queue_id) {
    plan->queue_id = *message.queue_id;
    if (plan->queue_id >= topic.queue_count) return NoSuchQueue(topic.name, plan->queue_id);
  } else if (!message.ordering_key.empty()) {
    plan->queue_id = static_cast<uint32_t>(Checksum(message.ordering_key) % topic.queue_count);
  } else {
    plan->queue_id = NextQueue(topic);
  }
  const uint32_t number = topic.first_queue + plan->queue_id;
  plan->target = {number, plan->topic, &queues_->queue(number)};
  return message.further_queues.empty() ? absl::OkStatus() : SettleFurther(deadline, plan);
}

bool MessagePlanner::PlanPlain(const Message& message, uint64_t body_bytes,
                               MessagePlan* plan) const {
  const Topic::Entry* const topic = message.topic.topic().entry();
  if (topic == nullptr || topic->owner != catalogue_ || topic->is_compacted ||
      !PartsOf(message).IsEmpty() || !message.further_queues.empty() ||
      topic->is_deleted.load(std::memory_order_relaxed)) {
    return false;
  }
  const uint64_t record_bytes = RecordBytes(0, body_bytes);
  if (body_bytes > log_->options().max_body_bytes || record_bytes > log_->record_bytes_max()) {
    return false;
  }
  if (message.queue_id && *message.queue_id >= topic->queue_count) return false;
  plan->message = &message;
  plan->topic = topic;
  plan->queue_id = message.queue_id ? *message.queue_id : NextQueue(*topic);
  plan->record_bytes = static_cast<uint32_t>(record_bytes);
  plan->body_bytes = static_cast<uint32_t>(body_bytes);
  const uint32_t number = topic->first_queue + plan->queue_id;
  plan->target = {number, topic, &queues_->queue(number)};
  return true;
}

absl::Status MessagePlanner::Plan(const Message& message, uint64_t body_bytes, Deadline deadline,
                                  MessagePlan* plan) {
  if (PlanPlain(message, body_bytes, plan)) return absl::OkStatus();
  RETURN_IF_ERROR(Check(message, body_bytes, plan));
  RETURN_IF_ERROR(Settle(deadline, plan));
  uint64_t planned_bytes = 0;
  return latest_->Admit(*plan, &planned_bytes);
}

absl::Status MessagePlanner::PlanAll(absl::Span<const Message> messages, Deadline deadline,
                                     absl::Span<MessagePlan> plans, uint32_t* group_bytes) {
  uint64_t total = kRecordHeaderBytes;
  for (size_t i = 0; i < messages.size(); ++i) {
    RETURN_IF_ERROR(Check(messages[i], messages[i].body.size(), &plans[i]));
    total += plans[i].record_bytes;
  }
  if (total > log_->group_bytes_max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the batch has ", total, " bytes; at most ", log_->group_bytes_max()));
  }
  *group_bytes = static_cast<uint32_t>(total);
  for (MessagePlan& plan : plans) RETURN_IF_ERROR(Settle(deadline, &plan));
  uint64_t planned_bytes = 0;
  for (const MessagePlan& plan : plans) RETURN_IF_ERROR(latest_->Admit(plan, &planned_bytes));
  return absl::OkStatus();
}

}  // namespace weir::internal
