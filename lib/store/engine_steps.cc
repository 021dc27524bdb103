// Of the engine: topics, and what is done beside appends and reads.

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/guarded.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "store/engine.h"

namespace weir::internal {

// --- Topics

namespace {
absl::StatusOr<TopicSettings> SettingsOf(const TopicOptions& options) {
  if (options.max_age <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("max_age of a topic is not positive");
  }
  const bool ends = options.max_age < absl::Hours(24 * 365 * 200);
  const int64_t max_age = ends ? absl::ToInt64Nanoseconds(options.max_age) : 0;
  return TopicSettings{.is_compacted = options.is_compacted,
                       .max_age_nanos = max_age,
                       .max_bytes = options.max_bytes};
}

}  // namespace

absl::Status Engine::AlterTopic(const Topic::Entry& topic, const TopicOptions& options) {
  ASSIGN_OR_RETURN(const TopicSettings settings, SettingsOf(options));
  return topics_.Alter(topic, settings, kNever);
}

absl::Status Engine::DeleteTopic(const Topic::Entry& topic) {
  return topics_.Delete(topic, kNever);
}

absl::Status Engine::Purge(const Topic::Entry& topic, absl::Span<const QueuePurge> purges) {
  // The keys first: who dies in between finds messages that he may purge again, and no key without.
  if (topic.is_compacted) RETURN_IF_ERROR(latest_keys_.Purge(purges, queues_, kNever));
  return ends_.Purge(purges, kNever);
}

absl::StatusOr<Topic> Engine::CreateTopic(absl::string_view name, const TopicOptions& options) {
  const uint32_t queue_count = options.queue_count;
  const Deadline never = log_->DeadlineIn(absl::InfiniteDuration());
  ASSIGN_OR_RETURN(const TopicSettings settings, SettingsOf(options));
  ASSIGN_OR_RETURN(const Topic::Entry* const topic,
                   topics_.Create(name, queue_count, settings, never));
  if (topic->queue_count != queue_count) {
    return absl::AlreadyExistsError(
        absl::StrCat("topic ", name, " has ", topic->queue_count, " queues"));
  }
  if (topic->is_compacted != settings.is_compacted) {
    return absl::AlreadyExistsError(
        absl::StrCat("topic ", name, topic->is_compacted ? " is compacted" : " is not compacted"));
  }
  // It may have come with a message, and be in memory only. Its group is durable as a whole.
  const LogPosition begin = topic->created;
  ENSURE(begin + kRecordHeaderBytes <= log_->front().claimed_end());
  ENSURE(queues_.has(topic->first_queue + topic->queue_count - 1));
  if (Without(Protection::kTopicDurable)) return Topic(topic);
  RETURN_IF_ERROR(log_->WaitDurable(begin, begin + kRecordHeaderBytes, never,
                                    absl::StrCat("topic ", name, " is created, and")));
  return Topic(topic);
}

absl::StatusOr<Topic> Engine::OpenTopic(absl::string_view name) {
  ASSIGN_OR_RETURN(const Topic::Entry* const entry,
                   planner_.Resolve(name, log_->DeadlineIn(absl::InfiniteDuration())));
  return Topic(entry);
}

// --- Steps

absl::StatusOr<bool> Engine::SealSome() {
  const LogPosition durable = log_->front().durable_end();
  // The index file says which topics there are at its segment's end, and where queues begin: who
  // changes that has it in the log before he has it in memory.
  topics_.AwaitChanges();
  ends_.AwaitChanges();
  return Guarded([&] { return indexer_.SealSome(durable); });
}

absl::Duration Engine::SealStep() {
  if (log_->is_stopped()) return absl::Seconds(1);
  const absl::StatusOr<bool> more = Guarded([&]() -> absl::StatusOr<bool> {
    // Behind who appends, not far: what is in the front need not be read from a file.
    ASSIGN_OR_RETURN(const bool digests, indexer_.DigestSome(log_->ContiguousVisibleEnd()));
    ASSIGN_OR_RETURN(const bool seals, SealSome());
    return digests || seals;
  });
  if (!log_->JudgePromises().ok()) return absl::Seconds(1);
  if (!more.ok()) return absl::Milliseconds(50);
  return *more ? absl::ZeroDuration() : absl::Milliseconds(100);
}

void Engine::SealAll() {
  log_->RequestSync();
  log_->SyncStep();
  while (!AnyBroken() && SealSome().value_or(false)) {
  }
}

void Engine::RemoveOrphans() {
  const LogPosition log_begin = log_->superblock().current().log_begin;
  if (!HOLDS(log_begin <= log_->front().durable_end())) return;
  const auto names = log_->directory().List();
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const std::optional<LogPosition> begin = ParseIndexFileName(name);
    if (!begin || *begin >= log_begin) continue;
    if (!HOLDS(!log_->segments().EntryAt(*begin))) return;
    log_->directory().Remove(name).IgnoreError();
  }
}

}  // namespace weir::internal
