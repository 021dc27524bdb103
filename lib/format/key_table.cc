#include "format/key_table.h"

#include <array>

#include "base/bytes.h"
#include "base/checksum.h"

namespace weir::internal {

uint32_t KeyHash(uint64_t seed, uint32_t first_queue, absl::string_view key) {
  std::array<char, sizeof first_queue + kMaxKeyBytes> named;
  ByteWriter writer(named.data());
  writer.Put(first_queue);
  writer.PutBytes(key.substr(0, kMaxKeyBytes));
  const auto size = static_cast<size_t>(writer.position() - named.data());
  return static_cast<uint32_t>(Checksum(named.data(), size, seed) >> 32);
}

}  // namespace weir::internal
