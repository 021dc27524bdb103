// All queues of a store by their number, created with their topic.

#ifndef WEIR_INDEX_CONSUME_QUEUES_H_
#define WEIR_INDEX_CONSUME_QUEUES_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "format/record.h"
#include "index/consume_queue.h"
#include "log/reader_slots.h"
#include "log/segment_scanner.h"

namespace weir::internal {

// A queue's run in an index file that is being made: behind it the queue goes on at `end`.
struct SealedRun {
  uint32_t number;
  uint64_t end;
  RunLink link;
};

// What one record enters: (queue number, entry) pairs are entered under the append lock, so room
// for them is made before.
class ConsumeQueues {
 public:
  static constexpr uint32_t kQueuesMax = uint32_t{1} << 26;
  // A stretch of lost log holds no more offsets of one queue than this.
  static constexpr uint64_t kHolesMax = uint64_t{1} << 24;
  // What Save() writes of a queue: number, first, end, tail's segment, tail's first.
  static constexpr size_t kSavedQueueBytes = 4 + 4 * 8;

  // `append_lock` is the lock under which entries are made.
  ConsumeQueues(ReaderSlots* readers, Mutex* append_lock)
      : append_lock_(append_lock), readers_(readers), chunks_(readers) {}
  ~ConsumeQueues();

  // Queues [first, first + count) exist from now on. Takes memory for them, and for none between
  // them and the others: numbers are left out where damage took the record of a topic, and a record
  // that means no good may leave out nearly all. One thread at a time; the rest is for any.
  absl::Status Add(uint32_t first, uint32_t count);
  uint32_t size() const { return size_.load(std::memory_order_relaxed); }
  // No queue has this number or a larger one.
  uint32_t end() const { return end_.load(std::memory_order_acquire); }
  bool has(uint32_t number) const;
  // The first queue from `number` on; end() or more if there is none.
  uint32_t Next(uint32_t number) const;
  // `number` exists.
  ConsumeQueue& queue(uint32_t number) const {
    return blocks_[number / kBlockQueues]
        .load(std::memory_order_acquire)
        ->queues[number % kBlockQueues];
  }

  // Makes room for `entries` more entries. Takes the append lock if there is none.
  void MakeRoom(uint32_t number, uint32_t entries) ABSL_LOCKS_EXCLUDED(append_lock_);

  // Enters what a record of the log holds for its queues: at open, and in reading processes. What
  // is there already is left alone; offsets that no record was found for become holes.
  absl::Status Apply(const ScannedRecord& record);

  // The queue ends at `end` or behind it; offsets below that no record was found for become holes,
  // or, if none was found at all, were dropped. kDataLoss: there are too many.
  absl::Status ExtendTo(uint32_t number, uint64_t end);

  // Chunks that were given back may be used again. A step calls it.
  void Reuse() {
    chunks_.Reuse();
    ReuseLists();
  }
  EntryChunks& chunks() { return chunks_; }
  ReaderSlots* readers() const { return readers_; }
  // Whether the log is there from its very beginning: then the first message known of a queue is
  // its first, and offsets before it are holes. Else they were dropped.
  void set_knows_begin(bool knows) { knows_begin_ = knows; }
  // Records below `position` went before they were applied: what a queue lacks that knows nothing
  // behind it was dropped with them, and is no hole.
  void set_dropped_below(LogPosition position) { dropped_below_ = position; }
  // Entries below `offset` of a queue are in index files, the newest run of which is `tail`.
  void ForgetBelow(uint32_t number, uint64_t offset, RunLink tail)
      ABSL_LOCKS_EXCLUDED(append_lock_);

  // Every queue with its ends and tail as they are once `runs`, in the order of their numbers, are
  // in index files as what is below them is; and back.
  std::string Save(absl::Span<const SealedRun> runs) const;
  absl::Status Load(absl::string_view bytes);

  uint64_t memory_bytes() const;

 private:
  static constexpr uint32_t kBlockQueues = 4096;
  static constexpr uint32_t kWordQueues = 64;
  // Never freed or moved while the store is open: readers hold on to queues without a lock. A queue
  // is made when it is added: a block is a quarter of a MiB, of which a small store touches a page.
  struct Block {
    Block() {}  // leaves the queues alone
    ~Block();
    union {
      ConsumeQueue queues[kBlockQueues];
    };
    // A bit for each that exists.
    std::array<std::atomic<uint64_t>, kBlockQueues / kWordQueues> exists{};
  };

  absl::Status EnterOne(uint32_t number, uint64_t offset, const QueueEntry& entry);
  // Whether all that is known of it lies below what was dropped unseen.
  bool IsBehindDropped(const ConsumeQueue& queue) const;
  void RetireList(ConsumeQueue::ChunkList* list);
  void ReuseLists();

  Mutex* const append_lock_;
  ReaderSlots* const readers_;
  EntryChunks chunks_;
  bool knows_begin_ = true;
  LogPosition dropped_below_;
  std::atomic<uint32_t> size_{0};
  std::atomic<uint32_t> end_{0};
  std::atomic<uint32_t> block_count_{0};
  std::array<std::atomic<Block*>, kQueuesMax / kBlockQueues> blocks_{};

  Mutex lists_lock_;
  ConsumeQueue::ChunkList* retired_lists_ ABSL_GUARDED_BY(lists_lock_) = nullptr;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_CONSUME_QUEUES_H_
