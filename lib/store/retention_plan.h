// Which segments may go, as a pure function of what there is: policy, ages, sizes, free space.

#ifndef WEIR_STORE_RETENTION_PLAN_H_
#define WEIR_STORE_RETENTION_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "weir/message.h"
#include "weir/options.h"

namespace weir::internal {

// A segment that is sealed, and durable as a whole.
struct OldSegment {
  LogPosition begin;
  LogPosition limit;
  int64_t newest = 0;  // nothing in it is younger, nanoseconds since the epoch
  uint64_t bytes = 0;  // of its file and its index file
};

struct RetentionFacts {
  std::vector<OldSegment> segments;  // oldest first
  int64_t now = 0;                   // nanoseconds since the epoch
  uint64_t used_bytes = 0;           // of all files, and of those that are about to be made
  uint64_t free_bytes = 0;           // on the file system
};

struct RetentionPlan {
  size_t drop = 0;  // so many of the oldest segments
  // Why appends must wait for groups, or for space that is not ours to make; OK: they need not.
  absl::Status refuse;
};

// `why_kept` says why a segment must stay although the policy would drop it; empty if it need not.
// Asked of the oldest first, and of none behind one that must stay.
RetentionPlan PlanRetention(const Retention& policy, const RetentionFacts& facts,
                            const std::function<std::string(const OldSegment&)>& why_kept);

}  // namespace weir::internal

#endif  // WEIR_STORE_RETENTION_PLAN_H_
