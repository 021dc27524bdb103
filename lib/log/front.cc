#include "log/front.h"

#include <cstring>
#include <utility>

#include "base/mutant.h"
#include "base/status_macros.h"

namespace weir::internal {

Front::Front(std::unique_ptr<SharedMemory> memory, uint64_t segment_bytes, uint64_t incarnation)
    : memory_(std::move(memory)),
      header_(reinterpret_cast<FrontHeader*>(memory_->header())),
      ring_(memory_->ring()),
      mask_(memory_->ring_bytes() - 1),
      segment_bytes_(segment_bytes),
      incarnation_(incarnation),
      is_shared_(memory_->is_shared() || Without(Protection::kAckedAfterWrite)) {
  MutexLock reclaim(reclaim_lock_);
  MutexLock append(append_lock_);
  end_ = header_->claimed_end.load(std::memory_order_acquire);
  reusable_begin_ = header_->front_begin.load(std::memory_order_acquire);
  published_hint_.store(reusable_begin_, std::memory_order_relaxed);
}

void Front::Begin(LogPosition end) {
  MutexLock reclaim(reclaim_lock_);
  MutexLock append(append_lock_);
  HOLDS(end.value() % kRecordAlignment == 0);
  HOLDS(appends() == 0);
  end_ = end.value();
  reusable_begin_ = end.value();
  Set(header_->front_begin, end);
  Set(header_->written_end, end);
  Set(header_->durable_end, end);
  Set(header_->claimed_end, end);
  published_hint_.store(end.value(), std::memory_order_release);
}

LogPosition Front::limit() const {
  MutexLock lock(append_lock_);
  return LogPosition(limit_);
}

void Front::RefuseMessages() {
  MutexLock lock(append_lock_);
  limit_ = 0;
}

void Front::set_limits(LogPosition limit, LogPosition reserve_limit) {
  MutexLock lock(append_lock_);
  HOLDS(end_ % kRecordAlignment == 0);
  // Behind it lies what somebody may still read.
  if (!HOLDS(limit <= front_begin() + ring_bytes())) return;
  limit_ = limit.value();
  reserve_limit_ = reserve_limit.value();
}

LogPosition Front::Reclaim(LogPosition wanted, LogPosition keep_from, bool* reader_in_the_way) {
  MutexLock lock(reclaim_lock_);
  *reader_in_the_way = false;
  const uint64_t begin = header_->front_begin.load(std::memory_order_relaxed);
  const uint64_t keep = Without(Protection::kWrittenEnd)
                            ? claimed_end().value()
                            : std::min(keep_from, written_end()).value();
  // A sixteenth ahead of need: the readers' grace passes while producers still have room, and
  // the fence of Advance() is paid once for many records.
  const uint64_t ahead = wanted.value() + ring_bytes() / 16;
  const uint64_t needed = ahead > ring_bytes() ? ahead - ring_bytes() : 0;
  const bool is_held = reclaim_held_ && !Without(Protection::kRingHeld);
  if (!is_held && begin < std::min(needed, keep)) {
    header_->front_begin.store(std::min(needed, keep), std::memory_order_seq_cst);
    retired_at_ = reader_slots_.Advance();
  }
  if (reusable_begin_ != header_->front_begin.load(std::memory_order_relaxed)) {
    if (reader_slots_.QuietSince(retired_at_) || Without(Protection::kRingReaders)) {
      reusable_begin_ = header_->front_begin.load(std::memory_order_relaxed);
    } else {
      *reader_in_the_way = reusable_begin_ + ring_bytes() < wanted.value();
    }
  }
  HOLDS(reusable_begin_ <= front_begin().value());
  HOLDS(front_begin() <= written_end());
  return LogPosition(reusable_begin_ + ring_bytes());
}

void Front::LeaveWritten() {
  MutexLock lock(reclaim_lock_);
  HOLDS(reusable_begin_ == front_begin().value());
  if (!HOLDS(front_begin() <= written_end())) return;
  reusable_begin_ = written_end().value();
  Set(header_->front_begin, written_end());
}

void Front::HoldReclaim(bool hold) {
  MutexLock lock(reclaim_lock_);
  reclaim_held_ = hold;
}

LogPosition Front::WriteOpenRecords(uint64_t previous) {
  MutexLock lock(append_lock_);
  const uint64_t in_segment = end_ & (segment_bytes_ - 1);
  if (in_segment == 0) return LogPosition(end_);
  HOLDS(end_ == written_end().value());  // the ring is empty
  const uint64_t left = segment_bytes_ - in_segment;
  const uint64_t second = SecondOpenCopy(LogPosition(end_), segment_bytes_).value();
  const uint64_t from = second + kOpenCopyBytes;
  const int64_t time = last_store_time();
  if (left < from - end_ + kRecordHeaderBytes) {
    WriteFiller(At(LogPosition(end_)), LogPosition(end_), static_cast<uint32_t>(left), 0, time,
                previous);
    end_ += left;
  } else {
    for (const uint64_t next : {second, from}) {
      const auto bytes = static_cast<uint32_t>(next - end_);
      char* const memory = At(LogPosition(end_));
      WriteStamp(memory, {.bytes = bytes, .type = RecordType::kOpen, .store_time = time});
      WriteParts(memory, {}, 0, kOpenBodyBytes);
      std::memset(memory + kRecordHeaderBytes, 0, bytes - kRecordHeaderBytes);
      ByteWriter body(memory + kRecordHeaderBytes);
      body.Put(previous);
      body.Put(incarnation_);
      body.Put(from);
      Publish(memory, Seal(memory, LogPosition(end_), previous));
      end_ = next;
    }
    HOLDS(end_ == from);
  }
  header_->claimed_end.store(end_, std::memory_order_release);
  return LogPosition(end_);
}

LogPosition Front::PublishedEnd(LogPosition from) const {
  const LogPosition claimed = claimed_end() + (Without(Protection::kClaimedEnd) ? ring_bytes() : 0);
  LogPosition end = from;
  while (end < claimed) {
    const LogPosition start = RecordStart(end, segment_bytes_);
    if (start >= claimed) break;
    const int32_t word = LoadWord(At(start));
    if (word < static_cast<int32_t>(kRecordHeaderBytes)) break;
    end = start + static_cast<uint32_t>(word);
  }
  return std::min(end, claimed);
}

LogPosition Front::PublishedEnd() {
  ReaderSlots::Guard guard(reader_slots_);
  uint64_t hint = published_hint_.load(std::memory_order_acquire);
  // What was written was published; and what lies below the begin may be overwritten.
  const uint64_t from = std::max(hint, written_end().value());
  const uint64_t end = PublishedEnd(LogPosition(from)).value();
  if (!HOLDS(end >= from)) return LogPosition(from);
  HOLDS(end <= claimed_end().value());
  while (hint < end && !published_hint_.compare_exchange_weak(hint, end, std::memory_order_release,
                                                              std::memory_order_acquire)) {
  }
  return LogPosition(end);
}

}  // namespace weir::internal
