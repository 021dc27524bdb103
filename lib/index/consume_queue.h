// One queue: offset -> where in the log. The newest entries lie in memory, the older ones in runs
// of index files, of which only the newest, the tail, is remembered.
//
// Invariants
// 1. first() <= memory_first() <= end(); entries of [memory_first, end) are in the chunks.
// 2. The chunks cover consecutive offsets; the last one takes the next entry as long as room() > 0.
// 3. The queue changes only under the append lock (or before anybody else sees it). Readers hold a
//    reader slot and no lock: end() is stored behind the entry.

#ifndef WEIR_INDEX_CONSUME_QUEUE_H_
#define WEIR_INDEX_CONSUME_QUEUE_H_

#include <atomic>
#include <cstdint>

#include "base/schedule.h"
#include "base/status_macros.h"
#include "format/index_layout.h"
#include "index/entry_chunks.h"
#include "weir/message.h"

namespace weir::internal {

class ConsumeQueue {
 public:
  ConsumeQueue() = default;
  ~ConsumeQueue();
  ConsumeQueue(const ConsumeQueue&) = delete;
  ConsumeQueue& operator=(const ConsumeQueue&) = delete;

  // --- Any thread.
  uint64_t end() const { return end_.load(std::memory_order_acquire); }
  uint64_t first() const { return first_.load(std::memory_order_acquire); }
  uint64_t memory_first() const { return memory_first_.load(std::memory_order_acquire); }
  // Whether a message of the segment that begins at `from`, or of one behind it, may be in the
  // queue.
  bool HasMessages(LogPosition from) const {
    if (end() > memory_first()) return true;
    const RunLink newest = tail();
    return newest.exists() && newest.segment_begin >= from;
  }
  // Whether any message of the queue is known, in memory or in a file.
  bool HasEntries() const { return end() > memory_first() || tail().exists(); }
  // How many entries can be entered before Grow() is needed.
  uint32_t room() const { return room_.load(std::memory_order_relaxed); }

  // Copies entries from `offset` on, up to `max` and up to end(). Returns how many; 0 if `offset`
  // is not in memory. The caller holds a reader slot.
  size_t CopyEntries(uint64_t offset, size_t max, QueueEntry* out) const;

  // --- Under the append lock.
  // Enters the next message; returns its offset. room() > 0.
  uint64_t Enter(const QueueEntry& entry) {
    const uint64_t offset = end_.load(std::memory_order_relaxed);
    // Where there is no place for it the number is used all the same: the record has it already.
    if (!HOLDS(last_ != nullptr) || !HOLDS(offset - last_->first < last_->capacity)) {
      end_.store(offset + 1, std::memory_order_release);
      return offset;
    }
    last_->entries[offset - last_->first] = entry;
    room_.store(room_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    MayYield();
    end_.store(offset + 1, std::memory_order_release);
    if (offset + 1 == last_->first + last_->capacity) AdvanceChunk();
    return offset;
  }
  // The record of an entry is shorter than was said when it was entered. The entry is in memory:
  // nothing is sealed before it is published.
  void Shorten(uint64_t offset, uint32_t record_bytes);
  // Links `chunk` behind the last one; false if the list of chunks is full: then Widen() first.
  bool Grow(EntryChunk* chunk);
  // A larger list of chunks; returns the old one, to be retired (or null).
  struct ChunkList {
    uint32_t capacity = 0;
    std::atomic<uint32_t> count{0};
    std::unique_ptr<std::atomic<EntryChunk*>[]> chunks;
    ChunkList* next_retired = nullptr;  // only of what was replaced: the list takes no memory
    uint64_t retired_at = 0;
  };
  static ChunkList* NewList(uint32_t capacity);
  ChunkList* Widen(ChunkList* wider);
  uint32_t list_capacity() const;
  uint32_t chunk_count() const;
  uint32_t last_capacity() const { return last_ == nullptr ? 0 : last_->capacity; }

  // Entries below `offset` are in index files now, the newest run of which is `tail`. Takes the
  // chunks that are no longer needed out and hands them to `retire`; `list` replaces the list of
  // chunks and is big enough, or null if none is left. Returns the old list.
  template <typename Retire>
  ChunkList* ForgetBelow(uint64_t offset, RunLink tail, ChunkList* list, Retire&& retire);
  // How many chunks ForgetBelow(offset) would keep.
  uint32_t ChunksKept(uint64_t offset) const;

  // --- At open.
  // The queue begins at `first` and goes on at `end`; entries below `end` are in index files.
  void Restore(uint64_t first, uint64_t end, RunLink tail);
  // The first message that is known has this offset. There were no entries.
  void BeginAt(uint64_t offset);

  // Any thread: everything below `first` was dropped.
  void RaiseFirst(uint64_t first) {
    uint64_t known = first_.load(std::memory_order_relaxed);
    while (known < first && !first_.compare_exchange_weak(known, first)) {
    }
  }

  RunLink tail() const {
    return {LogPosition(tail_segment_.load(std::memory_order_acquire)),
            QueueOffset(tail_first_.load(std::memory_order_acquire))};
  }

 private:
  void AdvanceChunk();

  std::atomic<uint64_t> end_{0};
  std::atomic<uint64_t> first_{0};
  std::atomic<uint64_t> memory_first_{0};
  std::atomic<ChunkList*> list_{nullptr};
  EntryChunk* last_ = nullptr;  // the one that takes the next entry
  std::atomic<uint64_t> tail_segment_{kNoLink.segment_begin.value()};
  std::atomic<uint64_t> tail_first_{0};
  std::atomic<uint32_t> room_{0};
};
static_assert(sizeof(ConsumeQueue) <= 64, "a million idle queues are memory");

template <typename Retire>
ConsumeQueue::ChunkList* ConsumeQueue::ForgetBelow(uint64_t offset, RunLink tail, ChunkList* list,
                                                   Retire&& retire) {
  ChunkList* const old = list_.load(std::memory_order_relaxed);
  const uint32_t count = old == nullptr ? 0 : old->count.load(std::memory_order_relaxed);
  const uint32_t kept = ChunksKept(offset);
  // Nothing is forgotten that is in no file, and nothing is taken out twice.
  if (!HOLDS(offset >= memory_first() && offset <= end())) return list;
  if (!HOLDS(kept <= count && (kept == 0 || (list != nullptr && kept <= list->capacity)))) {
    return list;
  }
  // The tail first: who misses an entry in memory looks there.
  tail_first_.store(tail.first.value(), std::memory_order_release);
  MayYield();
  tail_segment_.store(tail.segment_begin.value(), std::memory_order_release);
  MayYield();
  memory_first_.store(offset, std::memory_order_seq_cst);
  MayYield();
  for (uint32_t i = 0; list != nullptr && i < kept; ++i) {
    list->chunks[i].store(old->chunks[count - kept + i].load(std::memory_order_relaxed),
                          std::memory_order_relaxed);
  }
  if (list != nullptr) list->count.store(kept, std::memory_order_relaxed);
  list_.store(list, std::memory_order_seq_cst);
  if (kept == 0) {
    last_ = nullptr;
    room_.store(0, std::memory_order_relaxed);
  }
  for (uint32_t i = 0; i < count - kept; ++i) {
    retire(old->chunks[i].load(std::memory_order_relaxed));
  }
  return old;
}

}  // namespace weir::internal

#endif  // WEIR_INDEX_CONSUME_QUEUE_H_
