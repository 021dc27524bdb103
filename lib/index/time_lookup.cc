#include "index/time_lookup.h"

#include <algorithm>

#include "base/status_macros.h"
#include "log/log_scanner.h"
#include "log/segment_file.h"

namespace weir::internal {

absl::StatusOr<TimeStretch> TimeLookup::StretchIn(const SealedSegment& segment,
                                                  int64_t time) const {
  absl::StatusOr<std::shared_ptr<IndexFile>> file = sealed_.File(segment.begin);
  absl::StatusOr<TimeStretch> stretch =
      file.ok() ? (*file)->FindTime(time) : absl::StatusOr<TimeStretch>(file.status());
  if (!IsUnreadable(stretch.status())) return stretch;
  ASSIGN_OR_RETURN(file, sealed_.Rebuilt(segment.begin));
  return (*file)->FindTime(time);
}

absl::StatusOr<TimeStretch> TimeLookup::StretchOf(int64_t time, LogPosition end) const {
  ASSIGN_OR_RETURN(const LookupSegments segments, LookupSegments::Of(sealed_, digests_));
  const auto sealed_end = segments.sealed->begin() + static_cast<ptrdiff_t>(segments.sealed_count);
  auto sealed =
      std::partition_point(segments.sealed->begin(), sealed_end,
                           [&](const SealedSegment& one) { return one.last_until < time; });
  for (; sealed != sealed_end; ++sealed) {
    if (sealed->times.is_empty || sealed->times.last < time) continue;
    const absl::StatusOr<TimeStretch> stretch = StretchIn(*sealed, time);
    if (absl::IsOutOfRange(stretch.status())) continue;  // dropped meanwhile
    RETURN_IF_ERROR(stretch.status());
    return TimeStretch{std::min(stretch->begin, end), std::min(stretch->end, end)};
  }
  for (const auto& digest : segments.unsealed) {
    const StoreTimes times = digest->times();
    if (times.is_empty || times.last < time) continue;
    const LogPosition limit = digest->segment_begin() + log_.segments().segment_bytes();
    const TimeStretch stretch = digest->FindTime(time, limit);
    return TimeStretch{std::min(stretch.begin, end), std::min(stretch.end, end)};
  }
  return TimeStretch{end, end};
}

absl::StatusOr<LogPosition> TimeLookup::FirstNotOlder(int64_t time, LogPosition end) const {
  ASSIGN_OR_RETURN(const TimeStretch stretch, StretchOf(time, end));
  LogScanner scanner(log_, stretch.begin, stretch.end);
  while (stretch.begin < stretch.end) {
    ScannedRecord record;
    DamagedRange damage;
    ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
    if (step == LogScanner::Step::kEnd) break;
    if (step != LogScanner::Step::kRecord) continue;
    const bool is_message =
        record.header.type == RecordType::kMessage && record.header.queue_number != kNoQueue;
    if (is_message && record.header.store_time >= time) return record.position;
  }
  return stretch.end;
}

absl::StatusOr<StoreTimes> TimeLookup::Bounds() const {
  ASSIGN_OR_RETURN(const LookupSegments segments, LookupSegments::Of(sealed_, digests_));
  StoreTimes bounds;
  const auto add = [&](const StoreTimes& times) {
    if (times.is_empty) return;
    if (bounds.is_empty) bounds = times;
    bounds.first = std::min(bounds.first, times.first);
    bounds.last = std::max(bounds.last, times.last);
  };
  for (size_t i = 0; i < segments.sealed_count; ++i) add((*segments.sealed)[i].times);
  for (const auto& digest : segments.unsealed) add(digest->times());
  return bounds;
}

}  // namespace weir::internal
