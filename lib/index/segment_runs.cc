#include "index/segment_runs.h"

#include <algorithm>

#include "base/status_macros.h"
#include "format/record.h"
#include "index/run_chain.h"

namespace weir::internal {

absl::Status SegmentRuns::Enter(uint32_t number, uint64_t offset, const ScannedRecord& record) {
  ENSURE(record.position >= segment_begin_);
  // What makes no sense was left out when it was fed, and is left out here.
  if (!queues_.has(number)) return absl::OkStatus();
  auto found = runs_.find(number);
  if (found == runs_.end()) {
    ASSIGN_OR_RETURN(const RunSearch::Neighbours around, search_.Around(number, segment_begin_));
    // If the neighbours cannot be right, the record is.
    const bool is_possible =
        around.first <= QueueOffset(offset) && offset - around.first.value() <= kHolesMax;
    const QueueOffset first =
        is_possible ? around.first : std::max(around.previous_end, QueueOffset(offset));
    found = runs_.emplace(number, Run{.previous = around.previous, .first = first}).first;
  }
  Run& run = found->second;
  const uint64_t end = run.first.value() + run.entries.size();
  if (offset < end || offset - end > kHolesMax - holes_) return absl::OkStatus();
  const IndexEntry entry = IndexEntry::At(segment_begin_, record.position, record.header.filter);
  if (!run.entries.empty() && run.entries.back().position_word == entry.position_word) {
    return absl::OkStatus();
  }
  // Offsets whose record could not be found are holes.
  holes_ += offset - end;
  run.entries.resize(offset - run.first.value());
  run.entries.push_back(entry);
  ENSURE(run.first.value() + run.entries.size() == offset + 1);
  return absl::OkStatus();
}

absl::Status SegmentRuns::Apply(const ScannedRecord& record) {
  const RecordHeader& header = record.header;
  if (header.type != RecordType::kMessage && header.type != RecordType::kVoid) {
    return absl::OkStatus();
  }
  if (header.queue_number == kNoQueue) return absl::OkStatus();
  RETURN_IF_ERROR(Enter(header.queue_number, header.queue_offset, record));
  const auto queues = DecodeQueues(record.bytes);
  if (!queues) return absl::OkStatus();
  for (uint32_t i = 0; i < queues->further_queue_count; ++i) {
    const FurtherQueue further = queues->further_queue(i);
    RETURN_IF_ERROR(Enter(further.number, further.offset, record));
  }
  return absl::OkStatus();
}

absl::Status SegmentRuns::AddTo(IndexFileWriter& writer, IndexFiles& files,
                                LogPosition log_begin) const {
  for (const auto& [number, run] : runs_) {
    if (run.entries.empty()) continue;
    absl::StatusOr<RunLinks> links = LinksForNewRun(files, number, run.previous, log_begin);
    // Who reads there does without links, and finds what there is.
    if (IsUnreadable(links.status()) || absl::IsOutOfRange(links.status())) links = RunLinks{};
    if (!links.ok()) return links.status();
    RETURN_IF_ERROR(writer.AddRun(number, run.first, *links, run.entries));
  }
  return absl::OkStatus();
}

}  // namespace weir::internal
