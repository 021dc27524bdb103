#include "index/consume_queues.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/mutant.h"
#include "base/status_macros.h"

namespace weir::internal {

ConsumeQueues::Block::~Block() {
  for (uint32_t first = 0; first < kBlockQueues; first += kWordQueues) {
    uint64_t word = exists[first / kWordQueues].load(std::memory_order_relaxed);
    for (; word != 0; word &= word - 1) {
      queues[first + static_cast<uint32_t>(std::countr_zero(word))].~ConsumeQueue();
    }
  }
}

ConsumeQueues::~ConsumeQueues() {
  for (uint32_t left = block_count_, i = 0; left > 0; ++i) {
    const Block* const block = blocks_[i].load(std::memory_order_relaxed);
    if (block == nullptr) continue;
    delete block;
    --left;
  }
  while (retired_lists_ != nullptr) {
    delete std::exchange(retired_lists_, retired_lists_->next_retired);
  }
}

absl::Status ConsumeQueues::Add(uint32_t first, uint32_t count) {
  if (count > kQueuesMax || first > kQueuesMax - count) {
    return absl::ResourceExhaustedError(absl::StrCat("more than ", kQueuesMax, " queues"));
  }
  const uint32_t end = first + count;
  for (uint32_t number = first; number < end;) {
    std::atomic<Block*>& slot = blocks_[number / kBlockQueues];
    Block* block = slot.load(std::memory_order_relaxed);
    if (block == nullptr) {
      block = new Block;
      slot.store(block, std::memory_order_release);
      block_count_.fetch_add(1, std::memory_order_relaxed);
    }
    // As many as have their bits in the same word.
    const uint32_t bit = number % kWordQueues;
    const uint32_t added = std::min(kWordQueues - bit, end - number);
    std::atomic<uint64_t>& exists = block->exists[number % kBlockQueues / kWordQueues];
    const uint64_t before = exists.load(std::memory_order_relaxed);
    const uint64_t bits = ((~uint64_t{0} >> (kWordQueues - added)) << bit) & ~before;
    for (uint64_t rest = bits; rest != 0; rest &= rest - 1) {
      const auto which = static_cast<uint32_t>(std::countr_zero(rest));
      new (&block->queues[(number - bit + which) % kBlockQueues]) ConsumeQueue;
    }
    exists.store(before | bits, std::memory_order_release);
    size_.fetch_add(static_cast<uint32_t>(std::popcount(bits)), std::memory_order_relaxed);
    number += added;
  }
  if (end > end_.load(std::memory_order_relaxed)) end_.store(end, std::memory_order_release);
  ENSURE(count == 0 || (has(first) && has(end - 1)));
  ENSURE(size() <= this->end());
  return absl::OkStatus();
}

bool ConsumeQueues::has(uint32_t number) const {
  if (number >= kQueuesMax) return false;
  const Block* const block = blocks_[number / kBlockQueues].load(std::memory_order_acquire);
  if (block == nullptr) return false;
  const uint64_t word =
      block->exists[number % kBlockQueues / kWordQueues].load(std::memory_order_acquire);
  return (word >> (number % kWordQueues) & 1) != 0;
}

uint32_t ConsumeQueues::Next(uint32_t number) const {
  const uint32_t end = this->end();
  while (number < end) {
    const Block* const block = blocks_[number / kBlockQueues].load(std::memory_order_acquire);
    if (block == nullptr) {
      number = (number / kBlockQueues + 1) * kBlockQueues;
      continue;
    }
    const uint64_t word =
        block->exists[number % kBlockQueues / kWordQueues].load(std::memory_order_acquire) >>
        (number % kWordQueues);
    if (word != 0) return number + static_cast<uint32_t>(std::countr_zero(word));
    number = (number / kWordQueues + 1) * kWordQueues;
  }
  return end;
}

void ConsumeQueues::MakeRoom(uint32_t number, uint32_t entries) {
  if (!HOLDS(has(number))) return;
  ConsumeQueue& queue = this->queue(number);
  while (queue.room() < entries) {
    // Twice the last chunk, as a vector grows; what is taken in vain goes back.
    uint32_t wanted = 0;
    uint32_t list_capacity = 0;
    {
      MutexLock lock(*append_lock_);
      wanted = std::clamp(queue.last_capacity() * 2, EntryChunks::kCapacityMin,
                          EntryChunks::kCapacityMax);
      list_capacity = queue.list_capacity();
    }
    EntryChunk* chunk =
        chunks_.Take(std::max(wanted, std::min(entries, EntryChunks::kCapacityMax)));
    HOLDS(chunk->capacity >= wanted);
    ConsumeQueue::ChunkList* list = nullptr;
    ConsumeQueue::ChunkList* old = nullptr;
    for (;;) {
      {
        MutexLock lock(*append_lock_);
        list_capacity = queue.list_capacity();
        if (list != nullptr && list->capacity > list_capacity) {
          old = queue.Widen(std::exchange(list, nullptr));
        }
        if (queue.Grow(chunk)) break;
      }
      delete list;
      RetireList(std::exchange(old, nullptr));
      if (AnyBroken()) return chunks_.Drop(chunk);  // a longer list would be refused again
      try {
        list = ConsumeQueue::NewList(std::max<uint32_t>(1, list_capacity * 2));
      } catch (const std::bad_alloc&) {
        chunks_.Drop(chunk);
        throw;
      }
    }
    delete list;
    RetireList(old);
  }
}

void ConsumeQueues::RetireList(ConsumeQueue::ChunkList* list) {
  if (list == nullptr) return;
  const uint64_t moment = readers_->Advance();
  MutexLock lock(lists_lock_);
  if (!HOLDS(list->retired_at == 0)) return;  // given back twice
  HOLDS(list->next_retired == nullptr);
  list->retired_at = moment;
  list->next_retired = std::exchange(retired_lists_, list);
}

void ConsumeQueues::ReuseLists() {
  MutexLock lock(lists_lock_);
  for (ConsumeQueue::ChunkList** link = &retired_lists_; *link != nullptr;) {
    ConsumeQueue::ChunkList* const list = *link;
    HOLDS(list->retired_at != 0);
    HOLDS(list->next_retired != list);
    if (readers_->QuietSince(list->retired_at)) {
      *link = list->next_retired;
      delete list;
    } else {
      link = &list->next_retired;
    }
  }
}

void ConsumeQueues::ForgetBelow(uint32_t number, uint64_t offset, RunLink tail) {
  if (!HOLDS(has(number))) return;
  ConsumeQueue& queue = this->queue(number);
  std::unique_ptr<ConsumeQueue::ChunkList> list;
  ConsumeQueue::ChunkList* old = nullptr;
  std::vector<EntryChunk*> retired;
  for (;;) {
    uint32_t kept = 0;
    uint32_t count = 0;
    uint32_t capacity = 0;
    {
      // Nothing is allocated under the lock that every producer takes.
      MutexLock lock(*append_lock_);
      kept = queue.ChunksKept(offset);
      count = queue.chunk_count();
      if (!HOLDS(kept <= count)) break;
      capacity = queue.list_capacity();
      const bool has_list = kept == 0 || (list != nullptr && list->capacity >= kept);
      if (has_list && retired.capacity() >= count - kept) {
        old = queue.ForgetBelow(offset, tail, kept == 0 ? nullptr : list.release(),
                                [&](EntryChunk* chunk) { retired.push_back(chunk); });
        break;
      }
    }
    retired.reserve(count);
    if (kept == 0 || (list != nullptr && list->capacity >= kept)) continue;
    // As large as it was: a busy queue grows to the same size again before the next seal.
    list.reset(ConsumeQueue::NewList(std::max<uint32_t>({kept * 2, 4, capacity})));
  }
  RetireList(old);
  for (EntryChunk* chunk : retired) chunks_.Retire(chunk);
}

absl::Status ConsumeQueues::ExtendTo(uint32_t number, uint64_t end) {
  ENSURE(has(number));
  ConsumeQueue& queue = this->queue(number);
  if (!knows_begin_ && !queue.HasEntries() && end > queue.end()) queue.BeginAt(end);
  if (end > queue.end() && end - queue.end() > kHolesMax) {
    return absl::DataLossError(
        absl::StrCat("queue ", number, " jumps from ", queue.end(), " to ", end));
  }
  // Before the holes, which nobody may take for damage.
  if (end > queue.end() && IsBehindDropped(queue)) queue.RaiseFirst(end);
  while (queue.end() < end) {
    MakeRoom(number, 1);
    MutexLock lock(*append_lock_);
    ENSURE(queue.room() > 0);
    queue.Enter({.position = QueueEntry::kHole});
  }
  return absl::OkStatus();
}

absl::Status ConsumeQueues::EnterOne(uint32_t number, uint64_t offset, const QueueEntry& entry) {
  if (!has(number)) {
    return absl::DataLossError(absl::StrCat("queue ", number, " is in no catalogue record"));
  }
  ConsumeQueue& queue = this->queue(number);
  if (offset < queue.end()) {
    // What is in index files is not asked: there, two of one number would have been told apart.
    QueueEntry known;
    if (queue.CopyEntries(offset, 1, &known) == 0 || known.position == entry.position) {
      return absl::OkStatus();
    }
    return absl::DataLossError(
        absl::StrCat("queue ", number, " has another record at offset ", offset));
  }
  RETURN_IF_ERROR(ExtendTo(number, offset));
  MakeRoom(number, 1);
  MutexLock lock(*append_lock_);
  ENSURE(queue.end() == offset);
  queue.Enter(entry);
  ENSURE(queue.end() == offset + 1);
  return absl::OkStatus();
}

bool ConsumeQueues::IsBehindDropped(const ConsumeQueue& queue) const {
  if (dropped_below_ == LogPosition(0)) return false;
  if (queue.end() == 0) return true;
  QueueEntry newest;
  if (queue.CopyEntries(queue.end() - 1, 1, &newest) == 0) {
    return queue.tail().segment_begin < dropped_below_;
  }
  return newest.is_hole() || newest.position < dropped_below_;
}

absl::Status ConsumeQueues::Apply(const ScannedRecord& record) {
  const RecordType type = record.header.type;
  if (type != RecordType::kMessage && type != RecordType::kVoid) return absl::OkStatus();
  if (record.header.queue_number == kNoQueue) return absl::OkStatus();
  if (type == RecordType::kVoid && Without(Protection::kOffsetsOfVoids)) return absl::OkStatus();
  const QueueEntry entry{.position = record.position,
                         .filter = record.header.filter,
                         .record_bytes = record.header.bytes()};
  ENSURE(entry.position.value() % kRecordAlignment == 0);
  ENSURE(entry.record_bytes >= kRecordHeaderBytes);
  RETURN_IF_ERROR(EnterOne(record.header.queue_number, record.header.queue_offset, entry));
  const auto queues = DecodeQueues(record.bytes);
  if (!queues) {
    return absl::DataLossError(
        absl::StrCat("record at ", record.position.value(), ": impossible further queues"));
  }
  for (uint32_t i = 0; i < queues->further_queue_count; ++i) {
    const FurtherQueue further = queues->further_queue(i);
    RETURN_IF_ERROR(EnterOne(further.number, further.offset, entry));
  }
  return absl::OkStatus();
}

std::string ConsumeQueues::Save(absl::Span<const SealedRun> runs) const {
  std::string bytes;
  auto run = runs.begin();
  for (uint32_t number = Next(0); number < this->end(); number = Next(number + 1)) {
    const ConsumeQueue& queue = this->queue(number);
    uint64_t end = queue.memory_first();
    RunLink tail = queue.tail();
    while (run != runs.end() && run->number < number) ++run;
    if (run != runs.end() && run->number == number) {
      end = run->end;
      tail = run->link;
    }
    if (end == 0) continue;  // nothing was ever in it
    AppendValue(bytes, number);
    // Who purges a queue raises its begin beyond what is saved here; he has it in the log.
    AppendValue(bytes, std::min(queue.first(), end));
    AppendValue(bytes, end);
    AppendValue(bytes, tail.segment_begin.value());
    AppendValue(bytes, tail.first.value());
  }
  return bytes;
}

absl::Status ConsumeQueues::Load(absl::string_view bytes) {
  if (bytes.size() % kSavedQueueBytes != 0) return absl::DataLossError("saved queues: odd size");
  ByteReader reader(bytes);
  while (reader.remaining() > 0) {
    const auto number = reader.Take<uint32_t>();
    const auto first = reader.Take<uint64_t>();
    const auto end = reader.Take<uint64_t>();
    const RunLink tail{LogPosition(reader.Take<uint64_t>()), QueueOffset(reader.Take<uint64_t>())};
    if (first > end || (tail.exists() && tail.first.value() >= end)) {
      return absl::DataLossError(absl::StrCat("saved queues: impossible queue ", number));
    }
    // A topic that takes up the offsets of one that was deleted has queues that begin somewhere.
    // Its record, and who knows of it, come behind what is saved here.
    if (!has(number)) continue;
    queue(number).Restore(first, end, tail);
    ENSURE(queue(number).first() <= queue(number).memory_first());
    ENSURE(queue(number).memory_first() == queue(number).end());
  }
  return absl::OkStatus();
}

uint64_t ConsumeQueues::memory_bytes() const {
  return chunks_.bytes() + block_count_.load(std::memory_order_relaxed) * sizeof(Block);
}

}  // namespace weir::internal
