// The front: claim, publish and read the newest records in a ring of memory; reclaim its space.
//
// Invariants
// 1. front_begin <= written_end <= claimed_end, durable_end <= written_end; all of them only grow.
// 2. claimed_end - reusable begin <= ring size: no byte is overwritten that anybody may read.
// 3. Every walk stops at claimed_end. Between two ends records lie back to back; at a segment
//    border the walk steps over the segment's header.
// 4. Under the append lock nothing is allocated, nothing waits, nothing fails.

#ifndef WEIR_LOG_FRONT_H_
#define WEIR_LOG_FRONT_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "base/mutex.h"
#include "base/schedule.h"
#include "base/status_macros.h"
#include "format/front_layout.h"
#include "format/record.h"
#include "log/reader_slots.h"
#include "weir/file_system.h"
#include "weir/message.h"

namespace weir::internal {

// Producers write where the log writer has just read on another core, or long ago: lines that come
// from there while the records before them are made are not waited for. The distance is a few small
// records; of large ones the processor finds the rest by itself.
inline constexpr uint32_t kPrefetchDistance = 512;
inline constexpr uint32_t kPrefetchBytesMax = 512;
inline void PrefetchForWriting(const char* memory, uint32_t bytes) {
  for (uint32_t at = 0; at < std::min(bytes, kPrefetchBytesMax); at += 64) {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(memory[at]));  // a no-op where there is no such instruction
#else
    __builtin_prefetch(memory + at, 1);
#endif
  }
}

// A place in the log that belongs to its claimer until it is published.
struct Reservation {
  LogPosition position;
  char* bytes = nullptr;
  uint32_t size = 0;
  LogPosition end() const { return position + size; }
};

// A stamp of several messages, or of none.
template <typename Stamper>
struct CountedStamp {
  uint64_t count;
  Stamper stamp;
  uint64_t messages() const { return count; }
  void operator()(LogPosition position, char* memory, int64_t time) const {
    stamp(position, memory, time);
  }
};
template <typename Stamper>
CountedStamp(uint64_t, Stamper) -> CountedStamp<Stamper>;

// A stamp of what is no message, and must get on where messages may not: else the space that they
// wait for could never be made.
template <typename Stamper>
struct ReserveStamp {
  static constexpr bool kUsesReserve = true;
  Stamper stamp;
  uint64_t messages() const { return 0; }
  void operator()(LogPosition position, char* memory, int64_t time) const {
    stamp(position, memory, time);
  }
};
template <typename Stamper>
ReserveStamp(Stamper) -> ReserveStamp<Stamper>;

// Where the record behind `end` begins: at a segment's border, behind that segment's header.
inline LogPosition RecordStart(LogPosition end, uint64_t segment_bytes) {
  return (end.value() & (segment_bytes - 1)) == 0 ? end + kSegmentHeaderBytes : end;
}

class Front {
 public:
  // `memory` has kFrontHeaderBytes of header and a ring. The log goes on at `end`; for an adopted
  // front the ends are what the memory says.
  Front(std::unique_ptr<SharedMemory> memory, uint64_t segment_bytes, uint64_t incarnation);
  void Begin(LogPosition end);

  // Constant.
  uint64_t incarnation() const { return incarnation_; }
  uint64_t segment_bytes() const { return segment_bytes_; }
  uint64_t ring_bytes() const { return mask_ + 1; }
  bool is_shared() const { return is_shared_; }
  SharedMemory& memory() { return *memory_; }
  // The front is of no further use.
  std::unique_ptr<SharedMemory> ReleaseMemory() { return std::move(memory_); }
  ReaderSlots& reader_slots() { return reader_slots_; }

  LogPosition claimed_end() const { return Get(header_->claimed_end); }
  LogPosition front_begin() const { return Get(header_->front_begin); }
  LogPosition written_end() const { return Get(header_->written_end); }
  LogPosition durable_end() const { return Get(header_->durable_end); }
  // What breaks invariant 1 is refused.
  void set_written_end(LogPosition end) {
    if (!HOLDS(end >= written_end()) || !HOLDS(end <= claimed_end())) return;
    Set(header_->written_end, end);
  }
  void set_durable_end(LogPosition end) {
    if (!HOLDS(end >= durable_end()) || !HOLDS(end <= written_end())) return;
    Set(header_->durable_end, end);
  }
  // Invariant 1, also while other threads move the ends: none of them goes back.
  bool HasOrderedEnds() const {
    const LogPosition lowest = std::max(front_begin(), durable_end());
    const LogPosition written = written_end();
    return lowest <= written && written <= claimed_end();
  }
  void set_closed() { header_->closed.store(1, std::memory_order_release); }

