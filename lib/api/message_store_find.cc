// The part of the store that finds messages: by key, by id, by time.

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/message_store_impl.h"
#include "base/status_macros.h"
#include "weir/find.h"
#include "weir/store.h"

namespace weir {
namespace {

// So often a message may be carried on between a look at its place and the read there.
constexpr int kLooksMax = 4;

absl::Status CheckKey(absl::string_view key) {
  if (!key.empty() && key.size() <= kMaxKeyBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a key has 1 to ", kMaxKeyBytes, " bytes; this one has ", key.size()));
}

absl::Status CheckSearch(absl::string_view key, const FindOptions& options) {
  RETURN_IF_ERROR(CheckKey(key));
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

// Looks with `look`, which is told whether it is the last time, until nothing is carried on
// meanwhile.
template <typename Look>
auto MessageStore::Impl::LookForLatest(const TopicRef& topic, Look&& look) const
    -> decltype(look(std::declval<const Topic::Entry&>(), true)) {
  for (int looks = 1;; ++looks) {
    RETURN_IF_ERROR(Check());
    RETURN_IF_ERROR(Refresh());
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, FindTopic(topic));
    auto result = look(*entry, looks == kLooksMax);
    if (absl::IsAborted(result.status()) && looks < kLooksMax) continue;
    if (result.ok()) reads.fetch_add(result->messages().size(), std::memory_order_relaxed);
    return result;
  }
}

absl::StatusOr<ReadResult> MessageStore::Latest(TopicRef topic, absl::string_view key) {
  return impl_->Run([&]() -> absl::StatusOr<ReadResult> {
    RETURN_IF_ERROR(CheckKey(key));
    return impl_->LookForLatest(topic, [&](const Topic::Entry& entry, bool is_last_look) {
      return impl_->latest_finder().Latest(entry, key, is_last_look);
    });
  });
}

absl::StatusOr<LatestResult> MessageStore::ReadLatest(TopicRef topic, const LatestCursor& cursor,
                                                      const LatestOptions& options) {
  return impl_->Run([&]() -> absl::StatusOr<LatestResult> {
    if (options.limit == 0) return absl::InvalidArgumentError("limit is 0");
    return impl_->LookForLatest(topic, [&](const Topic::Entry& entry, bool is_last_look) {
      return impl_->latest_finder().ReadLatest(entry, cursor, options, is_last_look);
    });
  });
}

// What `look` gives, or, if the message does not stand there any more, what `look_for_copy` does.
template <typename Look, typename LookForCopy>
auto MessageStore::Impl::FindAnywhere(Look&& look, LookForCopy&& look_for_copy) const
    -> decltype(look()) {
  for (int looks = 1;; ++looks) {
    RETURN_IF_ERROR(Check());
    RETURN_IF_ERROR(Refresh());
    auto result = look();
    if (!absl::IsOutOfRange(result.status())) return result;
    auto copy = look_for_copy();
    if (absl::IsAborted(copy.status()) && looks < kLooksMax) continue;
    const bool is_known = !absl::IsAborted(copy.status()) && !absl::IsNotFound(copy.status());
    return is_known ? std::move(copy) : std::move(result);
  }
}

absl::StatusOr<MessageId> MessageStore::IdOf(LogPosition position) {
  return impl_->Run([&]() -> absl::StatusOr<MessageId> {
    return impl_->FindAnywhere([&] { return impl_->finder().IdOf(position); },
                               [&] { return impl_->latest_finder().IdOfCopy(position); });
  });
}

absl::StatusOr<ReadResult> MessageStore::FindById(const MessageId& id) {
  return impl_->Run([&]() -> absl::StatusOr<ReadResult> {
    absl::StatusOr<ReadResult> result =
        impl_->FindAnywhere([&] { return impl_->finder().FindById(id); },
                            [&] { return impl_->latest_finder().FindCopy(id); });
    if (result.ok()) impl_->reads.fetch_add(result->size(), std::memory_order_relaxed);
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
