// Seals again what looks like records, as a writer that means no good would do it: behind a
// checksum nothing but the checksum's own code would ever be fuzzed.

#ifndef WEIR_TESTS_FUZZ_RECORD_SEALING_H_
#define WEIR_TESTS_FUZZ_RECORD_SEALING_H_

#include <cstdint>

#include "absl/types/span.h"
#include "weir/message.h"

namespace weir::testing {

// `bytes` (aligned to 8) hold the log from `begin` on, headers of segments included. Open records
// on the way change the incarnation. Claimed records are left as they are.
void SealRecords(absl::Span<char> bytes, LogPosition begin, uint64_t segment_bytes,
                 uint64_t incarnation);

}  // namespace weir::testing

#endif  // WEIR_TESTS_FUZZ_RECORD_SEALING_H_
