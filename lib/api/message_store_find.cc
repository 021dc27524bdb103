// The part of the store that finds messages: by key, by id, by time.

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/message_store_impl.h"
#include "base/status_macros.h"
#include "weir/find.h"
#include "weir/store.h"

namespace weir {
namespace {

absl::Status CheckSearch(absl::string_view key, const FindOptions& options) {
  if (key.empty() || key.size() > kMaxKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a key has 1 to ", kMaxKeyBytes, " bytes; this one has ", key.size()));
  }
  if (options.limit == 0) return absl::InvalidArgumentError("limit is 0");
  if (options.to < options.from) return absl::InvalidArgumentError("`to` is before `from`");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FindResult> MessageStore::FindByKey(TopicRef topic, absl::string_view key,
                                                   const FindOptions& options) {
  return impl_->Run([&]() -> absl::StatusOr<FindResult> {
    RETURN_IF_ERROR(CheckSearch(key, options));
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, impl_->FindTopic(topic));
    ASSIGN_OR_RETURN(FindResult result, impl_->finder().FindByKey(*entry, key, options));
    impl_->reads.fetch_add(result.size(), std::memory_order_relaxed);
    return result;
  });
}

absl::StatusOr<MessageId> MessageStore::IdOf(LogPosition position) {
  return impl_->Run([&]() -> absl::StatusOr<MessageId> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    return impl_->finder().IdOf(position);
  });
}

absl::StatusOr<ReadResult> MessageStore::FindById(const MessageId& id) {
  return impl_->Run([&]() -> absl::StatusOr<ReadResult> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    ASSIGN_OR_RETURN(ReadResult result, impl_->finder().FindById(id));
    impl_->reads.fetch_add(result.size(), std::memory_order_relaxed);
    return result;
  });
}

absl::StatusOr<QueueOffset> MessageStore::OffsetForTime(TopicRef topic, uint32_t queue_id,
                                                        absl::Time time, Boundary boundary) {
  return impl_->Run([&]() -> absl::StatusOr<QueueOffset> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, impl_->FindQueue(topic, queue_id));
    return impl_->finder().OffsetForTime(*entry, queue_id, time, boundary);
  });
}

absl::StatusOr<LogPosition> MessageStore::PositionForTime(absl::Time time) {
  return impl_->Run([&]() -> absl::StatusOr<LogPosition> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    return impl_->finder().PositionForTime(time);
  });
}

absl::StatusOr<TimeBounds> MessageStore::BoundsInTime(TopicRef topic, uint32_t queue_id) {
  return impl_->Run([&]() -> absl::StatusOr<TimeBounds> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, impl_->FindQueue(topic, queue_id));
    return impl_->finder().BoundsOf(*entry, queue_id);
  });
}

absl::StatusOr<TimeBounds> MessageStore::BoundsInTime() {
  return impl_->Run([&]() -> absl::StatusOr<TimeBounds> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    return impl_->finder().BoundsOfStore();
  });
}

}  // namespace weir
