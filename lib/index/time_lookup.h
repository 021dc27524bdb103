// Where a time begins in the log: by the bounds of the segments, then by the samples of one of
// them, then by the records between two samples.

#ifndef WEIR_INDEX_TIME_LOOKUP_H_
#define WEIR_INDEX_TIME_LOOKUP_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "index/digests.h"
#include "index/sealed_segments.h"
#include "index/segment_queries.h"
#include "log/log_view.h"
#include "weir/message.h"

namespace weir::internal {

// Any thread. Of what the digests know by now, and of the log below `end`, which is visible. Times
// are nanoseconds. Errors are those that may pass, and kDataLoss if what is needed of the log or of
// its index files can neither be read nor computed again. What is lost for good has no times.
class TimeLookup {
 public:
  // Nothing is owned.
  TimeLookup(LogView* log, SealedSegments* sealed, const Digests* digests)
      : log_(*log), sealed_(*sealed), digests_(*digests) {}

  // The first message that is not older than `time` begins in the stretch. At most kSampledBytes of
  // records begin in it, besides what is in segments of which nobody knows the times; both ends are
  // `end` if all messages are older.
  absl::StatusOr<TimeStretch> StretchOf(int64_t time, LogPosition end) const;
  // Where exactly; `end` if all are older. Reads that stretch.
  absl::StatusOr<LogPosition> FirstNotOlder(int64_t time, LogPosition end) const;

  // Of the first and the last message that is left.
  absl::StatusOr<StoreTimes> Bounds() const;

 private:
  absl::StatusOr<TimeStretch> StretchIn(const SealedSegment& segment, int64_t time) const;

  LogView& log_;
  SealedSegments& sealed_;
  const Digests& digests_;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_TIME_LOOKUP_H_
