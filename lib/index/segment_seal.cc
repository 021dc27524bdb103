#include "index/segment_seal.h"

#include <algorithm>
#include <iterator>

#include "base/status_macros.h"

namespace weir::internal {
namespace {

constexpr size_t kEntriesPerStep = 4096;
constexpr uint32_t kQueuesPerStep = 65536;

}  // namespace

// Takes entries of the segment, at most `budget`. True: the queue has no more.
bool SegmentSeal::Take(const ConsumeQueue& queue, size_t* budget) {
  while (*budget > 0) {
    QueueEntry batch[256];
    size_t count = 0;
    {
      const ReaderSlots::Guard guard(*queues_.readers());
      count = queue.CopyEntries(part_.next(), std::min(*budget, std::size(batch)), batch);
    }
    size_t taken = 0;
    for (; taken < count; ++taken) {
      const QueueEntry& entry = batch[taken];
      // What lies before this segment was in one of which nothing is left.
      if (entry.is_hole() || entry.position < segment_.begin()) {
        part_.entries.push_back({});
        ++part_.holes;
        continue;
      }
      if (entry.position >= segment_.limit) break;
      HOLDS(entry.position >= part_.last);
      HOLDS(part_.holes <= part_.entries.size());
      part_.last = entry.position;
      part_.holes = 0;
      part_.entries.push_back(IndexEntry::At(segment_.begin(), entry.position, entry.filter));
      if (voids_.Has(entry.position)) continue;
      ++part_.messages;
      part_.bytes += entry.record_bytes;
    }
    *budget -= taken;
    if (taken < count || count == 0) return true;
  }
  return false;
}

absl::Status SegmentSeal::AddRun(const ConsumeQueue& queue) {
  ENSURE(part_.holes <= part_.entries.size());
  part_.entries.resize(part_.entries.size() - part_.holes);
  if (part_.entries.empty()) return absl::OkStatus();
  ENSURE(part_.first == queue.memory_first() && part_.next() <= queue.end());
  ASSIGN_OR_RETURN(const RunLinks links, linker_(next_queue_, queue.tail()));
  RETURN_IF_ERROR(writer_.AddRun(next_queue_, QueueOffset(part_.first), links, part_.entries));
  runs_.push_back({next_queue_, part_.next(), {segment_.begin(), QueueOffset(part_.first)}});
  observer_.OnRun(next_queue_, part_.messages, part_.bytes);
  return absl::OkStatus();
}

absl::Status SegmentSeal::AddDigest(const SegmentDigest* digest, uint64_t hash_seed) {
  ENSURE(!has_digest_);
  ENSURE(digest == nullptr || digest->segment_begin() == segment_.begin());
  RETURN_IF_ERROR(digest != nullptr ? digest->AddTo(writer_) : writer_.AddKeys(hash_seed, {}));
  has_digest_ = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> SegmentSeal::Collect() {
  size_t budget = kEntriesPerStep;
  const uint32_t end = queues_.end();
  next_queue_ = queues_.Next(next_queue_);
  for (uint32_t looked_at = 0; next_queue_ < end && looked_at < kQueuesPerStep; ++looked_at) {
    const ConsumeQueue& queue = queues_.queue(next_queue_);
    ENSURE(runs_.empty() || runs_.back().number < next_queue_);
    if (!is_inside_) {
      part_.first = queue.memory_first();
      part_.entries.clear();
      part_.holes = 0;
      part_.messages = 0;
      part_.bytes = 0;
      part_.last = segment_.begin();
      is_inside_ = true;
    }
    ENSURE(part_.next() <= queue.end());
    const bool is_idle = part_.entries.empty() && part_.first == queue.end();
    if (!is_idle) {
      if (!Take(queue, &budget)) return true;
      RETURN_IF_ERROR(AddRun(queue));
    }
    is_inside_ = false;
    next_queue_ = queues_.Next(next_queue_ + 1);
  }
  return next_queue_ < end;
}

}  // namespace weir::internal
