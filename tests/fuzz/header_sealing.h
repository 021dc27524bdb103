// Makes of any bytes headers whose magic numbers and checksums hold, so that the fuzzer gets behind
// them.

#ifndef WEIR_TESTS_FUZZ_HEADER_SEALING_H_
#define WEIR_TESTS_FUZZ_HEADER_SEALING_H_

#include <string>

namespace weir::testing {

// Every copy of a segment's header that is there as a whole.
void SealSegmentHeader(std::string& bytes);
// Every slot of a superblock that is there as a whole.
void SealSuperblock(std::string& bytes);

}  // namespace weir::testing

#endif  // WEIR_TESTS_FUZZ_HEADER_SEALING_H_
