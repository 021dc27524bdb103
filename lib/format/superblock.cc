#include "format/superblock.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "base/mutant.h"

namespace weir::internal {
namespace {

constexpr uint64_t kMagic = 0x31425553'52494557;  // "WEIRSUB1"
constexpr uint64_t kMagicReversed = 0x57454952'53554231;
constexpr size_t kChecksumAt = kSuperblockSlotBytes - 8;

bool ChecksumHolds(absl::string_view slot) {
  return Load<uint64_t>(slot.data() + kChecksumAt) == Checksum(slot.substr(0, kChecksumAt), kMagic);
}

template <typename Bytes>
void TakeUuid(ByteReader& reader, Bytes& uuid) {
  const absl::string_view bytes = reader.TakeBytes(uuid.size());
  std::copy(bytes.begin(), bytes.end(), uuid.begin());
}

std::optional<Superblock> DecodeSlot(absl::string_view slot) {
  ByteReader reader(slot);
  if (reader.Take<uint64_t>() != kMagic || reader.Take<uint32_t>() != kFormatVersion) {
    return std::nullopt;
  }
  Superblock block;
  block.front = static_cast<FrontKind>(reader.Take<uint32_t>());
  TakeUuid(reader, block.store);
  block.segment_bytes = reader.Take<uint64_t>();
  block.hash_seed = reader.Take<uint64_t>();
  block.sequence = reader.Take<uint64_t>();
  block.log_begin = LogPosition(reader.Take<uint64_t>());
  block.durable_end = LogPosition(reader.Take<uint64_t>());
  block.durable_incarnation = reader.Take<uint64_t>();
  block.prepared_end = LogPosition(reader.Take<uint64_t>());
  block.epoch = reader.Take<uint64_t>();
  block.incarnation = reader.Take<uint64_t>();
  block.next_incarnation = reader.Take<uint64_t>();
  TakeUuid(reader, block.boot);
  block.is_clean = reader.Take<uint32_t>() == 1;
  const auto directory_bytes = reader.Take<uint32_t>();
  block.last_sync = reader.Take<int64_t>();
  block.last_store_time = reader.Take<int64_t>();
  if (directory_bytes > kFrontDirectoryBytesMax) return std::nullopt;
  block.front_directory = std::string(reader.TakeBytes(directory_bytes));
  if (!std::has_single_bit(block.segment_bytes) || block.segment_bytes < 4096 ||
      block.segment_bytes > uint64_t{1} << 30 || block.front > FrontKind::kPrivate ||
      block.log_begin > block.durable_end || block.durable_end > block.prepared_end ||
      block.durable_end.value() % 8 != 0 || block.log_begin.value() % block.segment_bytes != 0 ||
      block.prepared_end.value() % block.segment_bytes != 0) {
    return std::nullopt;
  }
  return block;
}

}  // namespace

std::string EncodeSuperblock(const Superblock& block) {
  std::string slot;
  AppendValue(slot, kMagic);
  AppendValue(slot, kFormatVersion);
  AppendValue(slot, static_cast<uint32_t>(block.front));
  slot.append(reinterpret_cast<const char*>(block.store.data()), block.store.size());
  AppendValue(slot, block.segment_bytes);
  AppendValue(slot, block.hash_seed);
  AppendValue(slot, block.sequence);
  AppendValue(slot, block.log_begin.value());
  AppendValue(slot, block.durable_end.value());
  AppendValue(slot, block.durable_incarnation);
  AppendValue(slot, block.prepared_end.value());
  AppendValue(slot, block.epoch);
  AppendValue(slot, block.incarnation);
  AppendValue(slot, block.next_incarnation);
  slot.append(reinterpret_cast<const char*>(block.boot.data()), block.boot.size());
  AppendValue(slot, uint32_t{block.is_clean});
  AppendValue(slot, static_cast<uint32_t>(block.front_directory.size()));
  AppendValue(slot, block.last_sync);
  AppendValue(slot, block.last_store_time);
  slot += block.front_directory;
  slot.resize(kChecksumAt, '\0');
  AppendValue(slot, Checksum(slot, kMagic));
  return slot;
}

absl::StatusOr<Superblock> DecodeSuperblock(absl::string_view bytes) {
  std::optional<Superblock> newest;
  // An empty one is a torn creation, not somebody else's file.
  bool is_ours = bytes.empty() || (bytes.size() >= 8 && Load<uint64_t>(bytes.data()) == kMagic);
  for (size_t at = 0; at + kSuperblockSlotBytes <= bytes.size() && at < kSuperblockBytes;
       at += kSuperblockSlotBytes) {
    const absl::string_view slot = bytes.substr(at, kSuperblockSlotBytes);
    const auto magic = Load<uint64_t>(slot.data());
    if (magic == kMagicReversed) {
      return absl::InvalidArgumentError("written by a machine of another byte order");
    }
    is_ours |= magic == kMagic;
    if (!ChecksumHolds(slot) && !Without(Protection::kSuperblockChecksum)) continue;
    const auto version = Load<uint32_t>(slot.data() + 8);
    if (magic == kMagic && version > kFormatVersion && !Without(Protection::kNewerFormat)) {
      return absl::InvalidArgumentError(
          absl::StrCat("written in format ", version, "; this library knows ", kFormatVersion));
    }
    const auto block = DecodeSlot(slot);
    if (block && (!newest || block->sequence > newest->sequence)) newest = block;
  }
  if (newest) return *newest;
  if (!is_ours) return absl::InvalidArgumentError("not a weir superblock");
  return absl::DataLossError("no slot of the superblock is whole");
}

std::array<SlotState, 2> SuperblockSlots(absl::string_view bytes) {
  std::array<SlotState, 2> states{SlotState::kDamaged, SlotState::kDamaged};
  for (size_t i = 0; i < states.size(); ++i) {
    const size_t at = i * kSuperblockSlotBytes;
    if (at + kSuperblockSlotBytes > bytes.size()) continue;
    const absl::string_view slot = bytes.substr(at, kSuperblockSlotBytes);
    const auto magic = Load<uint64_t>(slot.data());
    if (std::all_of(slot.begin(), slot.end(), [](char c) { return c == 0; })) {
      states[i] = SlotState::kEmpty;
    } else if (magic == kMagicReversed) {
      states[i] = SlotState::kForeign;
    } else if (ChecksumHolds(slot)) {
      const bool is_newer = magic == kMagic && Load<uint32_t>(slot.data() + 8) > kFormatVersion;
      if (is_newer) states[i] = SlotState::kForeign;
      if (!is_newer && DecodeSlot(slot)) states[i] = SlotState::kWhole;
    }
  }
  return states;
}

}  // namespace weir::internal
