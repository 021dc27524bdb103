// What Open() found, as a sentence.

#ifndef WEIR_TOOL_RECOVERY_TEXT_H_
#define WEIR_TOOL_RECOVERY_TEXT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "weir/store.h"

namespace weir::tool {

// "clean", or "recovered in 2.31 ms: ..." with everything that was left out or given up.
std::string DescribeRecovery(const RecoveryReport& report);

// "left out: orders, queue 3, offsets 10 to 14"
std::string DescribeDropped(const DroppedOffsets& dropped);

// "damaged 262144 to 524288: ..."
std::string DescribeDamage(const DamagedRange& range);

// kDataLoss if there is any damage: whose messages it held, nobody knows any more.
absl::Status MissingBecauseOf(absl::Span<const DamagedRange> damage);

// A line: "00000000000000262144 at 262512: no valid record (up to 262768)".
std::string DescribeFinding(const VerifyFinding& finding);

}  // namespace weir::tool

#endif  // WEIR_TOOL_RECOVERY_TEXT_H_
