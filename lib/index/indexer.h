// Feeds every index in the order of the log when a store is opened, and seals: once a segment is
// durable as a whole its queues' entries move from memory into its index file.

#ifndef WEIR_INDEX_INDEXER_H_
#define WEIR_INDEX_INDEXER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "index/consume_queues.h"
#include "index/index_file_writer.h"
#include "index/index_files.h"
#include "index/log_index.h"
#include "index/run_chain.h"
#include "log/health.h"
#include "log/log_view.h"

namespace weir::internal {

// Hears of the runs that a segment's index file will hold.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void OnRun(uint32_t queue_number, uint64_t messages, uint64_t record_bytes) = 0;
  virtual void OnSealed(bool succeeded) = 0;
};

class Indexer {
 public:
  // Nothing is owned. `indexes` in the order in which they are to be fed and loaded. Without an
  // observer nothing is sealed or rebuilt: the log is another process's.
  Indexer(LogView* log, ConsumeQueues* queues, IndexFiles* files, std::vector<LogIndex*> indexes,
          RunObserver* observer, Health* health)
      : log_(log),
        queues_(queues),
        files_(files),
        indexes_(std::move(indexes)),
        observer_(observer),
        health_(health) {}

  struct Report {
    std::vector<std::string> notes;
    std::vector<DamagedRange> damage;
    uint64_t bytes_read = 0;
  };
  // Brings every index up to `end`: from the newest index files that are whole, and from the log
  // behind them.
  absl::Status Restore(LogPosition end, Report* report);
  // The same for what was appended since, for processes that only read.
  absl::Status CatchUp(LogPosition end, Report* report);

  LogPosition fed_end() const { return LogPosition(fed_end_.load(std::memory_order_acquire)); }
  // In reading processes: entries that the writer sealed meanwhile go from memory.
  absl::Status ForgetSealed();

  // A step: seals the next segment that ends at or below `durable_end`, a bounded piece at a time.
  // True: call again.
  absl::StatusOr<bool> SealSome(LogPosition durable_end);

  // Where `offset` of a queue is, found by looking into every index file, newest first: for chains
  // that lead into a missing segment. No run: up to `holes_end` nothing is left of the queue.
  struct Place {
    std::optional<RunLocation> run;
    QueueOffset holes_end;
  };
  absl::StatusOr<Place> FindWithoutLinks(uint32_t number, QueueOffset offset);

  // Writes the index file of an old segment again from the log. kOutOfRange: the segment is gone.
  absl::Status Rebuild(LogPosition segment_begin);

  // Looks at every index file and computes again those that are missing, stale or damaged.
  absl::Status RebuildDamaged();

  // What the index file of a segment must be of. kOutOfRange: there is no such segment.
  absl::StatusOr<IndexIdentity> IdentityOf(LogPosition segment_begin);

  LogPosition sealed_end() const {
    return LogPosition(sealed_end_.load(std::memory_order_acquire));
  }
  uint64_t rebuilt() const { return rebuilt_.load(std::memory_order_relaxed); }

 private:
  // A segment on its way to its index file.
  struct Sealing {
    SegmentEntry segment;
    IndexFileWriter writer;
    uint32_t next_queue = 0;
    struct Sealed {
      uint32_t number;
      uint64_t end;
      RunLink run;
    };
    std::vector<Sealed> sealed;
  };
  using Runs = absl::flat_hash_map<uint32_t, std::vector<std::pair<uint64_t, IndexEntry>>>;

  absl::StatusOr<size_t> SealQueue(Sealing& sealing, uint32_t number);
  absl::Status FinishSealing(Sealing& sealing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);
  absl::Status AddSavedSections(Sealing& sealing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);
  absl::Status Load(const std::vector<LogPosition>& segments, Report* report);
  absl::StatusOr<RunLink> FindOlderRun(uint32_t number, LogPosition below);
  absl::Status Feed(const ScannedRecord& record, Report* report);

  LogView* const log_;
  ConsumeQueues* const queues_;
  IndexFiles* const files_;
  const std::vector<LogIndex*> indexes_;
  RunObserver* const observer_;
  Health* const health_;
  std::atomic<uint64_t> sealed_end_{0};
  std::atomic<uint64_t> rebuilt_{0};

  Mutex step_;
  std::optional<Sealing> sealing_ ABSL_GUARDED_BY(step_);
  // Changes saved under each name since everything was.
  absl::flat_hash_map<std::string, uint64_t> change_bytes_ ABSL_GUARDED_BY(step_);
  std::atomic<uint64_t> fed_end_{0};
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_INDEXER_H_
