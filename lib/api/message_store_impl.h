// What a store object holds: the engine of a writer or the follower of a reader, and what its
// public functions ask first.

#ifndef WEIR_API_MESSAGE_STORE_IMPL_H_
#define WEIR_API_MESSAGE_STORE_IMPL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api/background.h"
#include "api/store_parts.h"
#include "base/status_macros.h"
#include "io/fork_guard.h"
#include "store/engine.h"
#include "store/follower.h"
#include "weir/store.h"

namespace weir {

struct MessageStore::Impl {
  StoreOptions options;
  internal::ForkGuard fork_guard;
  // One of the two.
  std::unique_ptr<internal::Engine> engine;
  std::unique_ptr<internal::Follower> follower;
  std::unique_ptr<internal::Background> background;
  std::atomic<bool> is_closed{false};
  mutable std::atomic<uint64_t> reads{0};

  absl::Status Check() const {
    if (fork_guard.forked()) {
      return absl::FailedPreconditionError("this process was forked from the store's: open anew");
    }
    if (is_closed.load(std::memory_order_acquire)) return absl::FailedPreconditionError("closed");
    return absl::OkStatus();
  }
  // As Check(), for who gives no status.
  bool is_open() const {
    return !fork_guard.forked() && !is_closed.load(std::memory_order_acquire);
  }
  absl::Status CheckWriter() const {
    RETURN_IF_ERROR(Check());
    if (engine == nullptr) return absl::FailedPreconditionError("the store is open for reading");
    return absl::OkStatus();
  }

  // A promise that was broken ends writing; a process that only reads says so and goes on.
  template <typename Call>
  auto Run(Call&& call) const {
    const auto judge = [this] {
      return engine != nullptr ? engine->log().JudgePromises() : follower->health().RaiseBroken();
    };
    return internal::Answer(judge, call);
  }

  internal::LogView& log() const {
    return engine != nullptr ? static_cast<internal::LogView&>(engine->view()) : follower->view();
  }
  internal::TopicCatalogue& catalogue() const {
    return engine != nullptr ? engine->catalogue() : follower->catalogue();
  }
  internal::MessageReader& reader() const {
    return engine != nullptr ? engine->reader() : follower->reader();
  }
  internal::MessageFinder& finder() const {
    return engine != nullptr ? engine->finder() : follower->finder();
  }
  internal::LatestFinder& latest_finder() const {
    return engine != nullptr ? engine->latest_finder() : follower->latest_finder();
  }
  // A reading process looks for what is new first.
  absl::Status Refresh() const {
    return follower != nullptr ? follower->CatchUp() : absl::OkStatus();
  }
  // Null if there is none, or none any more.
  absl::StatusOr<const Topic::Entry*> Find(const TopicRef& ref) const {
    if (ref.topic()) {
      const Topic::Entry* const entry = ref.topic().entry();
      if (entry->owner != &catalogue()) {
        return absl::InvalidArgumentError("the topic's handle belongs to another store");
      }
      return entry->is_deleted.load(std::memory_order_acquire) ? nullptr : entry;
    }
    return catalogue().Find(ref.name());
  }
  // kNotFound if there is none.
  absl::StatusOr<const Topic::Entry*> FindTopic(const TopicRef& ref) const {
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, Find(ref));
    if (entry != nullptr) return entry;
    return absl::NotFoundError(absl::StrCat("there is no topic ", ref.name()));
  }
  // The topic of a queue; kNotFound if there is none such.
  absl::StatusOr<const Topic::Entry*> FindQueue(const TopicRef& ref, uint32_t queue_id) const {
    ASSIGN_OR_RETURN(const Topic::Entry* const entry, FindTopic(ref));
    if (queue_id < entry->queue_count) return entry;
    return absl::NotFoundError(absl::StrCat("topic ", entry->name, " has no queue ", queue_id));
  }
  template <typename Look, typename LookForCopy>
  auto FindAnywhere(Look&& look, LookForCopy&& look_for_copy) const -> decltype(look());
  template <typename Look>
  auto LookForLatest(const TopicRef& topic, Look&& look) const
      -> decltype(look(std::declval<const Topic::Entry&>(), true));
  template <typename ReadSome>
  absl::StatusOr<ReadResult> ReadWaiting(const TopicRef& topic, uint32_t queue_id, uint64_t offset,
                                         absl::Duration wait, absl::Duration spin, ReadSome&& read);
};

}  // namespace weir

#endif  // WEIR_API_MESSAGE_STORE_IMPL_H_
