#include "fuzz/header_sealing.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "format/segment_header.h"
#include "format/superblock.h"

namespace weir::testing {

using namespace weir::internal;

namespace {

// In pieces of `piece_bytes`, each of which begins with the magic number of `example` and has at
// `checksum_at` the checksum of all before.
void SealPieces(std::string& bytes, size_t piece_bytes, size_t checksum_at,
                const std::string& example) {
  const auto magic = Load<uint64_t>(example.data());
  for (size_t at = 0; at + piece_bytes <= bytes.size(); at += piece_bytes) {
    Store<uint64_t>(&bytes[at], magic);
    Store<uint64_t>(&bytes[at + checksum_at],
                    Checksum(absl::string_view(&bytes[at], checksum_at), magic));
  }
}

}  // namespace

void SealSegmentHeader(std::string& bytes) {
  static const auto* const example = new std::string(EncodeSegmentHeader({}));
  std::string header = bytes.substr(0, kSegmentHeaderBytes);
  SealPieces(header, kSegmentHeaderCopyBytes, /*checksum_at=*/80, *example);
  bytes.replace(0, header.size(), header);
}

void SealSuperblock(std::string& bytes) {
  static const auto* const example = new std::string(EncodeSuperblock({}));
  SealPieces(bytes, kSuperblockSlotBytes, kSuperblockSlotBytes - 8, *example);
}

}  // namespace weir::testing
