// Writes a whole new file in the place of a segment file that failed.
//
// A failed sync says nothing of what was written since the last good one, and a later sync of the
// same file proves nothing: the kernel may have marked the lost pages clean. So the file is never
// synced again. Its bytes are written to another one: from the front as far as they are there,
// else read back and verified.

#ifndef WEIR_LOG_SEGMENT_REPLACER_H_
#define WEIR_LOG_SEGMENT_REPLACER_H_

#include <memory>

#include "absl/status/status.h"
#include "log/front.h"
#include "log/health.h"
#include "log/lost_ranges.h"
#include "log/segments.h"

namespace weir::internal {

class SegmentReplacer {
 public:
  SegmentReplacer(Front* front, Segments* segments, Health* health, LostRanges* lost)
      : front_(front), segments_(segments), health_(health), lost_(lost) {}

  // Replaces `failed`. The caller holds both steps, and nothing is reclaimed meanwhile: bytes from
  // `ring_begin` on are in the front. When it returns OK the new file holds everything written so
  // far, synced under its own name, and the failed one is in quarantine. Otherwise nothing changed.
  absl::Status Replace(const std::shared_ptr<SegmentFile>& failed, LogPosition ring_begin);

 private:
  absl::Status CopyRecords(SegmentFile& failed, LogPosition ring_begin, SegmentFile& target);
  absl::Status CoverLost(SegmentFile& target, LogPosition begin, LogPosition end,
                         uint64_t incarnation, const std::string& reason);

  Front* const front_;
  Segments* const segments_;
  Health* const health_;
  LostRanges* const lost_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_SEGMENT_REPLACER_H_
