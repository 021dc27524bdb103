// XXH3 of some bytes; the only place that includes xxhash.

#ifndef WEIR_BASE_CHECKSUM_H_
#define WEIR_BASE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace weir::internal {

// XXH3_64bits_withSeed (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
uint64_t Checksum(const char* bytes, size_t size, uint64_t seed);

inline uint64_t Checksum(absl::string_view bytes, uint64_t seed = 0) {
  return Checksum(bytes.data(), bytes.size(), seed);
}

}  // namespace weir::internal

#endif  // WEIR_BASE_CHECKSUM_H_