  char* At(LogPosition position) const { return ring_ + (position.value() & mask_); }

  // Claims `bytes` (aligned) for a record. `stamp(position, memory, store_time)` runs under the
  // append lock and writes the record's stamp and enters it where it belongs. If it has a function
  // Ready(), that is asked first; if it has one messages(), that is how many are appended, else
  // one. False: not ready, or no room below the limit; nothing happened.
  template <typename Stamper>
  bool TryClaim(uint32_t bytes, int64_t now, Stamper&& stamp, Reservation* reservation)
      ABSL_LOCKS_EXCLUDED(append_lock_);

  // Appends may claim up to here. Producers that meet it go and ask for more. Zero stops all.
  LogPosition limit() const ABSL_LOCKS_EXCLUDED(append_lock_);
  void set_limit(LogPosition limit) { set_limits(limit, limit); }
  // Messages may be claimed no more; the other limit stays.
  void RefuseMessages() ABSL_LOCKS_EXCLUDED(append_lock_);
  // The same with another one, no smaller, for stamps that have kUsesReserve.
  void set_limits(LogPosition limit, LogPosition reserve_limit) ABSL_LOCKS_EXCLUDED(append_lock_);

  // Gives room for appends up to `wanted`, as far as bytes below `keep_from` need not be kept.
  // Returns one past the last byte that may be claimed now. `reader_in_the_way` is set if only a
  // reader stands against more.
  LogPosition Reclaim(LogPosition wanted, LogPosition keep_from, bool* reader_in_the_way)
      ABSL_LOCKS_EXCLUDED(append_lock_);

  // Reclaims all that was written. Nobody reads or appends yet.
  void LeaveWritten() ABSL_LOCKS_EXCLUDED(reclaim_lock_);

  // While held nothing is reclaimed: somebody reads whole stretches of the ring.
  void HoldReclaim(bool hold) ABSL_LOCKS_EXCLUDED(reclaim_lock_);

  // Announces the incarnation that writes from here on, in two copies seeded with `previous`;
  // or ends the segment, whose successor's header announces it too. Returns where records of the
  // new incarnation begin. Nobody appends yet, and the ring is empty.
  LogPosition WriteOpenRecords(uint64_t previous) ABSL_LOCKS_EXCLUDED(append_lock_);

  // One past the last record of the gapless published part that begins at `from`.
  LogPosition PublishedEnd(LogPosition from) const;
  // One past the gapless published part of the whole front. Any thread.
  LogPosition PublishedEnd();

  uint64_t appends() const { return appends_.load(std::memory_order_relaxed); }
  uint64_t append_bytes() const { return append_bytes_.load(std::memory_order_relaxed); }
  int64_t last_store_time() const {
    return header_->last_store_time.load(std::memory_order_relaxed);
  }
  // Nothing that is appended from now on is older. Before the first append only.
  void RaiseLastStoreTime(int64_t nanos) {
    header_->last_store_time.store(std::max(last_store_time(), nanos), std::memory_order_relaxed);
  }

  // For those who must order themselves with claims: the same lock, for as short.
  Mutex& append_lock() ABSL_LOCK_RETURNED(append_lock_) { return append_lock_; }

