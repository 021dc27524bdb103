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

uint32_t NextQueue(const Topic::Entry& topic) {
  if (topic.queue_count == 1) return 0;
  return topic.next_queue.fetch_add(1, std::memory_order_relaxed) % topic.queue_count;
}

}  // namespace

absl::StatusOr<const Topic::Entry*> MessagePlanner::AddTopic(absl::string_view name,
                                                             uint32_t queue_count,
                                                             Deadline deadline) {
  RETURN_IF_ERROR(CheckTopicName(name));
  if (queue_count == 0 || queue_count > kMaxQueuesPerTopic) {
    return absl::InvalidArgumentError(
        absl::StrCat(queue_count, " queues; 1 to ", kMaxQueuesPerTopic));
  }
  for (;;) {
    const uint32_t total = TopicGroupBytes(name);
    {
      MutexLock lock(topic_lock_);
      if (const Topic::Entry* const known = catalogue_->Find(name)) return known;
      const uint32_t first_queue = catalogue_->next_queue();
      // Whatever can fail for want of memory or numbers fails before the record is in the log.
      ASSIGN_OR_RETURN(TopicCatalogue::Prepared prepared,
                       catalogue_->Prepare(name, first_queue, queue_count));
      const std::string body = EncodeTopic(name, first_queue, queue_count);
      const CountedStamp stamp{
          0, [&](LogPosition, char* memory, int64_t time) { StampTopicGroup(memory, name, time); }};
      Reservation place;
      const absl::Status claimed = log_->Claim(
          total, log_->clock().WallNanos(), log_->DeadlineIn(absl::ZeroDuration()), stamp, &place);
      if (claimed.ok()) {
        const int32_t word =
            FillTopicGroup(place.bytes, place.position, log_->incarnation(), name, body);
        // Published before anybody can append to it: a message is never without its topic.
        log_->Publish(place, word);
        log_->doorbell().RingLog();
        return catalogue_->Enter(std::move(prepared), place.position + kRecordHeaderBytes);
      }
      if (!absl::IsDeadlineExceeded(claimed)) return claimed;
    }
    RETURN_IF_ERROR(log_->MakeRoom(total, deadline));
  }
}

absl::StatusOr<const Topic::Entry*> MessagePlanner::Resolve(const TopicRef& topic,
                                                            Deadline deadline) {
  if (topic.topic()) {
    const Topic::Entry* const entry = topic.topic().entry();
    if (entry->owner != catalogue_) {
      return absl::InvalidArgumentError("the topic's handle belongs to another store");
    }
    return entry;
  }
  if (const Topic::Entry* const known = catalogue_->Find(topic.name())) return known;
  RETURN_IF_ERROR(CheckTopicName(topic.name()));
  if (log_->options().default_queue_count == 0) {
    return absl::NotFoundError(absl::StrCat("there is no topic ", topic.name()));
  }
  return AddTopic(topic.name(), log_->options().default_queue_count, deadline);
}

absl::StatusOr<const Topic::Entry*> MessagePlanner::CheckQueue(
    const TopicRef& topic, std::optional<uint32_t> queue_id) const {
  const Topic::Entry* const entry =
      topic.topic() ? topic.topic().entry() : catalogue_->Find(topic.name());
  uint32_t queue_count = log_->options().default_queue_count;
  if (entry != nullptr) {
    if (entry->owner != catalogue_) {
      return absl::InvalidArgumentError("the topic's handle belongs to another store");
    }
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
  if (message.further_queues.empty()) return absl::OkStatus();
  bool all_known = plan->topic != nullptr;
  for (const QueueRef& queue : message.further_queues) {
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, CheckQueue(queue.topic, queue.queue_id));
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
  if (topic == nullptr || topic->owner != catalogue_ || !PartsOf(message).IsEmpty() ||
      !message.further_queues.empty()) {
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
  return Settle(deadline, plan);
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
  return absl::OkStatus();
}

}  // namespace weir::internal
