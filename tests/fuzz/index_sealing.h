// Makes of any bytes an index file whose checksums hold, so that the fuzzer gets behind them.

#ifndef WEIR_TESTS_FUZZ_INDEX_SEALING_H_
#define WEIR_TESTS_FUZZ_INDEX_SEALING_H_

#include <cstdint>
#include <string>

#include "format/index_layout.h"

namespace weir::testing {

// Of a segment of 4 KiB: that of the example in FORMAT.md, so that it is a seed.
internal::IndexIdentity SealedIdentity(uint64_t segment);

// The counts of the header are the bytes' own, but for the saved bytes: they take up what is left,
// if there is room. Nothing happens to what is shorter than a header.
void SealIndexFile(std::string& bytes, const internal::IndexIdentity& identity);

}  // namespace weir::testing

#endif  // WEIR_TESTS_FUZZ_INDEX_SEALING_H_
