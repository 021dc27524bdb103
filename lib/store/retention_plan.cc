#include "store/retention_plan.h"

#include "absl/strings/str_cat.h"

namespace weir::internal {
namespace {

bool IsOld(const Retention& policy, const OldSegment& segment, int64_t now) {
  return policy.max_age != absl::InfiniteDuration() &&
         absl::Nanoseconds(now - segment.newest) > policy.max_age;
}

}  // namespace

RetentionPlan PlanRetention(const Retention& policy, const RetentionFacts& facts,
                            const std::function<std::string(const OldSegment&)>& why_kept) {
  RetentionPlan plan;
  uint64_t used = facts.used_bytes;
  uint64_t free = facts.free_bytes;
  std::string kept;
  for (const OldSegment& segment : facts.segments) {
    const bool is_needed = (policy.max_bytes > 0 && used > policy.max_bytes) ||
                           (policy.free_bytes_low > 0 && free < policy.free_bytes_low);
    if (!is_needed && !IsOld(policy, segment, facts.now)) break;
    kept = why_kept(segment);
    if (!kept.empty()) break;
    ++plan.drop;
    used -= segment.bytes;
    free += segment.bytes;
  }
  if (policy.free_bytes_min > 0 && free < policy.free_bytes_min) {
    plan.refuse = absl::ResourceExhaustedError(absl::StrCat(
        free, " bytes are free on the file system; ", policy.free_bytes_min, " shall be left"));
  } else if (!kept.empty() && policy.max_bytes > 0 && used > policy.max_bytes) {
    plan.refuse = absl::ResourceExhaustedError(
        absl::StrCat("the store has ", used, " bytes of ", policy.max_bytes, ", and ", kept));
  }
  return plan;
}

}  // namespace weir::internal
