// Feeds every index in the order of the log when a store is opened, and seals: once a segment is
// durable as a whole its queues' entries move from memory into its index file.
//
// At run time queues get their entries from who appends. Keys and store times, and what indexes say
// that follow the log, are taken from the log, behind him, by a step that anybody may run who needs
// them.

#ifndef WEIR_INDEX_INDEXER_H_
#define WEIR_INDEX_INDEXER_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "index/consume_queues.h"
#include "index/digests.h"
#include "index/index_files.h"
#include "index/left_out.h"
#include "index/log_index.h"
#include "index/run_search.h"
#include "index/segment_seal.h"
#include "index/snapshots.h"
#include "index/void_positions.h"
#include "log/health.h"
#include "log/log_view.h"
#include "weir/hooks.h"

namespace weir::internal {

class Indexer {
 public:
  // Nothing is owned. `indexes` in the order in which they are to be fed and loaded. Without an
  // observer nothing is sealed, and nothing is written: the log is another process's.
  Indexer(LogView* log, ConsumeQueues* queues, Digests* digests, IndexFiles* files,
          std::vector<LogIndex*> indexes, RunObserver* observer, Health* health)
      : log_(log),
        queues_(queues),
        digests_(digests),
        files_(files),
        indexes_(std::move(indexes)),
        observer_(observer),
        health_(health),
        search_(log, queues, files),
        snapshots_(log, queues, files, indexes_) {}

  struct Report {
    std::vector<std::string> notes;
    std::vector<DamagedRange> damage;
    uint64_t bytes_read = 0;
  };
  // Brings every index up to `end`: from the newest index files that are whole, and from the log
  // behind them. `opened` is what is known of the log since it was opened: after a clean close
  // every whole segment should have an index file, and damage that it tells is not told again.
  absl::Status Restore(LogPosition end, const RecoveryReport& opened, Report* report);
  // Of the log that was read then: what the device said where it did not give the bytes. Then
  // nothing is sealed, for what the indexes do not know would be forgotten for good; nor may
  // anything be appended, for the catalogue might give a number twice.
  const absl::Status& unread() const { return unread_; }
  // The same for what was appended since, for processes that only read.
  absl::Status CatchUp(LogPosition end, Report* report);

  LogPosition fed_end() const { return LogPosition(fed_end_.load(std::memory_order_acquire)); }

  // A step: takes keys and store times of up to kRecordsPerStep more records below `end`, which is
  // visible as a whole, and shows them to the indexes that follow the log. True: call again.
  static constexpr size_t kRecordsPerStep = 4096;
  absl::StatusOr<bool> DigestSome(LogPosition end) ABSL_LOCKS_EXCLUDED(digesting_);
  // All of them.
  absl::Status DigestTo(LogPosition end) ABSL_LOCKS_EXCLUDED(digesting_);
  // Of everything that is visible now; of a process that only reads, of what it was fed. Returns
  // how far that is.
  absl::StatusOr<LogPosition> DigestVisible() ABSL_LOCKS_EXCLUDED(digesting_);
  LogPosition digested_end() const {
    return LogPosition(digested_end_.load(std::memory_order_acquire));
  }
  // Feeds the indexes that follow the log all that is published below `end`, whether or not it is
  // visible yet. Of a process that writes.
  absl::Status FollowTo(LogPosition end) ABSL_LOCKS_EXCLUDED(digesting_);
  // How far they follow it.
  LogPosition followed_end() const {
    return std::max(digested_end(), LogPosition(followed_end_.load(std::memory_order_acquire)));
  }
  // In reading processes: entries that the writer sealed meanwhile go from memory.
  void ForgetSealed();

  // A step: seals the next segment that ends at or below `durable_end`, a bounded piece at a time.
  // True: call again. An error, also that there was no memory: the store is degraded until a later
  // call gets on, and has lost nothing.
  absl::StatusOr<bool> SealSome(LogPosition durable_end);

  // The record at `position`, which queues know as a message, is given up. Before it is published.
  void CountVoid(VoidPositions::Ticket ticket, LogPosition position) {
    voids_.Add(std::move(ticket), position);
  }

  // Where `offset` of a queue is, found by looking into every index file, newest first: for chains
  // that lead into a missing segment.
  struct Place {
    std::optional<RunLocation> run;
    QueueOffset holes_end;    // no run: up to here nothing is left of the queue
    bool is_dropped = false;  // and that is as it should be
    absl::Status lost;        // RunSearch::Place::lost
  };
  absl::StatusOr<Place> FindWithoutLinks(uint32_t number, QueueOffset offset);

  // Computes the index file of an old segment again from the log. kOutOfRange: the segment is gone.
  // A reading process writes nothing and keeps it in memory.
  absl::Status Rebuild(LogPosition segment_begin) ABSL_LOCKS_EXCLUDED(rebuilding_);

