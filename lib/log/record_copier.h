// Writes whole records anew: into the file that takes over from a failed one, or once more where
// they stand, because only dirty pages are ever synced.

#ifndef WEIR_LOG_RECORD_COPIER_H_
#define WEIR_LOG_RECORD_COPIER_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "log/front.h"
#include "log/segment_file.h"
#include "log/segment_scanner.h"
#include "weir/message.h"

namespace weir::internal {

// A stretch of one segment. What is in the front and verifies comes from there, the rest from the
// file.
struct CopySource {
  SegmentFile& file;
  LogPosition begin;
  LogPosition end;
  const Front* front = nullptr;  // null: there is none
  LogPosition ring_begin;        // from here on the front has it
};

class RecordCopier {
 public:
  explicit RecordCopier(const CopySource& source) : source_(source) {}

  // Writes every record of the source to `target` at its position. `on_gap` hears of each stretch
  // without a valid record; its error ends the copy, and so does what the device says if it does
  // not give the bytes: nobody knows what they are. Nothing is synced.
  absl::Status CopyTo(SegmentFile& target,
                      absl::FunctionRef<absl::Status(LogPosition begin, LogPosition end)> on_gap);

  int64_t last_store_time() const { return last_store_time_; }
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  absl::Status Read(LogPosition at, absl::Span<char> out);
  absl::Status CopyGap(LogPosition begin, LogPosition end, SegmentFile& target,
                       absl::FunctionRef<absl::Status(LogPosition, LogPosition)> on_gap);

  const CopySource source_;
  int64_t last_store_time_ = 0;
  uint64_t bytes_read_ = 0;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_RECORD_COPIER_H_
