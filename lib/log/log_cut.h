// Ends the log where it cannot be read on, and lets it go on in a segment further on. Nothing is
// zeroed and nothing overwritten.

#ifndef WEIR_LOG_LOG_CUT_H_
#define WEIR_LOG_LOG_CUT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "log/segments.h"
#include "log/tail_scan.h"
#include "weir/message.h"

namespace weir::internal {

struct LogCut {
  LogPosition end;           // nothing from here on belongs to the log
  bool keep_rest = false;    // of the segment that holds `end`, in quarantine
  LogPosition prepared_end;  // files were prepared up to here once; no position is used twice
  uint64_t incarnation = 0;  // writes the next record
};

// Creates the segment that the log goes on in; its synced header is the cut. Files between the two
// become spares, or go to quarantine if `scan` found something in them or could not read them.
// Returns where the next record begins. After an error or a crash the cut was made or it was not,
// and making it again is right.
absl::StatusOr<LogPosition> CutLog(Segments& segments, const TailScan& scan, const LogCut& cut);

}  // namespace weir::internal

#endif  // WEIR_LOG_LOG_CUT_H_