 private:
  template <typename Stamper>
  static uint64_t MessagesOf(const Stamper& stamp) {
    if constexpr (requires { stamp.messages(); }) {
      return stamp.messages();
    } else {
      return 1;
    }
  }
  void CountAppends(uint64_t messages, uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_lock_) {
    if (messages == 0) return;  // the log's own
    appends_.store(appends_.load(std::memory_order_relaxed) + messages, std::memory_order_relaxed);
    append_bytes_.store(append_bytes_.load(std::memory_order_relaxed) + bytes,
                        std::memory_order_relaxed);
  }
  template <typename Stamper>
  static constexpr bool UsesReserve() {
    return requires { std::remove_cvref_t<Stamper>::kUsesReserve; };
  }
  static LogPosition Get(const std::atomic<uint64_t>& end) {
    return LogPosition(end.load(std::memory_order_acquire));
  }
  static void Set(std::atomic<uint64_t>& end, LogPosition value) {
    MayYield();
    end.store(value.value(), std::memory_order_release);
  }

  // Constant after construction.
  std::unique_ptr<SharedMemory> memory_;
  FrontHeader* const header_;
  char* const ring_;
  const uint64_t mask_;
  const uint64_t segment_bytes_;
  const uint64_t incarnation_;
  const bool is_shared_;

  // Synchronises itself.
  ReaderSlots reader_slots_;
  std::atomic<uint64_t> published_hint_{0};

  alignas(64) mutable Mutex append_lock_;
  uint64_t end_ ABSL_GUARDED_BY(append_lock_) = 0;  // claimed_end, without the atomic
  uint64_t limit_ ABSL_GUARDED_BY(append_lock_) = 0;
  uint64_t reserve_limit_ ABSL_GUARDED_BY(append_lock_) = 0;  // no smaller
  // Written under the append lock with plain cost, read by anybody.
  std::atomic<uint64_t> appends_{0};
  std::atomic<uint64_t> append_bytes_{0};

  // Reclaiming runs in two beats: begin moves on at once, the bytes may be claimed again when
  // every reader that may have seen the old begin is gone.
  alignas(64) Mutex reclaim_lock_ ABSL_ACQUIRED_BEFORE(append_lock_);
  uint64_t reusable_begin_ ABSL_GUARDED_BY(reclaim_lock_) = 0;
  bool reclaim_held_ ABSL_GUARDED_BY(reclaim_lock_) = false;
  uint64_t retired_at_ ABSL_GUARDED_BY(reclaim_lock_) = 0;  // moment of the last move of begin
};

template <typename Stamper>
bool Front::TryClaim(uint32_t bytes, int64_t now, Stamper&& stamp, Reservation* reservation) {
  MutexLock lock(append_lock_);
  if (!HOLDS(bytes % kRecordAlignment == 0)) return false;
  if constexpr (requires { stamp.Ready(); }) {
    if (!stamp.Ready()) return false;
  }
  const uint64_t limit = UsesReserve<Stamper>() ? reserve_limit_ : limit_;
  const uint64_t in_segment = end_ & (segment_bytes_ - 1);
  uint64_t start = in_segment == 0 ? end_ + kSegmentHeaderBytes : end_;
  const uint64_t segment_end = end_ - in_segment + segment_bytes_;
  const int64_t last = header_->last_store_time.load(std::memory_order_relaxed);
  const int64_t time = std::max(now, last);
  // What is left must hold a filler, or be nothing.
  if (start + bytes != segment_end && start + bytes + kRecordHeaderBytes > segment_end) {
    const uint64_t next = segment_end + kSegmentHeaderBytes;
    if (!HOLDS(next + bytes <= segment_end + segment_bytes_)) return false;
    if (next + bytes > limit) return false;
    if (start < segment_end) {
      HOLDS(segment_end - start >= kRecordHeaderBytes);
      WriteFiller(ring_ + (start & mask_), LogPosition(start),
                  static_cast<uint32_t>(segment_end - start), 0, time, incarnation_);
    }
    start = next;
  } else if (start + bytes > limit) {
    return false;
  }
  char* const memory = ring_ + (start & mask_);
  stamp(LogPosition(start), memory, time);
  if (time != last) header_->last_store_time.store(time, std::memory_order_relaxed);
  CountAppends(MessagesOf(stamp), bytes);
  PrefetchForWriting(memory + kPrefetchDistance, bytes);
  end_ = start + bytes;
  MayYield();
  header_->claimed_end.store(end_, std::memory_order_release);
  *reservation = {LogPosition(start), memory, bytes};
  return true;
}

}  // namespace weir::internal

#endif  // WEIR_LOG_FRONT_H_
