// The step that makes what was written durable, and replaces files that fail at it.

#ifndef WEIR_LOG_LOG_SYNCER_H_
#define WEIR_LOG_LOG_SYNCER_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "log/front.h"
#include "log/health.h"
#include "log/log_counters.h"
#include "log/log_writer.h"
#include "log/lost_ranges.h"
#include "log/progress.h"
#include "log/segment_replacer.h"
#include "log/segments.h"
#include "log/superblock_file.h"
#include "weir/clock.h"

namespace weir::internal {

class LogSyncer {
 public:
  LogSyncer(Front* front, Segments* segments, SuperblockFile* superblock, LogWriter* writer,
            Health* health, LostRanges* lost, LogCounters* counters, Progress* progress,
            Clock* clock)
      : front_(front),
        segments_(segments),
        superblock_(superblock),
        writer_(writer),
        health_(health),
        lost_(lost),
        counters_(counters),
        progress_(progress),
        clock_(clock),
        replacer_(front, segments, health, lost) {}

  // One thread at a time is in the step; whoever waits for it may lead. Taken before the
  // writer's.
  Mutex& step() ABSL_LOCK_RETURNED(step_) { return step_; }

  // Writes what is published, makes it durable with one sync of each file concerned, and moves the
  // durable end. The end is sampled before the sync, and the writer goes on while it runs.
  // Errors: kResourceExhausted heals by itself; after another the store is read-only.
  absl::Status Sync() ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);

  // Writes the superblock if the durable end moved into another segment since it was written, or,
  // with `idle`, moved at all.
  absl::Status SaveSuperblock(bool idle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);

  // Replaces every file that failed.
  absl::Status ReplacePoisoned() ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);

  int64_t last_sync_wall_nanos() const { return last_sync_.load(std::memory_order_acquire); }
  void set_last_sync_wall_nanos(int64_t nanos) {
    last_sync_.store(nanos, std::memory_order_release);
  }

 private:
  absl::Status SyncFiles(LogPosition target) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);
  // The superblock says that the log is durable up to there.
  absl::Status SaveDurableEnd(LogPosition durable) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);
  void PlaceMark() ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);
  // What an error of the disk means for the store.
  absl::Status Judge(const absl::Status& status);

  Front* const front_;
  Segments* const segments_;
  SuperblockFile* const superblock_;
  LogWriter* const writer_;
  Health* const health_;
  LostRanges* const lost_;
  LogCounters* const counters_;
  Progress* const progress_;
  Clock* const clock_;
  SegmentReplacer replacer_;

  std::atomic<int64_t> last_sync_{0};
  Mutex step_;
  // The front's count at the last sync.
  uint64_t synced_appends_ ABSL_GUARDED_BY(step_) = 0;
  // What the newest mark says: another would say nothing new.
  LogPosition marked_ ABSL_GUARDED_BY(step_){~uint64_t{0}};
};

}  // namespace weir::internal

#endif  // WEIR_LOG_LOG_SYNCER_H_
