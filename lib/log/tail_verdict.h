// What is to be thought of the tail of a log without a front: where it ends, what a power loss
// took, and what is damage. The table of recovery, for the process that will write and for those
// that only read.

#ifndef WEIR_LOG_TAIL_VERDICT_H_
#define WEIR_LOG_TAIL_VERDICT_H_

#include <cstdint>
#include <vector>

#include "log/tail_scan.h"
#include "weir/hooks.h"
#include "weir/message.h"

namespace weir::internal {

struct TailVerdict {
  LogPosition end;  // the log goes on behind it
  // A power loss left a hole at `end`: what stands behind it does not belong to the log.
  bool is_cut = false;
  uint64_t dropped_bytes = 0;
  uint64_t dropped_records = 0;
  std::vector<SeenOffset> left_out;  // the offsets of the dropped records
  // Where the log was whole and is not now.
  std::vector<DamagedRange> damage;
};

// `same_boot`: the power has not gone since the log was written; then writes were sequential, and
// what does not verify before something that does is damage and no hole.
TailVerdict JudgeTail(const TailScan& scan, bool same_boot, uint64_t segment_bytes);

}  // namespace weir::internal

#endif  // WEIR_LOG_TAIL_VERDICT_H_
