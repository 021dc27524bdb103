// The shared memory of a front: one header page before the ring, and the page of doorbells that
// lies beside it under a name of its own, because reading processes may write there.

#ifndef WEIR_FORMAT_FRONT_LAYOUT_H_
#define WEIR_FORMAT_FRONT_LAYOUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/status/status.h"
#include "format/segment_header.h"

namespace weir::internal {

inline constexpr size_t kFrontHeaderBytes = 4096;

// Who a front belongs to. All of it must match before a front is adopted.
struct FrontIdentity {
  Uuid store{};
  uint64_t incarnation = 0;
  Uuid boot{};
  uint64_t directory_device = 0;
  uint64_t directory_inode = 0;
  uint64_t lock_device = 0;
  uint64_t lock_inode = 0;
  uint64_t segment_bytes = 0;
  uint64_t ring_bytes = 0;
  friend bool operator==(const FrontIdentity&, const FrontIdentity&) = default;
};
static_assert(sizeof(FrontIdentity) == 88 && std::is_trivially_copyable_v<FrontIdentity>);

// Each end has a cache line of its own: producers write the first, the steps the others, and
// readers of other processes look at all of them. Ends only grow, and
//   front_begin <= written_end <= claimed_end and durable_end <= written_end.
struct FrontHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t reserved;
  FrontIdentity identity;
  uint64_t checksum;  // of everything above

  alignas(64) std::atomic<uint64_t> claimed_end;
  // Of the newest claim: nothing that is appended later may be older, also after a death.
  std::atomic<int64_t> last_store_time;
  alignas(64) std::atomic<uint64_t> front_begin;
  alignas(64) std::atomic<uint64_t> written_end;
  alignas(64) std::atomic<uint64_t> durable_end;
  // 1 once the writer closed the store: what is here is also in the files.
  alignas(64) std::atomic<uint64_t> closed;
};
static_assert(sizeof(FrontHeader) <= kFrontHeaderBytes);
static_assert(offsetof(FrontHeader, claimed_end) == 128);
static_assert(offsetof(FrontHeader, last_store_time) == 136);
static_assert(offsetof(FrontHeader, front_begin) == 192);
static_assert(offsetof(FrontHeader, written_end) == 256);
static_assert(offsetof(FrontHeader, durable_end) == 320);
static_assert(offsetof(FrontHeader, closed) == 384);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

// Writes magic, version, identity and checksum; the ends are left alone.
void WriteFrontIdentity(FrontHeader& header, const FrontIdentity& identity);

// OK if `header` is whole, of this version, and belongs to `expected`; else what differs.
// expected.ring_bytes is the size of the mapped ring.
absl::Status CheckFront(const FrontHeader& header, const FrontIdentity& expected);

// Whether the ends, which have no checksum, can be those of a ring of that size. The identity was
// checked before.
bool EndsMakeSense(const FrontHeader& header, uint64_t ring_bytes);

// Doorbells. A waiter sets a word's lowest bit; a producer that finds it set adds 1 and wakes. Word
// 0 is for those who follow the whole log, the others for queues by their number.
inline constexpr size_t kDoorbellBytes = 4096;
inline constexpr size_t kQueueDoorbells = 63;
struct Doorbells {
  std::atomic<uint32_t> log;
  std::atomic<uint32_t> queues[kQueueDoorbells];
  std::atomic<uint32_t>& queue(uint32_t number) { return queues[number % kQueueDoorbells]; }
};
static_assert(sizeof(Doorbells) <= kDoorbellBytes);
static_assert(std::atomic<uint32_t>::is_always_lock_free);

}  // namespace weir::internal

#endif  // WEIR_FORMAT_FRONT_LAYOUT_H_
