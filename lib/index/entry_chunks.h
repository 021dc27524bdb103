// The memory of queue entries: chunks of doubling size, kept for reuse when they are given back.

#ifndef WEIR_INDEX_ENTRY_CHUNKS_H_
#define WEIR_INDEX_ENTRY_CHUNKS_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/status_macros.h"
#include "log/reader_slots.h"
#include "weir/message.h"

namespace weir::internal {

// Where a queue's message lies.
struct QueueEntry {
  LogPosition position;  // kHole: its record could not be found
  uint32_t filter = 0;
  uint32_t record_bytes = 0;

  static constexpr LogPosition kHole{~uint64_t{0}};
  bool is_hole() const { return position == kHole; }
};
static_assert(sizeof(QueueEntry) == 16);

// Entries of consecutive offsets [first, first + capacity).
struct EntryChunk {
  uint64_t first = 0;
  uint32_t capacity = 0;
  std::unique_ptr<QueueEntry[]> entries;
  // Only of what was given back: the list takes no memory.
  EntryChunk* next_retired = nullptr;
  uint64_t retired_at = 0;
};

// Hands out chunks and takes them back once no reader can see them. Any thread.
class EntryChunks {
 public:
  static constexpr uint32_t kCapacityMin = 4;
  static constexpr uint32_t kCapacityMax = 1024;

  explicit EntryChunks(ReaderSlots* readers) : readers_(readers) {}
  ~EntryChunks() {
    for (auto& list : free_) {
      for (EntryChunk* chunk : list) delete chunk;
    }
    while (retired_ != nullptr) delete std::exchange(retired_, retired_->next_retired);
  }

  // A chunk of at least `wanted` entries, and at least kCapacityMin.
  EntryChunk* Take(uint32_t wanted) {
    const uint32_t capacity = std::bit_ceil(std::max(wanted, kCapacityMin));
    if (capacity == kCapacityMax) taken_.fetch_add(1, std::memory_order_relaxed);
    if (capacity <= kCapacityMax) {
      MutexLock lock(mutex_);
      auto& list = free_[ClassOf(capacity)];
      if (!list.empty()) {
        EntryChunk* const chunk = list.back();
        list.pop_back();
        HOLDS(chunk->capacity == capacity);
        HOLDS(chunk->retired_at == 0);  // nobody reads it
        return chunk;
      }
    }
    return Make(capacity);
  }

  // Gives back a chunk that no reader ever saw.
  void Drop(EntryChunk* chunk) {
    HOLDS(chunk->next_retired == nullptr);
    HOLDS(BytesOf(*chunk) <= bytes());
    bytes_.fetch_sub(BytesOf(*chunk), std::memory_order_relaxed);
    delete chunk;
  }
  // Gives back a chunk that no new reader can find; it is used again when the old ones are gone.
  void Retire(EntryChunk* chunk) {
    const uint64_t moment = readers_->Advance();
    MutexLock lock(mutex_);
    HOLDS(moment != 0);
    if (!HOLDS(chunk->retired_at == 0)) return;  // given back twice
    chunk->retired_at = moment;
    chunk->next_retired = std::exchange(retired_, chunk);
  }

  // Moves what no reader sees any more to the free chunks. A step calls it.
  void Reuse() {
    MutexLock lock(mutex_);
    for (EntryChunk** link = &retired_; *link != nullptr;) {
      EntryChunk* const chunk = *link;
      HOLDS(chunk->retired_at != 0);
      if (!readers_->QuietSince(chunk->retired_at)) {
        link = &chunk->next_retired;
        continue;
      }
      auto& list = free_[ClassOf(std::min(chunk->capacity, kCapacityMax))];
      // Enough to go on with; the rest goes back to the heap.
      const bool is_kept = chunk->capacity <= kCapacityMax && list.size() < kFreeMax;
      if (is_kept) list.push_back(chunk);
      *link = std::exchange(chunk->next_retired, nullptr);
      chunk->retired_at = 0;
      if (!is_kept) Drop(chunk);
      HOLDS(list.size() <= kFreeMax);
    }
  }

  // Keeps as many of the largest chunks ready as were taken since the last call: a busy store takes
  // as many for the next segment, and then its producers find them made, and touched.
  void Replenish() {
    const uint64_t wanted =
        std::min<uint64_t>(taken_.exchange(0, std::memory_order_relaxed), kFreeMax);
    for (;;) {
      {
        MutexLock lock(mutex_);
        HOLDS(wanted <= kFreeMax);
        if (free_.back().size() >= wanted) return;
      }
      EntryChunk* const made = Make(kCapacityMax);
      try {
        MutexLock lock(mutex_);
        HOLDS(ClassOf(made->capacity) == free_.size() - 1);
        free_.back().push_back(made);
      } catch (const std::bad_alloc&) {
        Drop(made);
        throw;
      }
    }
  }

  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kClasses = 9;  // 4, 8, ... 1024
  static constexpr size_t kFreeMax = 4096;

  static size_t ClassOf(uint32_t capacity) {
    return static_cast<size_t>(std::countr_zero(capacity) - std::countr_zero(kCapacityMin));
  }
  EntryChunk* Make(uint32_t capacity) {
    HOLDS(std::has_single_bit(capacity));
    HOLDS(capacity >= kCapacityMin);
    auto chunk = std::make_unique<EntryChunk>();
    chunk->capacity = capacity;
    chunk->entries = std::make_unique<QueueEntry[]>(capacity);
    bytes_.fetch_add(BytesOf(*chunk), std::memory_order_relaxed);
    return chunk.release();
  }
  static uint64_t BytesOf(const EntryChunk& chunk) {
    return sizeof chunk + chunk.capacity * sizeof(QueueEntry);
  }

  ReaderSlots* const readers_;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> taken_{0};  // of the largest
  Mutex mutex_;
  std::array<std::vector<EntryChunk*>, kClasses> free_ ABSL_GUARDED_BY(mutex_);
  EntryChunk* retired_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_ENTRY_CHUNKS_H_
