#include "log/tail_verdict.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "format/file_names.h"
#include "log/front.h"

namespace weir::internal {

TailVerdict JudgeTail(const TailScan& scan, bool same_boot, uint64_t segment_bytes) {
  TailVerdict verdict{.end = scan.end};
  for (const Gap& gap : scan.gaps) {
    const bool was_durable = gap.begin < scan.watermark && !Without(Protection::kDurableIsDamage);
    if (!was_durable && (!same_boot || Without(Protection::kSameBootIsDamage))) {
      verdict.is_cut = true;
      verdict.end = gap.begin;
      verdict.dropped_bytes = scan.end - gap.begin;
      break;
    }
    const LogPosition begin = RecordStart(gap.begin, segment_bytes);
    verdict.damage.push_back({begin, gap.end,
                              absl::StrCat("no valid record from ", begin.value(), " to ",
                                           gap.end.value(), " although the log was whole there")});
  }
  if (verdict.end < scan.watermark) {
    verdict.damage.push_back(
        {verdict.end, scan.watermark,
         absl::StrCat("the log was durable up to ", scan.watermark.value(),
                      " and is unreadable from ", verdict.end.value(), " on")});
    verdict.end = scan.watermark;
  }
  for (const SegmentEntry& entry : scan.unreadable) {
    verdict.damage.push_back({entry.begin(), entry.end(),
                              absl::StrCat("segment ", SegmentFileName(entry.name),
                                           " cannot be read: what it held is lost")});
  }
  verdict.dropped_records = static_cast<uint64_t>(
      std::count_if(scan.records.begin(), scan.records.end(),
                    [&](LogPosition record) { return record >= verdict.end; }));
  std::copy_if(scan.offsets.begin(), scan.offsets.end(), std::back_inserter(verdict.left_out),
               [&](const SeenOffset& seen) { return seen.position >= verdict.end; });
  return verdict;
}

}  // namespace weir::internal
