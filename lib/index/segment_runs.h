// The runs of one sealed segment, computed again from its records as they are met in the log.
//
// They come out as they were sealed, as far as the records are there: with the same first offset,
// the same holes, and the same links, if the files around this one can be read.

#ifndef WEIR_INDEX_SEGMENT_RUNS_H_
#define WEIR_INDEX_SEGMENT_RUNS_H_

#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "index/consume_queues.h"
#include "index/index_file_writer.h"
#include "index/index_files.h"
#include "index/run_search.h"
#include "log/log_view.h"
#include "log/segment_scanner.h"
#include "weir/message.h"

namespace weir::internal {

// For one thread. Its memory is bounded by the segment's records and kHolesMax, whatever they say.
class SegmentRuns {
 public:
  // In all runs together.
  static constexpr uint64_t kHolesMax = ConsumeQueues::kHolesMax;

  // Nothing is owned.
  SegmentRuns(LogPosition segment_begin, const ConsumeQueues* queues, const RunSearch* search)
      : segment_begin_(segment_begin), queues_(*queues), search_(*search) {}

  // The segment's records, in their order.
  absl::Status Apply(const ScannedRecord& record);

  // Adds all runs, linked to the older ones in `files`.
  absl::Status AddTo(IndexFileWriter& writer, IndexFiles& files, LogPosition log_begin) const;

 private:
  struct Run {
    RunLink previous;
    QueueOffset first;
    std::vector<IndexEntry> entries;
  };

  absl::Status Enter(uint32_t number, uint64_t offset, const ScannedRecord& record);

  const LogPosition segment_begin_;
  const ConsumeQueues& queues_;
  const RunSearch& search_;
  absl::btree_map<uint32_t, Run> runs_;  // by queue number
  uint64_t holes_ = 0;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_SEGMENT_RUNS_H_
