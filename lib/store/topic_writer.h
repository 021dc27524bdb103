// Appends topics to the log: creates, alters and deletes them, and says again what stands only in
// segments that are to be dropped.

#ifndef WEIR_STORE_TOPIC_WRITER_H_
#define WEIR_STORE_TOPIC_WRITER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "index/consume_queues.h"
#include "log/commit_log.h"
#include "store/carried.h"
#include "store/topic_catalogue.h"

namespace weir::internal {

// Any thread.
class TopicWriter final : public Carried {
 public:
  TopicWriter(CommitLog* log, ConsumeQueues* queues, TopicCatalogue* catalogue)
      : log_(log), queues_(queues), catalogue_(catalogue) {}

  // The topic of that name; created if it is missing. Waits for room at most until the deadline.
  absl::StatusOr<const Topic::Entry*> Create(absl::string_view name, uint32_t queue_count,
                                             const TopicSettings& settings, Deadline deadline);
  // New settings; whether it is compacted stays. They count when they survive power loss.
  absl::Status Alter(const Topic::Entry& topic, const TopicSettings& settings, Deadline deadline);
  // From when this returns the topic is gone, and stays so. Its offsets are never given again, to
  // one of the same name neither.
  absl::Status Delete(const Topic::Entry& topic, Deadline deadline);

  // Returns when every topic and every change whose record was in the log is in the catalogue, too.
  void AwaitChanges() ABSL_LOCKS_EXCLUDED(change_lock_, topic_lock_) {
    MutexLock changing(change_lock_);
    MutexLock lock(topic_lock_);
  }

  absl::StatusOr<uint64_t> Carry(LogPosition below) override;

 private:
  // Now or not at all: kDeadlineExceeded if there is no room. Where the first copy lies.
  absl::StatusOr<LogPosition> TryAppend(const TopicRecord& topic, CommitLog::Room room)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(topic_lock_);
  // Appends a change of the topic and lets it count once it is durable.
  absl::Status Change(const Topic::Entry& topic, const TopicRecord& record, Deadline deadline)
      ABSL_LOCKS_EXCLUDED(change_lock_, topic_lock_);
  // Behind the last offset that the topic ever gave in any queue.
  uint64_t EndOf(const Topic::Entry& topic) const;
  bool HasMessages(const Topic::Entry& topic, LogPosition from) const;

  CommitLog* const log_;
  ConsumeQueues* const queues_;
  TopicCatalogue* const catalogue_;

  // Held from before a change is appended until it counts: what is said again in between would
  // undo it. Nobody waits for room under it.
  Mutex change_lock_ ABSL_ACQUIRED_BEFORE(topic_lock_);
  // Topics are appended one at a time. Nobody waits for anything under it.
  Mutex topic_lock_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_TOPIC_WRITER_H_
