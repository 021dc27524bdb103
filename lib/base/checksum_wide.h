// The checksum with the 256-bit vectors that not every x86-64 has. Of long inputs it costs about a
// third of what it costs with the 128-bit ones that all have; the result is the same.
//
// Compiled for such processors only, so nothing else may be in its file: an inline function of a
// library header, compiled there, could become everybody's.

#ifndef WEIR_BASE_CHECKSUM_WIDE_H_
#define WEIR_BASE_CHECKSUM_WIDE_H_

#include <stddef.h>
#include <stdint.h>

namespace weir::internal {

// Whether this program has it, and this processor can do it.
bool HasWideChecksum();
uint64_t WideChecksum(const char* bytes, size_t size, uint64_t seed);

}  // namespace weir::internal

#endif  // WEIR_BASE_CHECKSUM_WIDE_H_
