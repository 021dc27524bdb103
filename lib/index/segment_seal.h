// One segment on its way into its index file: its entries are collected from the queues' memory, a
// bounded piece at a time.

#ifndef WEIR_INDEX_SEGMENT_SEAL_H_
#define WEIR_INDEX_SEGMENT_SEAL_H_

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/consume_queues.h"
#include "index/index_file_writer.h"
#include "index/segment_digest.h"
#include "index/void_positions.h"
#include "log/segments.h"

namespace weir::internal {

// Hears of the runs that a segment's index file will hold. Voids and holes are no messages.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void OnRun(uint32_t queue_number, uint64_t messages, uint64_t record_bytes) = 0;
  // Takes no memory: a seal that succeeded cannot fail any more.
  virtual void OnSealed(bool succeeded) = 0;
};

// For one thread. After an error of Collect() it is of no further use, and so it is if there was no
// memory in it.
class SegmentSeal {
 public:
  // Links for the next run of a queue with this tail.
  using Linker = std::function<absl::StatusOr<RunLinks>(uint32_t number, RunLink tail)>;

  // Nothing is owned.
  SegmentSeal(const SegmentEntry& segment, const IndexIdentity& identity, ConsumeQueues* queues,
              const VoidPositions* voids, RunObserver* observer, Linker linker)
      : segment_(segment),
        identity_(identity),
        queues_(*queues),
        voids_(*voids),
        observer_(*observer),
        linker_(std::move(linker)),
        writer_(identity) {}

  // A step, the first one: keys and times. Null: the segment has no messages. After an error, or if
  // it throws, call again.
  absl::Status AddDigest(const SegmentDigest* digest, uint64_t hash_seed);
  bool has_digest() const { return has_digest_; }
  // A step. True: call again.
  absl::StatusOr<bool> Collect();

  const SegmentEntry& segment() const { return segment_; }
  const IndexIdentity& identity() const { return identity_; }
  IndexFileWriter& writer() { return writer_; }
  // The file is there, whole and under its name.
  void set_written() { is_written_ = true; }
  bool is_written() const { return is_written_; }
  // What is in the writer, in the order of the queues' numbers.
  const std::vector<SealedRun>& runs() const { return runs_; }

 private:
  // The run that is being collected.
  struct Part {
    uint64_t first = 0;
    LogPosition last;  // of the newest message in it
    std::vector<IndexEntry> entries;
    size_t holes = 0;  // at the end: they belong to the run of the next message
    uint64_t messages = 0;
    uint64_t bytes = 0;
    uint64_t next() const { return first + entries.size(); }
  };

  bool Take(const ConsumeQueue& queue, size_t* budget);
  absl::Status AddRun(const ConsumeQueue& queue);

  const SegmentEntry segment_;
  const IndexIdentity identity_;
  ConsumeQueues& queues_;
  const VoidPositions& voids_;
  RunObserver& observer_;
  const Linker linker_;
  IndexFileWriter writer_;
  bool has_digest_ = false;
  std::vector<SealedRun> runs_;
  uint32_t next_queue_ = 0;
  bool is_inside_ = false;  // of next_queue_: part_ is its
  bool is_written_ = false;
  Part part_;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_SEGMENT_SEAL_H_
