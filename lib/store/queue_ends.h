// Where queues begin and end as state records say it: of purged queues, and of those whose newest
// message was dropped, so that none of their offsets is given again.

#ifndef WEIR_STORE_QUEUE_ENDS_H_
#define WEIR_STORE_QUEUE_ENDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "index/consume_queues.h"
#include "index/log_index.h"
#include "store/carried.h"
#include "store/state_appender.h"
#include "store/topic_catalogue.h"

namespace weir::internal {

// The messages of a queue below `first` are wanted no more.
struct QueuePurge {
  uint32_t number = 0;
  uint64_t first = 0;
};

class QueueEnds final : public LogIndex, public Carried {
 public:
  static constexpr absl::string_view kName = "ends";

  // `appender` may be null: then nothing is ever purged or carried.
  QueueEnds(ConsumeQueues* queues, const TopicCatalogue* catalogue, StateAppender* appender)
      : queues_(queues), catalogue_(catalogue), appender_(appender) {}

  // Raises the queues' firsts, at most to their ends, and returns when that survives power loss. No
  // queue is named twice. Any thread; an error: some of them may have been raised.
  absl::Status Purge(absl::Span<const QueuePurge> purges, Deadline deadline)
      ABSL_LOCKS_EXCLUDED(change_lock_);

  // Returns when every purge whose record was in the log counts.
  void AwaitChanges() ABSL_LOCKS_EXCLUDED(change_lock_) { MutexLock changing(change_lock_); }

  absl::StatusOr<uint64_t> Carry(LogPosition below) override ABSL_LOCKS_EXCLUDED(change_lock_);

  absl::string_view name() const override { return kName; }
  absl::Status Apply(const ScannedRecord& record) override;
  std::string SaveAll(LogPosition to) const override { return SaveChanges(LogPosition(0), to); }
  std::string SaveChanges(LogPosition from, LogPosition to) const override;
  absl::Status Load(absl::string_view bytes) override;
  bool follows_queues() const override { return true; }
  void Restart() override;

 private:
  struct Ends {
    uint64_t first = 0;
    uint64_t end = 0;
    LogPosition since;     // the record that said it first
    LogPosition position;  // the newest one that says it; 0: none does
  };

  std::optional<Ends> ToCarry(uint32_t number, LogPosition below) ABSL_LOCKS_EXCLUDED(mutex_);
  // Makes room for what Remember() will be told: behind a record nothing may fail for want of it.
  void Reserve(uint32_t number) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remember(uint32_t number, Ends ends, LogPosition position) ABSL_LOCKS_EXCLUDED(mutex_);

  ConsumeQueues* const queues_;
  const TopicCatalogue* const catalogue_;
  StateAppender* const appender_;

  // Held from before something is appended until it counts: what is said again in between would
  // undo it. Nobody waits for room under it.
  Mutex change_lock_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable Mutex mutex_;
  std::unordered_map<uint32_t, Ends> ends_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::internal

#endif  // WEIR_STORE_QUEUE_ENDS_H_
