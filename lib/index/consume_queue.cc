#include "index/consume_queue.h"

#include <algorithm>
#include <atomic>

namespace weir::internal {
namespace {

// The size is the one field that may change while somebody copies the entry.
std::atomic_ref<uint32_t> SizeOf(QueueEntry& entry) {
  return std::atomic_ref<uint32_t>(entry.record_bytes);
}

}  // namespace

ConsumeQueue::~ConsumeQueue() {
  ChunkList* const list = list_.load(std::memory_order_relaxed);
  if (list == nullptr) return;
  for (uint32_t i = 0; i < list->count.load(std::memory_order_relaxed); ++i) {
    delete list->chunks[i].load(std::memory_order_relaxed);
  }
  delete list;
}

ConsumeQueue::ChunkList* ConsumeQueue::NewList(uint32_t capacity) {
  auto list = std::make_unique<ChunkList>();
  list->capacity = capacity;
  list->chunks = std::make_unique<std::atomic<EntryChunk*>[]>(capacity);
  return list.release();
}

uint32_t ConsumeQueue::list_capacity() const {
  const ChunkList* const list = list_.load(std::memory_order_relaxed);
  return list == nullptr ? 0 : list->capacity;
}

uint32_t ConsumeQueue::chunk_count() const {
  const ChunkList* const list = list_.load(std::memory_order_relaxed);
  return list == nullptr ? 0 : list->count.load(std::memory_order_relaxed);
}

ConsumeQueue::ChunkList* ConsumeQueue::Widen(ChunkList* wider) {
  ChunkList* const old = list_.load(std::memory_order_relaxed);
  const uint32_t count = old == nullptr ? 0 : old->count.load(std::memory_order_relaxed);
  if (!HOLDS(wider != old) || !HOLDS(count < wider->capacity)) return wider;
  for (uint32_t i = 0; i < count; ++i) {
    wider->chunks[i].store(old->chunks[i].load(std::memory_order_relaxed),
                           std::memory_order_relaxed);
  }
  wider->count.store(count, std::memory_order_relaxed);
  list_.store(wider, std::memory_order_seq_cst);
  return old;
}

bool ConsumeQueue::Grow(EntryChunk* chunk) {
  ChunkList* const list = list_.load(std::memory_order_relaxed);
  if (list == nullptr) return false;
  const uint32_t count = list->count.load(std::memory_order_relaxed);
  if (count == list->capacity) return false;
  if (count == 0) {
    chunk->first = end_.load(std::memory_order_relaxed);
    last_ = chunk;
  } else {
    const EntryChunk* const before = list->chunks[count - 1].load(std::memory_order_relaxed);
    chunk->first = before->first + before->capacity;
    if (room_.load(std::memory_order_relaxed) == 0) last_ = chunk;
  }
  list->chunks[count].store(chunk, std::memory_order_release);
  list->count.store(count + 1, std::memory_order_release);
  room_.store(room_.load(std::memory_order_relaxed) + chunk->capacity, std::memory_order_relaxed);
  HOLDS(last_ != nullptr);
  HOLDS(end_.load(std::memory_order_relaxed) + room() == chunk->first + chunk->capacity);
  return true;
}

void ConsumeQueue::AdvanceChunk() {
  const ChunkList* const list = list_.load(std::memory_order_relaxed);
  if (!HOLDS(list != nullptr)) return;
  const uint64_t end = end_.load(std::memory_order_relaxed);
  // The chunk that is full now begins before the end.
  uint32_t i = list->count.load(std::memory_order_relaxed) - 1;
  while (list->chunks[i].load(std::memory_order_relaxed)->first > end) --i;
  EntryChunk* const chunk = list->chunks[i].load(std::memory_order_relaxed);
  if (chunk->first == end) last_ = chunk;
  HOLDS(room() == 0 || last_->first == end);
}

void ConsumeQueue::Shorten(uint64_t offset, uint32_t record_bytes) {
  const ChunkList* const list = list_.load(std::memory_order_relaxed);
  if (!HOLDS(list != nullptr)) return;
  // Newest first: it was entered a moment ago.
  for (uint32_t i = list->count.load(std::memory_order_relaxed); i-- > 0;) {
    EntryChunk* const chunk = list->chunks[i].load(std::memory_order_relaxed);
    if (offset < chunk->first) continue;
    if (!HOLDS(offset - chunk->first < chunk->capacity)) return;
    QueueEntry& entry = chunk->entries[offset - chunk->first];
    return SizeOf(entry).store(record_bytes, std::memory_order_relaxed);
  }
}

size_t ConsumeQueue::CopyEntries(uint64_t offset, size_t max, QueueEntry* out) const {
  const uint64_t end = this->end();
  if (offset < memory_first() || offset >= end) return 0;
  const ChunkList* const list = list_.load(std::memory_order_acquire);
  if (list == nullptr) return 0;
  const uint32_t count = list->count.load(std::memory_order_acquire);
  uint32_t low = 0;
  uint32_t high = count;  // the last chunk whose first is at or below offset is in [low, high)
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    if (list->chunks[middle].load(std::memory_order_acquire)->first <= offset) {
      low = middle;
    } else {
      high = middle;
    }
  }
  size_t copied = 0;
  for (uint32_t i = low; i < count && copied < max && offset < end; ++i) {
    const EntryChunk* const chunk = list->chunks[i].load(std::memory_order_acquire);
    if (offset < chunk->first || offset >= chunk->first + chunk->capacity) break;
    const uint64_t stop = std::min({end, chunk->first + chunk->capacity, offset + (max - copied)});
    for (; offset < stop; ++offset) {
      QueueEntry& entry = chunk->entries[offset - chunk->first];
      out[copied++] = {.position = entry.position,
                       .filter = entry.filter,
                       .record_bytes = SizeOf(entry).load(std::memory_order_relaxed)};
    }
  }
  return copied;
}

uint32_t ConsumeQueue::ChunksKept(uint64_t offset) const {
  const ChunkList* const list = list_.load(std::memory_order_relaxed);
  if (list == nullptr) return 0;
  const uint32_t count = list->count.load(std::memory_order_relaxed);
  // A queue whose every entry is in files keeps nothing: idle queues are cheap.
  if (offset >= end_.load(std::memory_order_relaxed)) return 0;
  uint32_t kept = 0;
  for (uint32_t i = count; i-- > 0; ++kept) {
    const EntryChunk* const chunk = list->chunks[i].load(std::memory_order_relaxed);
    if (chunk->first + chunk->capacity <= offset) break;
  }
  return kept;
}

void ConsumeQueue::Restore(uint64_t first, uint64_t end, RunLink tail) {
  HOLDS(first <= end);
  HOLDS(!tail.exists() || tail.first.value() < end);
  first_.store(first, std::memory_order_relaxed);
  memory_first_.store(end, std::memory_order_relaxed);
  tail_first_.store(tail.first.value(), std::memory_order_relaxed);
  tail_segment_.store(tail.segment_begin.value(), std::memory_order_relaxed);
  end_.store(end, std::memory_order_release);
}

void ConsumeQueue::BeginAt(uint64_t offset) {
  HOLDS(!HasEntries() && chunk_count() == 0);
  HOLDS(offset >= end());
  first_.store(offset, std::memory_order_relaxed);
  memory_first_.store(offset, std::memory_order_relaxed);
  end_.store(offset, std::memory_order_release);
}

}  // namespace weir::internal
