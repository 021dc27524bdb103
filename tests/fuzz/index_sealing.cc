#include "fuzz/index_sealing.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "base/bytes.h"

namespace weir::testing {

using namespace weir::internal;

IndexIdentity SealedIdentity(uint64_t segment) {
  constexpr uint64_t kSegmentBytes = 4096;
  IndexIdentity identity;
  for (size_t i = 0; i < identity.store.size(); ++i) {
    identity.store[i] = static_cast<uint8_t>(0xA0 + i);
  }
  identity.segment_begin = LogPosition(segment * kSegmentBytes);
  identity.segment_end = identity.segment_begin + kSegmentBytes;
  identity.records_end = identity.segment_begin + 4000;
  identity.incarnation = 0x1111111111111111;
  identity.incarnations_digest = 0x2222222222222222;
  return identity;
}

void SealIndexFile(std::string& bytes, const IndexIdentity& identity) {
  // Where the fields of the header lie; FORMAT.md has them all.
  constexpr size_t kIdentityEnd = 72;
  constexpr size_t kRuns = 88;
  constexpr size_t kSaved = 92;
  constexpr size_t kEntries = 96;
  constexpr size_t kSavedBytes = 104;
  constexpr size_t kTableChecksum = 120;
  constexpr size_t kKeys = 136;
  constexpr size_t kSamples = 140;
  constexpr size_t kFilterBegins = 144;
  constexpr size_t kFilterShift = 150;
  constexpr size_t kChecksum = 152;
  if (bytes.size() < kIndexHeaderBytes) return;

  IndexHeader header{.identity = identity,
                     .run_count = Load<uint32_t>(&bytes[kRuns]),
                     .saved_count = Load<uint32_t>(&bytes[kSaved]),
                     .entry_count = Load<uint64_t>(&bytes[kEntries]),
                     .key_count = Load<uint32_t>(&bytes[kKeys]),
                     .sample_count = Load<uint32_t>(&bytes[kSamples])};
  header.filter.shift = Load<uint8_t>(&bytes[kFilterShift]) % 32;
  header.filter.begins = Load<uint32_t>(&bytes[kFilterBegins]);
  bytes.replace(0, kIdentityEnd, EncodeIndexHeader(header), 0, kIdentityEnd);

  const uint64_t rest = bytes.size() - kIndexHeaderBytes;
  const uint64_t block_and_checksum = kIndexBlockBytes + sizeof(uint64_t);
  const uint64_t blocks = (rest + block_and_checksum - 1) / block_and_checksum;
  const uint64_t body_at = std::min<uint64_t>(kIndexHeaderBytes + blocks * 8, bytes.size());
  const uint64_t body_bytes = bytes.size() - body_at;
  if (header.saved_bytes_at() <= body_bytes) {
    Store<uint64_t>(&bytes[kSavedBytes], body_bytes - header.saved_bytes_at());
  }
  const absl::string_view body = absl::string_view(bytes).substr(body_at);
  std::string table;
  for (uint64_t at = 0; at < body_bytes; at += kIndexBlockBytes) {
    AppendValue(table, IndexChecksum(body.substr(at, kIndexBlockBytes)));
  }
  bytes.replace(kIndexHeaderBytes, std::min(table.size(), rest), table, 0,
                std::min(table.size(), rest));
  Store<uint64_t>(&bytes[kTableChecksum], IndexChecksum(table));
  Store<uint64_t>(&bytes[kChecksum], IndexChecksum(absl::string_view(bytes).substr(0, kChecksum)));
}

}  // namespace weir::testing