  // Looks at every index file and computes again those that are missing, stale or damaged.
  absl::Status RebuildDamaged() ABSL_LOCKS_EXCLUDED(rebuilding_);

  // What the index file of a segment must be of. kOutOfRange: there is no such segment.
  absl::StatusOr<IndexIdentity> IdentityOf(LogPosition segment_begin);

  LogPosition sealed_end() const {
    return LogPosition(sealed_end_.load(std::memory_order_acquire));
  }
  // Segments that end here or below were sealed once, by this process or one before.
  LogPosition once_sealed_end() const {
    return std::max(sealed_end(), LogPosition(once_sealed_end_.load(std::memory_order_acquire)));
  }
  // The next index file holds every state whole: those before it may be dropped.
  void RequestFullSnapshot() { snapshots_.RequestFull(); }
  uint64_t rebuilt() const { return rebuilt_.load(std::memory_order_relaxed); }

 private:
  absl::Status FeedTopics(LogPosition from, LogPosition end, Report* report);
  // Goes on at the log's begin, behind records that were dropped before they were fed.
  void SkipDropped(LogPosition log_begin) ABSL_LOCKS_EXCLUDED(digesting_);
  absl::Status CatchUp(LogPosition end, LogPosition log_begin, Report* report, absl::Status* unread)
      ABSL_LOCKS_EXCLUDED(digesting_);
  // What is walked over: [from, to), but no more than `records_max`. What was dropped since the log
  // began at `log_begin` is passed over.
  struct Stretch {
    LogPosition from;
    LogPosition to;
    LogPosition log_begin;
    size_t records_max = std::numeric_limits<size_t>::max();
  };
  // Shows `visit` its records. Returns where it stopped.
  using Visit = absl::FunctionRef<absl::Status(const ScannedRecord&, LeftOut&)>;
  absl::StatusOr<LogPosition> Walk(const Stretch& stretch, Visit visit, Report* report,
                                   absl::Status* unread);
  absl::Status Feed(const ScannedRecord& record, LeftOut& left_out);
  // Shows the record to the indexes that follow the log, unless they have seen it.
  absl::Status Follow(const ScannedRecord& record, LeftOut& left_out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(digesting_);
  void Digest(const ScannedRecord& record) {
    digests_->Apply(log_->segments().BeginOf(record.position), record);
  }
  // The segments below `end` that an index file is named after; which of them are missing.
  absl::StatusOr<std::vector<LogPosition>> ListFiles(LogPosition end);
  void TellMissing(const std::vector<LogPosition>& named, LogPosition end, bool was_clean,
                   Report* report);

  absl::StatusOr<bool> SealNext(LogPosition durable_end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);
  absl::StatusOr<bool> BeginSeal(LogPosition durable_end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);
  absl::Status WriteSeal(SegmentSeal& seal) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);
  void FinishSeal() ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);
  void EndSeal(bool succeeded) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);
  absl::StatusOr<RunLinks> LinksFor(uint32_t number, RunLink tail, LogPosition segment_begin);
  absl::Status Repair(LogPosition segment_begin) ABSL_LOCKS_EXCLUDED(rebuilding_);
  absl::Status RebuildLocked(LogPosition segment_begin) ABSL_EXCLUSIVE_LOCKS_REQUIRED(rebuilding_);

  LogView* const log_;
  ConsumeQueues* const queues_;
  Digests* const digests_;
  IndexFiles* const files_;
  const std::vector<LogIndex*> indexes_;
  RunObserver* const observer_;
  Health* const health_;
  const RunSearch search_;
  VoidPositions voids_;
  absl::Status unread_;  // constant after Restore()

  std::atomic<uint64_t> fed_end_{0};
  std::atomic<uint64_t> digested_end_{0};
  // Where it is larger than digested_end_: the indexes that follow the log were shown so much more.
  std::atomic<uint64_t> followed_end_{0};
  std::atomic<uint64_t> sealed_end_{0};
  std::atomic<uint64_t> once_sealed_end_{0};
  std::atomic<uint64_t> rebuilt_{0};
  // The log's begin at the open if what lies before it was not dropped but is missing; else 0.
  std::atomic<uint64_t> lost_below_{0};

  Mutex digesting_;  // one thread at a time goes on from digested_end_
  Mutex step_ ABSL_ACQUIRED_BEFORE(rebuilding_, digesting_);
  std::optional<SegmentSeal> seal_ ABSL_GUARDED_BY(step_);
  Snapshots snapshots_;  // the open and the sealing step use it
  // Readers rebuild as well, and two of them would write the same file.
  Mutex rebuilding_;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_INDEXER_H_
