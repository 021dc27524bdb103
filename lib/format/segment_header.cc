#include "format/segment_header.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "absl/numeric/bits.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "base/mutant.h"

namespace weir::internal {
namespace {

constexpr uint64_t kMagic = 0x31474553'52494557;          // "WEIRSEG1"
constexpr uint64_t kMagicReversed = 0x57454952'53454731;  // as a big-endian machine would write it
constexpr size_t kFieldBytes = 80;                        // what the checksum covers

std::string EncodeCopy(const SegmentHeader& header, uint32_t copy) {
  std::string bytes;
  AppendValue(bytes, kMagic);
  AppendValue(bytes, kFormatVersion);
  AppendValue(bytes, copy);
  bytes.append(reinterpret_cast<const char*>(header.store.data()), header.store.size());
  AppendValue(bytes, header.segment_bytes);
  AppendValue(bytes, header.begin.value());
  AppendValue(bytes, header.generation);
  AppendValue(bytes, header.incarnation);
  AppendValue(bytes, header.predecessor_end.value());
  AppendValue(bytes, uint64_t{0});
  AppendValue(bytes, Checksum(bytes, kMagic));
  bytes.resize(kSegmentHeaderCopyBytes, '\0');
  return bytes;
}

std::optional<SegmentHeader> DecodeCopy(absl::string_view bytes) {
  if (Load<uint64_t>(bytes.data() + kFieldBytes) !=
          Checksum(bytes.substr(0, kFieldBytes), kMagic) &&
      !Without(Protection::kSegmentHeaderChecksum)) {
    return std::nullopt;
  }
  ByteReader reader(bytes);
  SegmentHeader header;
  if (reader.Take<uint64_t>() != kMagic || reader.Take<uint32_t>() != kFormatVersion) {
    return std::nullopt;
  }
  reader.Take<uint32_t>();  // which copy
  const absl::string_view uuid = reader.TakeBytes(header.store.size());
  std::copy(uuid.begin(), uuid.end(), header.store.begin());
  header.segment_bytes = reader.Take<uint64_t>();
  header.begin = LogPosition(reader.Take<uint64_t>());
  header.generation = reader.Take<uint64_t>();
  header.incarnation = reader.Take<uint64_t>();
  header.predecessor_end = LogPosition(reader.Take<uint64_t>());
  if (!std::has_single_bit(header.segment_bytes) || header.segment_bytes < 4096 ||
      header.begin.value() % header.segment_bytes != 0 || header.predecessor_end > header.begin) {
    return std::nullopt;
  }
  return header;
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  if (Without(Protection::kSegmentHeaderTwin)) {
    return EncodeCopy(header, 0) + std::string(kSegmentHeaderCopyBytes, '\0');
  }
  return EncodeCopy(header, 0) + EncodeCopy(header, 1);
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(absl::string_view bytes) {
  for (size_t at = 0; at + kSegmentHeaderCopyBytes <= bytes.size() && at < kSegmentHeaderBytes;
       at += kSegmentHeaderCopyBytes) {
    const absl::string_view copy = bytes.substr(at, kSegmentHeaderCopyBytes);
    if (const auto header = DecodeCopy(copy)) return *header;
    if (Load<uint64_t>(copy.data()) == kMagicReversed) {
      return absl::InvalidArgumentError("segment header of another byte order");
    }
    const auto version = Load<uint32_t>(copy.data() + 8);
    if (Load<uint64_t>(copy.data()) == kMagic && version > kFormatVersion &&
        Load<uint64_t>(copy.data() + kFieldBytes) ==
            Checksum(copy.substr(0, kFieldBytes), kMagic)) {
      return absl::InvalidArgumentError(absl::StrCat("segment header of format ", version,
                                                     "; this library knows ", kFormatVersion));
    }
  }
  return absl::DataLossError("no copy of the segment header is whole");
}

std::array<bool, 2> WholeHeaderCopies(absl::string_view bytes) {
  std::array<bool, 2> whole{};
  for (size_t i = 0; i < whole.size(); ++i) {
    const size_t at = i * kSegmentHeaderCopyBytes;
    whole[i] = at + kSegmentHeaderCopyBytes <= bytes.size() &&
               DecodeCopy(bytes.substr(at, kSegmentHeaderCopyBytes)).has_value();
  }
  return whole;
}

}  // namespace weir::internal
