// The engine of a process that only reads: the same indexes, fed from a log that another process
// writes, or wrote.

#ifndef WEIR_STORE_FOLLOWER_H_
#define WEIR_STORE_FOLLOWER_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "index/consume_queues.h"
#include "index/digests.h"
#include "index/index_files.h"
#include "index/indexer.h"
#include "log/followed_log.h"
#include "store/group_offsets.h"
#include "store/latest_finder.h"
#include "store/latest_keys.h"
#include "store/message_finder.h"
#include "store/message_reader.h"
#include "store/queue_ends.h"
#include "store/retention_clock.h"
#include "store/seal_observer.h"
#include "store/topic_catalogue.h"
#include "store/topic_totals.h"

namespace weir::internal {

class Follower {
 public:
  static absl::StatusOr<std::unique_ptr<Follower>> Open(const StoreOptions& options);

  // The same for a log at rest, see FollowedLog::OpenAtRest(). Only with `may_write` does it write,
  // and nothing but index files.
  static absl::StatusOr<std::unique_ptr<Follower>> OpenAtRest(const StoreOptions& options,
                                                              const Superblock& superblock,
                                                              bool may_write);
  // Of a log at rest: computes the index files again that are missing, stale or damaged, of
  // segments that end at `end` or below.
  absl::Status RebuildIndexFiles(LogPosition end);

  // Brings the indexes up to what can be seen now. Any thread.
  absl::Status CatchUp();
  // Whether CatchUp() would find something. Cheap.
  bool HasNews() { return log_->ContiguousVisibleEnd() > indexer_.fed_end(); }

  LogView& view() { return *log_; }
  FollowedLog& log() { return *log_; }
  TopicCatalogue& catalogue() { return catalogue_; }
  GroupOffsets& groups() { return groups_; }
  ConsumeQueues& queues() { return queues_; }
  Digests& digests() { return digests_; }
  IndexFiles& index_files() { return files_; }
  Indexer& indexer() { return indexer_; }
  MessageReader& reader() { return reader_; }
  MessageFinder& finder() { return finder_; }
  LatestKeys& latest_keys() { return latest_keys_; }
  LatestFinder& latest_finder() { return latest_finder_; }
  Health& health() { return log_->health(); }
  const Health& health() const { return log_->health(); }
  RecoveryReport& report() { return log_->report(); }

 private:
  Follower(std::unique_ptr<FollowedLog> log, bool may_write);
  static absl::StatusOr<std::unique_ptr<Follower>> Open(std::unique_ptr<FollowedLog> log,
                                                        bool may_write);
  // Feeds all that is visible.
  absl::Status FeedVisible(Indexer::Report* report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(catch_up_lock_);

  const std::unique_ptr<FollowedLog> log_;
  Mutex entry_lock_;  // what the append lock is for a writer
  ConsumeQueues queues_;
  TopicCatalogue catalogue_;
  TopicTotals totals_;
  QueueEnds ends_;
  GroupOffsets groups_;
  RetentionClock retention_clock_;
  LatestKeys latest_keys_;
  Digests digests_;
  IndexFiles files_;
  SealObserver seal_observer_;
  Indexer indexer_;
  MessageReader reader_;
  MessageFinder finder_;
  LatestFinder latest_finder_;

  Mutex catch_up_lock_;
  int64_t refreshed_ ABSL_GUARDED_BY(catch_up_lock_) = 0;
  Clock* const clock_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_FOLLOWER_H_
