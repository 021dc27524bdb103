#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/background.h"
#include "api/message_claim.h"
#include "api/message_store_impl.h"
#include "api/store_check.h"
#include "api/store_parts.h"
#include "api/store_snapshot.h"
#include "api/verification.h"
#include "base/guarded.h"
#include "base/status_macros.h"
#include "weir/store.h"

namespace weir {

using internal::CommitLog;
using internal::Engine;
using internal::Follower;
using internal::ReadOrWait;
using internal::Wanted;

namespace {

constexpr uint32_t kAllQueues = ~uint32_t{0};

ReadResult NoSuchQueue() {
  ReadResult result;
  result.outcome_ = ReadOutcome::kNoSuchQueue;
  return result;
}

}  // namespace

template <typename ReadSome>
absl::StatusOr<ReadResult> MessageStore::Impl::ReadWaiting(const TopicRef& topic, uint32_t queue_id,
                                                           uint64_t offset, absl::Duration wait,
                                                           absl::Duration spin, ReadSome&& read) {
  RETURN_IF_ERROR(Check());
  RETURN_IF_ERROR(Refresh());
  absl::StatusOr<ReadResult> result = NoSuchQueue();
  ASSIGN_OR_RETURN(const Topic::Entry* const entry, Find(topic));
  const bool one_queue = queue_id != kAllQueues;
  if (entry == nullptr || (one_queue && queue_id >= entry->queue_count)) return result;
  // Of a whole topic only the log's ends are known; what was there before the last look is no news.
  LogPosition claimed;
  LogPosition visible;
  const auto try_read = [&]() -> absl::StatusOr<bool> {
    RETURN_IF_ERROR(Refresh());
    if (!one_queue) {
      claimed = log().claimed_end();
      visible = log().ContiguousVisibleEnd();
    }
    result = read(*entry);
    if (!result.ok()) return result.status();
    return result->outcome() != ReadOutcome::kAtEnd;
  };
  const auto has_more = [&] {
    if (follower != nullptr && follower->HasNews()) return true;
    if (one_queue) return reader().HasMore(entry->first_queue + queue_id, offset);
    return log().claimed_end() > claimed || log().ContiguousVisibleEnd() > visible;
  };
  auto& doorbell = log().doorbell();
  auto& word = one_queue && follower == nullptr ? doorbell.queue_word(entry->first_queue + queue_id)
                                                : doorbell.log_word();
  RETURN_IF_ERROR(ReadOrWait(log(), *options.clock, word, wait, spin, try_read, has_more));
  reads.fetch_add(result->size(), std::memory_order_relaxed);
  return result;
}

// --- Open and close

absl::StatusOr<std::unique_ptr<MessageStore>> MessageStore::Open(const StoreOptions& given) {
  return internal::Answer(
      internal::TakeBroken, [&]() -> absl::StatusOr<std::unique_ptr<MessageStore>> {
        internal::OutOfMemory();  // made while there is some
        auto impl = std::make_unique<Impl>();
        impl->options = internal::WithDefaults(given);
        if (impl->options.read_only) {
          ASSIGN_OR_RETURN(impl->follower, Follower::Open(impl->options));
          return std::make_unique<MessageStore>(std::move(impl));
        }
        ASSIGN_OR_RETURN(impl->engine, Engine::Open(impl->options));
        Engine* const engine = impl->engine.get();
        std::vector<internal::Job> more;
        more.push_back({.name = "weir-sealer", .step = [engine] { return engine->SealStep(); }});
        more.push_back(
            {.name = "weir-retainer", .step = [engine] { return engine->retainer().Step(); }});
        impl->background = std::make_unique<internal::Background>(&engine->log(), std::move(more));
        auto store = std::make_unique<MessageStore>(std::move(impl));
        if (given.background == Background::kThreads) {
          RETURN_IF_ERROR(store->impl_->background->Start(given.worker_core));
        }
        return store;
      });
}

MessageStore::MessageStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MessageStore::~MessageStore() {
  // Who wants to know calls Close(); an error here leaves the front for the next open.
  if (!impl_->is_closed.load(std::memory_order_acquire)) Close().IgnoreError();
  // What was appended while another thread closed the store; not in a forked child.
  if (impl_->engine != nullptr && !impl_->fork_guard.forked()) {
    impl_->engine->log().FinishCallbacks();
  }
}

absl::Status MessageStore::Close() {
  return impl_->Run([&]() -> absl::Status {
    RETURN_IF_ERROR(impl_->Check());
    if (impl_->is_closed.exchange(true, std::memory_order_acq_rel)) {
      return absl::FailedPreconditionError("closed");
    }
    if (impl_->engine == nullptr) return absl::OkStatus();
    CommitLog& log = impl_->engine->log();
    log.Stop();
    impl_->background->Stop();
    internal::Guarded([&] {
      impl_->engine->SealAll();
      return absl::OkStatus();
    }).IgnoreError();
    const absl::Status status = log.Close();
    // What waited asynchronously hears how it ended.
    log.FinishCallbacks();
    return status;
  });
}

// --- Append

absl::StatusOr<Receipt> MessageStore::Append(const Message& message, const AppendOptions& options) {
  return impl_->Run([&]() -> absl::StatusOr<Receipt> {
    RETURN_IF_ERROR(impl_->CheckWriter());
    return impl_->engine->Append(message, options);
  });
}

absl::StatusOr<std::vector<Receipt>> MessageStore::Append(absl::Span<const Message> messages,
                                                          const AppendOptions& options) {
  return impl_->Run([&]() -> absl::StatusOr<std::vector<Receipt>> {
    RETURN_IF_ERROR(impl_->CheckWriter());
    return impl_->engine->AppendAll(messages, options);
  });
}

absl::Status MessageStore::AppendAsync(const Message& message, const AppendOptions& options,
                                       AppendCallback callback) {
  return impl_->Run([&]() -> absl::Status {
    RETURN_IF_ERROR(impl_->CheckWriter());
    return impl_->engine->AppendAsync(message, options, std::move(callback));
  });
}

absl::StatusOr<Durability> MessageStore::WaitFor(const Receipt& receipt, Durability durability,
                                                 absl::Duration timeout) {
  return impl_->Run([&]() -> absl::StatusOr<Durability> {
    RETURN_IF_ERROR(impl_->CheckWriter());
    return impl_->engine->log().WaitFor(receipt.position, receipt.end, durability,
                                        impl_->engine->log().DeadlineIn(timeout));
  });
}

absl::Status MessageStore::Flush(absl::Duration timeout) {
  return impl_->Run([&]() -> absl::Status {
    RETURN_IF_ERROR(impl_->CheckWriter());
    return impl_->engine->log().Flush(impl_->engine->log().DeadlineIn(timeout));
  });
}

absl::StatusOr<MessageClaim> MessageStore::Claim(const Message& message, size_t body_bytes,
                                                 absl::Duration timeout) {
  return impl_->Run([&]() -> absl::StatusOr<MessageClaim> {
    RETURN_IF_ERROR(impl_->CheckWriter());
    auto claim = std::make_unique<MessageClaim::Impl>();
    claim->engine = impl_->engine.get();
    claim->fork_guard = &impl_->fork_guard;
    ASSIGN_OR_RETURN(claim->claimed, impl_->engine->Claim(message, body_bytes, timeout));
    return MessageClaim(std::move(claim));
  });
}

// --- Read

absl::StatusOr<ReadResult> MessageStore::Read(TopicRef topic, uint32_t queue_id, QueueOffset offset,
                                              const ReadOptions& options) {
  return impl_->Run([&]() -> absl::StatusOr<ReadResult> {
    ASSIGN_OR_RETURN(const Wanted wanted, Wanted::Of(options));
    return impl_->ReadWaiting(topic, queue_id, offset.value(), options.wait, options.spin,
                              [&](const Topic::Entry& entry) {
                                return impl_->reader().Read(entry, queue_id, offset, options,
                                                            wanted);
                              });
  });
}

absl::StatusOr<ReadResult> MessageStore::ReadTopic(TopicRef topic, LogPosition position,
                                                   const ReadOptions& options) {
  return impl_->Run([&]() -> absl::StatusOr<ReadResult> {
    ASSIGN_OR_RETURN(const Wanted wanted, Wanted::Of(options));
    return impl_->ReadWaiting(topic, kAllQueues, /*offset=*/0, options.wait, options.spin,
                              [&](const Topic::Entry& entry) {
                                return impl_->reader().ReadTopic(entry, position, options, wanted);
                              });
  });
}

absl::StatusOr<ReadResult> MessageStore::ReadBackwards(TopicRef topic, uint32_t queue_id,
                                                       QueueOffset offset,
                                                       const ReadOptions& options) {
  return impl_->Run([&]() -> absl::StatusOr<ReadResult> {
    ASSIGN_OR_RETURN(const Wanted wanted, Wanted::Of(options));
    return impl_->ReadWaiting(topic, queue_id, offset.value(), absl::ZeroDuration(),
                              absl::ZeroDuration(), [&](const Topic::Entry& entry) {
                                return impl_->reader().ReadBackwards(entry, queue_id, offset,
                                                                     options, wanted);
                              });
  });
}

absl::StatusOr<ReadResult> MessageStore::ReadLast(TopicRef topic, uint32_t queue_id,
                                                  uint32_t count) {
  return impl_->Run([&]() -> absl::StatusOr<ReadResult> {
    const ReadOptions options{.max_messages = count, .max_bytes = ~uint64_t{0}};
    if (count == 0) return absl::InvalidArgumentError("count is 0");
    const Wanted wanted;
    absl::StatusOr<ReadResult> result = impl_->ReadWaiting(
        topic, queue_id, 0, absl::ZeroDuration(), absl::ZeroDuration(),
        [&](const Topic::Entry& entry) {
          const QueueBounds bounds = impl_->reader().Bounds(entry.first_queue + queue_id);
          absl::StatusOr<ReadResult> read =
              impl_->reader().ReadBackwards(entry, queue_id, bounds.end, options, wanted);
          if (read.ok()) read->next_offset_ = bounds.end;
          return read;
        });
    if (result.ok()) std::reverse(result->messages_.begin(), result->messages_.end());
    return result;
  });
}

absl::StatusOr<ReadResult> MessageStore::ReadAt(LogPosition position) {
  return impl_->Run([&]() -> absl::StatusOr<ReadResult> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    return impl_->reader().ReadAt(position);
  });
}

