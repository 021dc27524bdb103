// Looks at everything that may have been written behind the durable end, before anything is judged.

#ifndef WEIR_LOG_TAIL_SCAN_H_
#define WEIR_LOG_TAIL_SCAN_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "log/segments.h"
#include "weir/message.h"

namespace weir::internal {

// A stretch in which nothing verifies; a valid record begins at `end`.
struct Gap {
  LogPosition begin;
  LogPosition end;
};

// An offset of a queue that a record behind a gap has.
struct SeenOffset {
  LogPosition position;
  uint32_t queue_number = 0;
  uint64_t queue_offset = 0;
};

struct TailScan {
  LogPosition watermark;  // the log was durable at least up to here
  std::vector<Gap> gaps;  // with valid records behind them
  LogPosition end;        // behind the last valid record
  bool has_records = false;
  // Behind the last valid record stand whole members of a group that is torn. They are not the log,
  // and they verify: nothing may be written before them.
  bool has_leftovers = false;
  // Segments behind the durable end whose files cannot be read. Their headers were synced before
  // anything was appended, so this is damage and never "not written yet".
  std::vector<SegmentEntry> unreadable;
  // What the device said where it did not give the bytes; OK: it gave all.
  absl::Status unread;
  int64_t last_store_time = 0;
  int64_t last_sync = 0;  // the newest that a mark tells of
  uint64_t bytes_read = 0;
  // What is behind the first gap, for telling what a cut there leaves out: records by position, and
  // the offsets that they have.
  std::vector<LogPosition> records;
  std::vector<SeenOffset> offsets;
};

// Scans from `durable_end`, whose record `durable_incarnation` wrote, to the end of the furthest
// file. `incarnation` is one more that may have written. Files that cannot be read count as having
// nothing valid in them.
absl::StatusOr<TailScan> ScanTail(Segments& segments, LogPosition durable_end,
                                  uint64_t durable_incarnation, uint64_t incarnation);

// Where the log goes on if it ends at `end`: there, or, if it was cut there before and nothing was
// appended since, behind the header of the segment that follows the cut. Never again in the segment
// that was cut: what stands there behind the cut may verify.
LogPosition StepOverCuts(const Segments& segments, LogPosition end);

}  // namespace weir::internal

#endif  // WEIR_LOG_TAIL_SCAN_H_
