#include "support/subject.h"

#include <utility>

namespace weir::testing {

StoreOptions SubjectOptions(const SubjectShape& shape, FileSystem* file_system, Clock* clock) {
  return {.directory = "/store",
          .background = shape.has_workers ? Background::kThreads : Background::kManual,
          .segment_bytes = shape.segment_bytes,
          .front_bytes = shape.front_bytes,
          .front_directory = shape.front_directory,
          .read_cache_bytes = 64 << 10,
          .visibility = shape.visibility,
          .default_queue_count = 2,
          .retention = {.max_bytes = shape.max_bytes},
          .file_system = file_system,
          .clock = clock};
}

absl::StatusOr<Subject> Subject::Open(const SubjectShape& shape, FileSystem* file_system,
                                      Clock* clock) {
  return Open(shape, SubjectOptions(shape, file_system, clock));
}

absl::StatusOr<Subject> Subject::Open(const SubjectShape& shape, const StoreOptions& options) {
  Subject subject;
  if (shape.is_journal) {
    auto journal = CommitLog::Open(options);
    if (!journal.ok()) return journal.status();
    subject.journal = *std::move(journal);
  } else {
    auto store = MessageStore::Open(options);
    if (!store.ok()) return store.status();
    subject.store = *std::move(store);
  }
  return subject;
}

absl::StatusOr<Receipt> Subject::Append(const SendHistory::Sent& sent,
                                        const AppendOptions& options) {
  return journal != nullptr ? journal->Append(sent.body, options)
                            : store->Append(sent.message(), options);
}

absl::Duration Subject::RunOnce() {
  return journal != nullptr ? journal->RunOnce() : store->RunOnce();
}

absl::StatusOr<Durability> Subject::WaitFor(const Receipt& receipt, Durability durability,
                                            absl::Duration timeout) {
  return journal != nullptr ? journal->WaitFor(receipt, durability, timeout)
                            : store->WaitFor(receipt, durability, timeout);
}

absl::Status Subject::Flush(absl::Duration timeout) {
  return journal != nullptr ? journal->Flush(timeout) : store->Flush(timeout);
}

absl::Status Subject::Close() { return journal != nullptr ? journal->Close() : store->Close(); }

StoreState Subject::state() const { return journal != nullptr ? journal->state() : store->state(); }

StoreStats Subject::Stats() const { return journal != nullptr ? journal->Stats() : store->Stats(); }

std::string Subject::reason() const {
  return journal != nullptr ? "a journal does not say" : store->Info().reason;
}

const RecoveryReport& Subject::recovery() const {
  return journal != nullptr ? journal->recovery() : store->recovery();
}

Verdict Subject::Examine(const SendHistory& history, const Expectation& expectation) const {
  return journal != nullptr ? testing::Examine(*journal, history, expectation)
                            : testing::Examine(*store, history, expectation);
}

}  // namespace weir::testing
