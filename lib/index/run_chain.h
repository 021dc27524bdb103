// A queue's runs as a skip list over its segments, newest first: which run holds an offset, and
// where a new run's links lead. Only the newest run's place, the tail, is kept in memory.
//
// Links into dropped segments end the chain. Nothing here believes a link: the run that it leads
// to must be there, begin where the link says, end where a newer one may begin, and be less deep.
// So every walk goes strictly backwards and ends.

#ifndef WEIR_INDEX_RUN_CHAIN_H_
#define WEIR_INDEX_RUN_CHAIN_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "format/index_layout.h"
#include "index/index_file.h"
#include "index/index_files.h"
#include "weir/message.h"

namespace weir::internal {

// A run in the file of the segment that begins there.
struct RunLocation {
  LogPosition segment_begin;
  std::shared_ptr<IndexFile> file;
  QueueRun run;
};

// The run of the queue that holds `offset`, in O(log runs) probes (at most 25 in 1,000 runs).
// nullopt if the offset is older than what the segments from `log_begin` on hold, or not below the
// end of the tail. kDataLoss if the chain is broken or has a gap there; kNotFound if an index file
// is not there (any more): look whether the log's begin has moved.
absl::StatusOr<std::optional<RunLocation>> FindRunOf(IndexFiles& files, uint32_t queue_number,
                                                     RunLink tail, QueueOffset offset,
                                                     LogPosition log_begin);

// Depth and links of a run that follows the tail; at most 2 probes. Without a tail, or if its
// segment was dropped, a new chain begins. Errors are those of the tail's file; without the jump's
// the run has no jump.
absl::StatusOr<RunLinks> LinksForNewRun(IndexFiles& files, uint32_t queue_number, RunLink tail,
                                        LogPosition log_begin);

}  // namespace weir::internal

#endif  // WEIR_INDEX_RUN_CHAIN_H_
