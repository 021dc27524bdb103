#include "index/time_lookup.h"

#include <algorithm>
#include <limits>

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
  const auto first = segments.sealed->begin();
  const auto sealed_end = first + static_cast<ptrdiff_t>(segments.sealed_count);
  auto sealed = std::partition_point(
      first, sealed_end, [&](const SealedSegment& one) { return one.last_until < time; });
  while (sealed != sealed_end && sealed->times.is_empty) ++sealed;
  // Right before it may lie what nobody knows the times of. What may be read another time is no
  // answer today; what is lost is told to who looks there.
  LogPosition from(std::numeric_limits<uint64_t>::max());
  absl::Status unread;
  for (auto before = sealed; before != first;) {
    --before;
    if (IsFromDevice(before->fault)) unread = before->fault;
    if (!before->fault.ok()) from = before->begin;
    if (!before->times.is_empty) break;  // what stands further before is older
  }
  const auto answer = [&](const StoreTimes& times,
                          TimeStretch stretch) -> absl::StatusOr<TimeStretch> {
    if (times.first >= time) {
      RETURN_IF_ERROR(unread);
      stretch.begin = std::min(from, stretch.begin);
    }
    return TimeStretch{std::min(stretch.begin, end), std::min(stretch.end, end)};
  };
  for (; sealed != sealed_end; ++sealed) {
    if (sealed->times.is_empty) continue;
    const absl::StatusOr<TimeStretch> stretch = StretchIn(*sealed, time);
    if (absl::IsOutOfRange(stretch.status())) continue;  // dropped meanwhile
    RETURN_IF_ERROR(stretch.status());
    return answer(sealed->times, *stretch);
  }
  for (const auto& digest : segments.unsealed) {
    const StoreTimes times = digest->times();
    if (times.is_empty) continue;
    if (times.last < time) {
      from = LogPosition(std::numeric_limits<uint64_t>::max());
      unread = absl::OkStatus();
      continue;
    }
    const LogPosition limit = digest->segment_begin() + log_.segments().segment_bytes();
    return answer(times, digest->FindTime(time, limit));
  }
  RETURN_IF_ERROR(unread);
  return TimeStretch{std::min(from, end), end};
}

absl::StatusOr<LogPosition> TimeLookup::FirstNotOlder(int64_t time, LogPosition end) const {
  ASSIGN_OR_RETURN(const TimeStretch stretch, StretchOf(time, end));
  LogScanner scanner(log_, stretch.begin, stretch.end);
  while (stretch.begin < stretch.end) {
    ScannedRecord record;
    DamagedRange damage;
    ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
    if (step == LogScanner::Step::kEnd) break;
    // What could not be read today may be what is looked for.
    if (!scanner.unread().ok()) return scanner.unread();
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
  absl::Status unread;  // of what may hold the first message, or the last
  const auto add = [&](const StoreTimes& times) {
    if (times.is_empty) return absl::OkStatus();
    if (bounds.is_empty) {
      RETURN_IF_ERROR(unread);
      bounds = times;
    }
    bounds.first = std::min(bounds.first, times.first);
    bounds.last = std::max(bounds.last, times.last);
    unread = absl::OkStatus();
    return absl::OkStatus();
  };
  for (size_t i = 0; i < segments.sealed_count; ++i) {
    const SealedSegment& segment = (*segments.sealed)[i];
    if (IsFromDevice(segment.fault)) unread = segment.fault;
    RETURN_IF_ERROR(add(segment.times));
  }
  for (const auto& digest : segments.unsealed) RETURN_IF_ERROR(add(digest->times()));
  RETURN_IF_ERROR(unread);
  return bounds;
}

}  // namespace weir::internal
