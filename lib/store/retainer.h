// Drops what the retention policies do not keep: says again what must not be forgotten, makes that
// durable, and lets whole segments go, oldest first, with their index files.

#ifndef WEIR_STORE_RETAINER_H_
#define WEIR_STORE_RETAINER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "index/consume_queues.h"
#include "index/index_files.h"
#include "index/indexer.h"
#include "log/commit_log.h"
#include "log/own_log_view.h"
#include "store/carried.h"
#include "store/group_offsets.h"
#include "store/latest_carrier.h"
#include "store/queue_ends.h"
#include "store/retention_clock.h"
#include "store/retention_plan.h"
#include "store/topic_catalogue.h"
#include "store/topic_writer.h"
#include "weir/hooks.h"
#include "weir/options.h"

namespace weir::internal {

class Retainer {
 public:
  // Nothing is owned.
  struct Parts {
    CommitLog* log;
    TopicWriter* topics;
    OwnLogView* view;
    ConsumeQueues* queues;
    IndexFiles* files;
    Indexer* indexer;
    TopicCatalogue* catalogue;
    QueueEnds* ends;
    GroupOffsets* groups;
    RetentionClock* clock;
    LatestCarrier* latest;
    std::vector<Carried*> carried;  // in the order in which they are said again
  };
  explicit Retainer(Parts parts) : parts_(std::move(parts)) {}

  // Before the first append: how many files there may be.
  void Begin() ABSL_LOCKS_EXCLUDED(retaining_);
  // A step: applies the policies of the store and of its topics. How long it may rest.
  absl::Duration Step() ABSL_LOCKS_EXCLUDED(retaining_);
  // There may be no more files: drops at least one segment. kResourceExhausted: none can go.
  absl::Status MakeSpace() ABSL_LOCKS_EXCLUDED(retaining_);

  // Applies `policy` once, by the wall clock, or only says what it would drop.
  struct Dropped {
    uint64_t segments = 0;
    uint64_t bytes = 0;
    LogPosition begin;  // of the log then
  };
  absl::StatusOr<Dropped> Apply(const Retention& policy, bool dry_run)
      ABSL_LOCKS_EXCLUDED(retaining_);

  uint64_t dropped_segments() const { return dropped_.load(std::memory_order_relaxed); }
  uint64_t carried_bytes() const { return carried_bytes_.load(std::memory_order_relaxed); }

 private:
  RetentionFacts Facts(int64_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(retaining_);
  // Nothing in the segment before `entry` is younger; nullopt if that cannot be told now.
  std::optional<int64_t> BeginTime(const SegmentEntry& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(retaining_);
  uint64_t IndexBytes(LogPosition segment_begin) ABSL_EXCLUSIVE_LOCKS_REQUIRED(retaining_);
  std::string WhyKept(const Retention& policy, const OldSegment& segment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(retaining_);
  absl::Status Drop(const std::vector<OldSegment>& segments)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(retaining_);
  // One by one if there are messages to be carried: never are more on the disk twice than one
  // segment has.
  absl::Status DropEach(const std::vector<OldSegment>& segments)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(retaining_);
  // A bounded piece of it. `*more`: call again at once, until all are gone that were to go when it
  // was called first. What is carried may be to go next, and is not carried round and round without
  // a rest.
  absl::Status DropSome(const std::vector<OldSegment>& segments, bool* more)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(retaining_);
  // The ends of the queues' runs in a segment.
  absl::StatusOr<std::vector<QueuePurge>> RunEnds(LogPosition segment_begin);
  void KeepInBudget(const RetentionFacts& facts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(retaining_);
  absl::Status PurgeTopics(const RetentionFacts& facts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(retaining_);
  bool IsSpent(const Topic::Entry& topic, const OldSegment& segment, int64_t now);
  bool HasPolicy() const;
  void TellListener() ABSL_LOCKS_EXCLUDED(retaining_);

  const Parts parts_;
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint64_t> carried_bytes_{0};

  // One at a time drops. Room for records is waited for under it, but only what is kept back.
  Mutex retaining_;
  std::map<LogPosition, int64_t> begin_times_ ABSL_GUARDED_BY(retaining_);
  std::map<LogPosition, uint64_t> index_bytes_ ABSL_GUARDED_BY(retaining_);
  // Up to where the topics' own policies were applied, by first queue number.
  std::map<uint32_t, LogPosition> purged_ ABSL_GUARDED_BY(retaining_);
  LogPosition planned_ ABSL_GUARDED_BY(retaining_);  // so far DropSome() goes without a rest
  std::vector<UnconsumedMessages> untold_ ABSL_GUARDED_BY(retaining_);
};

}  // namespace weir::internal

#endif  // WEIR_STORE_RETAINER_H_
