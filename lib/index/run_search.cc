#include "index/run_search.h"

#include <utility>
#include <vector>

#include "base/status_macros.h"

namespace weir::internal {

absl::StatusOr<std::optional<FoundRun>> RunSearch::Look(LogPosition segment_begin, uint32_t number,
                                                        absl::Status* lost) const {
  absl::StatusOr<std::optional<FoundRun>> found = files_->FindRun(segment_begin, number);
  if (!absl::IsOutOfRange(found.status()) && !IsUnreadable(found.status())) return found;
  // Who only reads does without what the device does not give today.
  if (lost == nullptr && IsFromDevice(found.status())) return found;
  if (lost != nullptr && (lost->ok() || IsFromDevice(found.status()))) *lost = found.status();
  return std::nullopt;
}

absl::StatusOr<std::optional<RunLocation>> RunSearch::Newest(uint32_t number,
                                                             LogPosition below) const {
  const std::vector<SegmentEntry> entries = log_->segments().entries();
  for (size_t i = entries.size(); i-- > 0;) {
    if (entries[i].begin() >= below) continue;
    ASSIGN_OR_RETURN(std::optional<FoundRun> found, Look(entries[i].begin(), number));
    if (found) return RunLocation{entries[i].begin(), std::move(found->file), found->run};
  }
  return std::nullopt;
}

absl::StatusOr<RunSearch::Place> RunSearch::Find(uint32_t number, QueueOffset offset,
                                                 LogPosition sealed_end) const {
  Place place{.holes_end = QueueOffset(queues_->queue(number).memory_first())};
  const std::vector<SegmentEntry> entries = log_->segments().entries();
  for (size_t i = entries.size(); i-- > 0;) {
    if (entries[i].limit > sealed_end) continue;
    ASSIGN_OR_RETURN(std::optional<FoundRun> found, Look(entries[i].begin(), number, &place.lost));
    if (!found) continue;
    const QueueRun& run = found->run;
    if (offset >= run.end()) return place;
    if (offset >= run.first) {
      place.run = RunLocation{entries[i].begin(), std::move(found->file), run};
      return place;
    }
    place.holes_end = run.first;
  }
  place.is_oldest = place.lost.ok();
  return place;
}

absl::StatusOr<std::optional<QueueOffset>> RunSearch::LinkInto(uint32_t number,
                                                               LogPosition segment_begin) const {
  const RunLink tail = queues_->queue(number).tail();
  if (!tail.exists() || tail.segment_begin < segment_begin) return std::nullopt;
  if (tail.segment_begin == segment_begin) return tail.first;
  for (const SegmentEntry& entry : log_->segments().entries()) {
    if (entry.begin() <= segment_begin) continue;
    if (entry.begin() > tail.segment_begin) break;
    ASSIGN_OR_RETURN(const std::optional<FoundRun> found, Look(entry.begin(), number));
    if (!found) continue;
    const RunLink& link = found->run.links.previous;
    if (link.exists() && link.segment_begin == segment_begin) return link.first;
    break;
  }
  return std::nullopt;
}

absl::StatusOr<RunSearch::Neighbours> RunSearch::Around(uint32_t number,
                                                        LogPosition segment_begin) const {
  Neighbours neighbours;
  ASSIGN_OR_RETURN(const std::optional<RunLocation> previous, Newest(number, segment_begin));
  if (previous) {
    neighbours.previous = {previous->segment_begin, previous->run.first};
    neighbours.previous_end = previous->run.end();
  }
  ASSIGN_OR_RETURN(const std::optional<QueueOffset> linked, LinkInto(number, segment_begin));
  if (linked && *linked >= neighbours.previous_end) {
    neighbours.first = *linked;
  } else if (previous) {
    // A run begins where the one before ends; holes between the two belong to the later one.
    neighbours.first = neighbours.previous_end;
  } else {
    neighbours.first = QueueOffset(queues_->queue(number).first());
  }
  return neighbours;
}

}  // namespace weir::internal
