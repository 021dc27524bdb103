#include "base/checksum.h"

#include "base/checksum_wide.h"

// Inlined, so that the short records that most messages are pay no call into a shared library.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace weir::internal {

uint64_t Checksum(const char* bytes, size_t size, uint64_t seed) {
  // Up to here XXH3 uses no vectors.
  constexpr size_t kShortBytesMax = 240;
  static const bool has_wide = HasWideChecksum();
  if (size > kShortBytesMax && has_wide) return WideChecksum(bytes, size, seed);
  return XXH3_64bits_withSeed(bytes, size, seed);
}

}  // namespace weir::internal
