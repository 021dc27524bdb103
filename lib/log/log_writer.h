// The step that moves published records from the front to the segment files.

#ifndef WEIR_LOG_LOG_WRITER_H_
#define WEIR_LOG_LOG_WRITER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "log/front.h"
#include "log/health.h"
#include "log/log_counters.h"
#include "log/lost_ranges.h"
#include "log/segments.h"

namespace weir::internal {

class LogWriter {
 public:
  LogWriter(Front* front, Segments* segments, Health* health, LostRanges* lost,
            LogCounters* counters)
      : front_(front), segments_(segments), health_(health), lost_(lost), counters_(counters) {}

  // One thread at a time is in the step; whoever waits for it may lead.
  Mutex& step() ABSL_LOCK_RETURNED(step_) { return step_; }

  // Writes up to a MiB of whole records. `progressed` says whether anything was written. After an
  // error nothing is lost: the bytes stay in the front. kResourceExhausted heals by itself; after
  // another error the file is poisoned and waits for its replacement.
  absl::Status WriteSome(bool* progressed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);

  // Writes what is published below `end`, perhaps a little more, until a claim or an error is in
  // the way. Bounded, also beside fast producers.
  absl::Status WriteUpTo(LogPosition end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_);

 private:
  // Checks the record that begins at `start`; a stray write of the host shows here.
  void VerifyPublished(LogPosition start, const RecordHeader& header, SegmentFile& file);

  Front* const front_;
  Segments* const segments_;
  Health* const health_;
  LostRanges* const lost_;
  LogCounters* const counters_;
  Mutex step_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_LOG_WRITER_H_
