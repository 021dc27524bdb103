// Of the public store: topics, queues, groups, and what is kept of them.

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/message_store_impl.h"
#include "base/status_macros.h"
#include "weir/store.h"

namespace weir {

absl::StatusOr<Topic> MessageStore::CreateTopic(absl::string_view name, uint32_t queue_count) {
  return CreateTopic(name, TopicOptions{.queue_count = queue_count});
}

absl::StatusOr<Topic> MessageStore::CreateTopic(absl::string_view name,
                                                const TopicOptions& options) {
  return impl_->Run([&]() -> absl::StatusOr<Topic> {
    RETURN_IF_ERROR(impl_->CheckWriter());
    return impl_->engine->CreateTopic(name, options);
  });
}

absl::Status MessageStore::AlterTopic(TopicRef topic, const TopicOptions& options) {
  return impl_->Run([&]() -> absl::Status {
    RETURN_IF_ERROR(impl_->CheckWriter());
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, impl_->FindTopic(topic));
    return impl_->engine->AlterTopic(*entry, options);
  });
}

absl::Status MessageStore::DeleteTopic(TopicRef topic) {
  return impl_->Run([&]() -> absl::Status {
    RETURN_IF_ERROR(impl_->CheckWriter());
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, impl_->FindTopic(topic));
    return impl_->engine->DeleteTopic(*entry);
  });
}

absl::Status MessageStore::PurgeQueue(TopicRef topic, uint32_t queue_id, QueueOffset first) {
  return impl_->Run([&]() -> absl::Status {
    RETURN_IF_ERROR(impl_->CheckWriter());
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, impl_->FindQueue(topic, queue_id));
    const uint32_t number = entry->first_queue + queue_id;
    return impl_->engine->Purge(*entry, {{number, first.value()}});
  });
}

absl::Status MessageStore::PurgeTopic(TopicRef topic) {
  return impl_->Run([&]() -> absl::Status {
    RETURN_IF_ERROR(impl_->CheckWriter());
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, impl_->FindTopic(topic));
    std::vector<internal::QueuePurge> purges;
    for (uint32_t i = 0; i < entry->queue_count; ++i) {
      purges.push_back({entry->first_queue + i, ~uint64_t{0}});
    }
    return impl_->engine->Purge(*entry, purges);
  });
}

absl::StatusOr<Topic> MessageStore::FindTopic(absl::string_view name) const {
  return impl_->Run([&]() -> absl::StatusOr<Topic> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    if (const Topic::Entry* const entry = impl_->catalogue().Find(name)) return Topic(entry);
    return absl::NotFoundError(absl::StrCat("there is no topic ", name));
  });
}

absl::StatusOr<Topic> MessageStore::OpenTopic(absl::string_view name) {
  return impl_->Run([&]() -> absl::StatusOr<Topic> {
    if (impl_->follower != nullptr) return FindTopic(name);
    RETURN_IF_ERROR(impl_->CheckWriter());
    return impl_->engine->OpenTopic(name);
  });
}

absl::StatusOr<QueueBounds> MessageStore::Bounds(TopicRef topic, uint32_t queue_id) const {
  return impl_->Run([&]() -> absl::StatusOr<QueueBounds> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, impl_->FindQueue(topic, queue_id));
    const uint32_t number = entry->first_queue + queue_id;
    return impl_->reader().Bounds(number);
  });
}

// --- Groups

absl::StatusOr<Durability> MessageStore::CommitOffset(absl::string_view group, TopicRef topic,
                                                      uint32_t queue_id, QueueOffset offset,
                                                      const CommitOptions& options) {
  return impl_->Run([&]() -> absl::StatusOr<Durability> {
    RETURN_IF_ERROR(impl_->CheckWriter());
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, impl_->FindQueue(topic, queue_id));
    const uint32_t number = entry->first_queue + queue_id;
    const QueueOffset end = impl_->reader().Bounds(number).end;
    if (offset > end) {
      return absl::OutOfRangeError(absl::StrCat("group ", group, ": offset ", offset.value(),
                                                " is behind the queue's end ", end.value()));
    }
    internal::CommitLog& log = impl_->engine->log();
    RETURN_IF_ERROR(log.CheckMayReach(options.durability, options.timeout));
    const internal::Deadline deadline = log.DeadlineIn(options.timeout);
    ASSIGN_OR_RETURN(const internal::Reservation place,
                     impl_->engine->groups().Commit(group, {{number, offset.value()}},
                                                    options.may_go_back, deadline));
    return log.WaitFor(place.position, place.end(), options.durability, deadline);
  });
}

absl::StatusOr<QueueOffset> MessageStore::CommittedOffset(absl::string_view group, TopicRef topic,
                                                          uint32_t queue_id) const {
  return impl_->Run([&]() -> absl::StatusOr<QueueOffset> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, impl_->FindQueue(topic, queue_id));
    const uint32_t number = entry->first_queue + queue_id;
    const internal::GroupOffsets& groups =
        impl_->engine != nullptr ? impl_->engine->groups() : impl_->follower->groups();
    if (const std::optional<uint64_t> offset = groups.Find(group, number)) {
      return QueueOffset(*offset);
    }
    return absl::NotFoundError(
        absl::StrCat("group ", group, " has committed nothing in queue ", queue_id));
  });
}

// --- Retention

absl::StatusOr<RetentionReport> MessageStore::Retain(const Retention& policy, bool dry_run) {
  return impl_->Run([&]() -> absl::StatusOr<RetentionReport> {
    RETURN_IF_ERROR(impl_->CheckWriter());
    ASSIGN_OR_RETURN(const internal::Retainer::Dropped dropped,
                     impl_->engine->retainer().Apply(policy, dry_run));
    return RetentionReport{
        .segments = dropped.segments, .bytes = dropped.bytes, .begin = dropped.begin};
  });
}

}  // namespace weir
