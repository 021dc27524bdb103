#include "index/sealed_segments.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "log/segment_file.h"

namespace weir::internal {

absl::StatusOr<std::shared_ptr<IndexFile>> SealedSegments::File(LogPosition segment_begin) {
  absl::StatusOr<std::shared_ptr<IndexFile>> file = files_.Get(segment_begin);
  return IsUnreadable(file.status()) ? Rebuilt(segment_begin) : std::move(file);
}

absl::StatusOr<std::shared_ptr<IndexFile>> SealedSegments::Rebuilt(LogPosition segment_begin) {
  RETURN_IF_ERROR(indexer_.Rebuild(segment_begin));
  return files_.Get(segment_begin);
}

absl::StatusOr<bool> SealedSegments::IsGone(LogPosition segment_begin) const {
  if (segment_begin >= log_.segments().begin()) RETURN_IF_ERROR(log_.LookAgain().status());
  return segment_begin < log_.segments().begin();
}

// What cannot be had is a fault of the segment, which is told with each answer; an error is one
// that may pass.
absl::Status SealedSegments::Load(SealedSegment* segment) {
  absl::StatusOr<std::shared_ptr<IndexFile>> file = files_.Get(segment->begin);
  const bool needs_rebuilding =
      file.ok() ? (*file)->header().is_incomplete : IsUnreadable(file.status());
  if (!needs_rebuilding && !file.ok() && !IsLost(file.status())) return file.status();
  // Once: the whole segment is read for it.
  if (needs_rebuilding && !std::exchange(segment->was_rebuilt, true)) {
    absl::StatusOr<std::shared_ptr<IndexFile>> rebuilt = Rebuilt(segment->begin);
    if (rebuilt.ok() || !file.ok()) file = std::move(rebuilt);
  }
  segment->fault = file.status();
  segment->is_known = file.ok();
  if (!file.ok()) return absl::OkStatus();
  const IndexHeader& header = (*file)->header();
  segment->times = {.first = header.first_store_time,
                    .last = header.last_store_time,
                    .is_empty = header.sample_count == 0};
  segment->hash_seed = header.hash_seed;
  segment->key_count = header.key_count;
  segment->filter = header.filter;
  if (header.is_incomplete) {
    segment->fault = absl::DataLossError(absl::StrCat(
        (*file)->name(), ": some of the segment could not be read when its keys were collected"));
  }
  return absl::OkStatus();
}

// The newest ones first, as far as they fit.
absl::Status SealedSegments::LoadFilters(Segments* segments) {
  uint64_t left = filter_bytes_max_;
  for (auto segment = segments->rbegin(); segment != segments->rend(); ++segment) {
    const uint64_t bytes = segment->filter.bytes();
    if (bytes == 0) continue;
    if (bytes > left) {
      segment->slots = nullptr;
      segment->slots_memory = nullptr;
      continue;
    }
    left -= bytes;
    if (segment->slots != nullptr) continue;
    const absl::StatusOr<std::shared_ptr<IndexFile>> file = File(segment->begin);
    absl::StatusOr<std::string> slots =
        file.ok() ? (*file)->ReadFilter() : absl::StatusOr<std::string>(file.status());
    // Without it the table is looked into, and what is wrong there is told there.
    if (IsLost(slots.status())) continue;
    if (!slots.ok()) return slots.status();
    segment->slots_memory = std::make_shared<const std::string>(*std::move(slots));
    segment->slots = segment->slots_memory->data();
  }
  return absl::OkStatus();
}

SealedSegments::List SealedSegments::Current(LogPosition begin, LogPosition end) const {
  MutexLock lock(mutex_);
  return begin_ == begin && end_ == end && !has_faults_ ? list_ : nullptr;
}

void SealedSegments::Put(Segments segments, LogPosition begin, LogPosition end) {
  uint64_t filter_bytes = 0;
  bool has_faults = false;
  int64_t last = std::numeric_limits<int64_t>::min();
  LogPosition behind;  // look-ups search by position
  for (SealedSegment& segment : segments) {
    HOLDS(segment.begin >= behind);
    HOLDS(segment.limit <= end);
    behind = segment.limit;
    if (segment.slots != nullptr) filter_bytes += segment.filter.bytes();
    has_faults = has_faults || !segment.fault.ok();
    if (!segment.times.is_empty) last = std::max(last, segment.times.last);
    segment.last_until = last;
  }
  filter_bytes_.store(filter_bytes, std::memory_order_relaxed);
  List list = std::make_shared<const Segments>(std::move(segments));
  MutexLock lock(mutex_);
  list_.swap(list);
  begin_ = begin;
  end_ = end;
  has_faults_ = has_faults;
}

absl::Status SealedSegments::Refresh(LogPosition begin, LogPosition end) {
  List before;
  {
    MutexLock lock(mutex_);
    before = list_;
  }
  Segments segments;
  for (const SegmentEntry& entry : log_.segments().entries()) {
    if (entry.limit > end) break;
    SealedSegment segment{.begin = entry.begin(), .limit = entry.limit};
    if (before != nullptr) {
      const auto known = std::lower_bound(
          before->begin(), before->end(), entry.begin(),
          [](const SealedSegment& one, LogPosition wanted) { return one.begin < wanted; });
      if (known != before->end() && known->begin == entry.begin()) segment = *known;
    }
    if (!segment.is_known || !segment.fault.ok()) RETURN_IF_ERROR(Load(&segment));
    if (!segment.fault.ok()) {
      ASSIGN_OR_RETURN(const bool is_gone, IsGone(segment.begin));
      if (is_gone) continue;
    }
    segments.push_back(std::move(segment));
  }
  RETURN_IF_ERROR(LoadFilters(&segments));
  Put(std::move(segments), begin, end);
  return absl::OkStatus();
}

absl::StatusOr<SealedSegments::List> SealedSegments::All() {
  const LogPosition begin = log_.segments().begin();
  const LogPosition end = indexer_.sealed_end();
  if (List list = Current(begin, end)) return list;
  MutexLock lock(refreshing_);
  if (List list = Current(begin, end)) return list;
  RETURN_IF_ERROR(Refresh(begin, end));
  MutexLock list_lock(mutex_);
  return list_;
}

void SealedSegments::Forget(LogPosition segment_begin) {
  MutexLock lock(refreshing_);
  Segments segments;
  LogPosition begin;
  LogPosition end;
  {
    MutexLock list_lock(mutex_);
    if (list_ == nullptr) return;
    segments = *list_;
    begin = begin_;
    end = end_;
  }
  std::erase_if(segments,
                [&](const SealedSegment& segment) { return segment.begin == segment_begin; });
  Put(std::move(segments), begin, end);
}

absl::StatusOr<LookupSegments> LookupSegments::Of(SealedSegments& sealed, const Digests& digests) {
  LookupSegments segments;
  // In this order: what is sealed between the two is in both.
  segments.unsealed = digests.All();
  ASSIGN_OR_RETURN(segments.sealed, sealed.All());
  const LogPosition sealed_end = segments.unsealed.empty()
                                     ? LogPosition(~uint64_t{0})
                                     : segments.unsealed.front()->segment_begin();
  const auto end = std::partition_point(
      segments.sealed->begin(), segments.sealed->end(),
      [&](const SealedSegment& segment) { return segment.begin < sealed_end; });
  segments.sealed_count = static_cast<size_t>(end - segments.sealed->begin());
  return segments;
}

}  // namespace weir::internal
