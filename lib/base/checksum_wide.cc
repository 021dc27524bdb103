#include "base/checksum_wide.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace weir::internal {

bool HasWideChecksum() {
#if defined(__AVX2__)
  return __builtin_cpu_supports("avx2") != 0;
#else
  return false;  // another architecture
#endif
}

uint64_t WideChecksum(const char* bytes, size_t size, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, size, seed);
}

}  // namespace weir::internal
