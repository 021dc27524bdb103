// Finds runs of a queue by looking into one index file after the other: where links are broken, or
// not made yet. Files that cannot be read are passed by.

#ifndef WEIR_INDEX_RUN_SEARCH_H_
#define WEIR_INDEX_RUN_SEARCH_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "index/consume_queues.h"
#include "index/index_files.h"
#include "index/run_chain.h"
#include "log/log_view.h"
#include "weir/message.h"

namespace weir::internal {

// Any thread. Errors are those that may pass.
class RunSearch {
 public:
  // Nothing is owned.
  RunSearch(LogView* log, const ConsumeQueues* queues, IndexFiles* files)
      : log_(log), queues_(queues), files_(files) {}

  // The queue's newest run in a segment that begins below `below`.
  absl::StatusOr<std::optional<RunLocation>> Newest(uint32_t number, LogPosition below) const;

  // Where `offset` of a queue is, in index files below `sealed_end`. No run: up to `holes_end`
  // nothing is left of the queue; `is_oldest`: nor before it, and every file was read.
  struct Place {
    std::optional<RunLocation> run;
    QueueOffset holes_end;
    bool is_oldest = false;
    absl::Status lost;  // why some file was not read; what the device said goes before all other
  };
  absl::StatusOr<Place> Find(uint32_t number, QueueOffset offset, LogPosition sealed_end) const;

  // What the files around a segment say of the queue's run in it.
  struct Neighbours {
    RunLink previous = kNoLink;
    QueueOffset previous_end;
    QueueOffset first;  // of the run in this segment
  };
  absl::StatusOr<Neighbours> Around(uint32_t number, LogPosition segment_begin) const;

 private:
  // The link of the next newer run, or of the queue in memory, that leads into the segment.
  absl::StatusOr<std::optional<QueueOffset>> LinkInto(uint32_t number,
                                                      LogPosition segment_begin) const;
  // nullopt too if the file cannot be read; then `lost` says why.
  absl::StatusOr<std::optional<FoundRun>> Look(LogPosition segment_begin, uint32_t number,
                                               absl::Status* lost = nullptr) const;

  LogView* const log_;
  const ConsumeQueues* const queues_;
  IndexFiles* const files_;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_RUN_SEARCH_H_
