// The superblock: what a store is, how far it was durable, and how it was left. Two slots that are
// written in turn, so that a torn write leaves the older one.
//
// Invariants
// 1. The slot with the larger sequence wins.
// 2. durable_end may be late, never early.
// 3. Every other field is synced before the first append that rests on it.

#ifndef WEIR_FORMAT_SUPERBLOCK_H_
#define WEIR_FORMAT_SUPERBLOCK_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "format/segment_header.h"
#include "weir/message.h"

namespace weir::internal {

inline constexpr size_t kSuperblockSlotBytes = 4096;
inline constexpr size_t kSuperblockBytes = 2 * kSuperblockSlotBytes;
inline constexpr size_t kFrontDirectoryBytesMax = 1024;

enum class FrontKind : uint32_t { kNone = 0, kShared = 1, kPrivate = 2 };

struct Superblock {
  Uuid store{};
  uint64_t segment_bytes = 0;
  uint64_t hash_seed = 0;
  uint64_t sequence = 0;
  LogPosition log_begin;             // oldest position that was not dropped
  LogPosition durable_end;           // a record boundary
  uint64_t durable_incarnation = 0;  // of the record that begins at durable_end
  LogPosition prepared_end;          // end of the furthest segment that may hold records
  uint64_t epoch = 0;
  uint64_t incarnation = 0;       // of what is appended since this open
  uint64_t next_incarnation = 0;  // of the next open: its front can be found after a crash in it
  Uuid boot{};
  FrontKind front = FrontKind::kNone;
  bool is_clean = false;        // closed; else open
  int64_t last_sync = 0;        // wall nanoseconds; 0: never
  int64_t last_store_time = 0;  // of the newest record known; never early by more than a sync
  std::string front_directory;

  friend bool operator==(const Superblock&, const Superblock&) = default;
};

// One slot, kSuperblockSlotBytes bytes. It belongs at (sequence % 2) * kSuperblockSlotBytes.
std::string EncodeSuperblock(const Superblock& superblock);

// From the file's bytes: the newest whole slot. kDataLoss if none is; kInvalidArgument for a newer
// format, another byte order or a file that is no superblock.
absl::StatusOr<Superblock> DecodeSuperblock(absl::string_view bytes);

// What stands in a slot. A store that was never changed has an empty one.
enum class SlotState : uint8_t {
  kWhole,
  kEmpty,    // zeros
  kDamaged,  // torn, overwritten, or behind the end of the file
  kForeign,  // of a newer format or another byte order
};
std::array<SlotState, 2> SuperblockSlots(absl::string_view bytes);

}  // namespace weir::internal

#endif  // WEIR_FORMAT_SUPERBLOCK_H_