absl::Duration MessageStore::RunOnce() {
  if (!impl_->is_open()) return absl::InfiniteDuration();
  if (impl_->follower != nullptr) {
    // The next read says what is wrong.
    impl_->Run([&] { return impl_->follower->CatchUp(); }).IgnoreError();
    return absl::Seconds(1);
  }
  return impl_->background->RunOnce();
}

StoreState MessageStore::state() const {
  if (!impl_->is_open()) return StoreState::kClosed;
  return impl_->engine != nullptr ? impl_->engine->log().health().state()
                                  : impl_->follower->health().state();
}

const RecoveryReport& MessageStore::recovery() const {
  return impl_->engine != nullptr ? impl_->engine->log().report() : impl_->follower->report();
}

StoreStats MessageStore::Stats() const {
  if (impl_->fork_guard.forked()) return {};
  StoreStats stats = impl_->engine != nullptr ? internal::StatsOf(*impl_->engine)
                                              : internal::StatsOf(*impl_->follower);
  stats.reads = impl_->reads.load(std::memory_order_relaxed);
  return stats;
}

StoreInfo MessageStore::Info() const {
  if (impl_->fork_guard.forked()) return {};
  StoreInfo info;
  // What is known is told, and as much as there is memory for.
  impl_->Run([&] { return impl_->Refresh(); }).IgnoreError();
  internal::Guarded([&] {
    if (impl_->engine != nullptr) {
      internal::Describe(*impl_->engine, &info);
    } else {
      internal::Describe(*impl_->follower, &info);
    }
    return absl::OkStatus();
  }).IgnoreError();
  info.state = state();
  return info;
}

absl::StatusOr<VerifyReport> MessageStore::Verify() {
  return impl_->Run([&]() -> absl::StatusOr<VerifyReport> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    const bool writes = impl_->engine != nullptr;
    return internal::VerifyStore(
        impl_->log(), impl_->catalogue(),
        writes ? impl_->engine->indexer() : impl_->follower->indexer(),
        writes ? impl_->engine->log().report() : impl_->follower->report(),
        writes ? internal::Verifier::kWriter : internal::Verifier::kReader);
  });
}

absl::StatusOr<SnapshotReport> MessageStore::Snapshot(const std::string& directory) {
  return impl_->Run([&]() -> absl::StatusOr<SnapshotReport> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    return internal::SnapshotStore(impl_->log(), *impl_->options.file_system,
                                   impl_->options.directory, directory);
  });
}

absl::StatusOr<std::vector<RecordInfo>> MessageStore::Dump(LogPosition position, size_t max) {
  return impl_->Run([&]() -> absl::StatusOr<std::vector<RecordInfo>> {
    RETURN_IF_ERROR(impl_->Check());
    RETURN_IF_ERROR(impl_->Refresh());
    return internal::DumpRecords(impl_->log(), impl_->catalogue(), position, max);
  });
}

}  // namespace weir
