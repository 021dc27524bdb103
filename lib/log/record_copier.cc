#include "log/record_copier.h"

#include <algorithm>
#include <cstring>

#include "base/status_macros.h"

namespace weir::internal {

absl::Status RecordCopier::Read(LogPosition at, absl::Span<char> out) {
  ENSURE(at >= source_.begin && at + out.size() <= source_.file.limit());
  uint64_t in_file = out.size();
  if (source_.front != nullptr && at + out.size() > source_.ring_begin) {
    in_file = at < source_.ring_begin ? source_.ring_begin - at : 0;
    std::memcpy(out.data() + in_file, source_.front->At(at + in_file), out.size() - in_file);
  }
  bytes_read_ += in_file;
  ENSURE(in_file <= out.size());
  return in_file == 0 ? absl::OkStatus() : source_.file.ReadZeroFilled(at, out.first(in_file));
}

// What somebody overwrote in the front may still stand in the file.
absl::Status RecordCopier::CopyGap(
    LogPosition begin, LogPosition end, SegmentFile& target,
    absl::FunctionRef<absl::Status(LogPosition, LogPosition)> on_gap) {
  ENSURE(begin < end);
  ENSURE(begin >= source_.begin && end <= source_.end);
  if (source_.front == nullptr || end <= source_.ring_begin) return on_gap(begin, end);
  RecordCopier file_only({.file = source_.file, .begin = begin, .end = end, .ring_begin = end});
  RETURN_IF_ERROR(file_only.CopyTo(target, on_gap));
  bytes_read_ += file_only.bytes_read_;
  last_store_time_ = std::max(last_store_time_, file_only.last_store_time_);
  return absl::OkStatus();
}

absl::Status RecordCopier::CopyTo(
    SegmentFile& target, absl::FunctionRef<absl::Status(LogPosition, LogPosition)> on_gap) {
  SegmentScanner scanner(
      source_.file, [this](LogPosition at, absl::Span<char> out) { return Read(at, out); },
      source_.begin, source_.end, Groups::kMembers);
  LogPosition group_end;  // of the last group that was met
  for (;;) {
    ScannedRecord record;
    ASSIGN_OR_RETURN(const SegmentScanner::Step step, scanner.Next(&record));
    if (step == SegmentScanner::Step::kEnd) return absl::OkStatus();
    if (step == SegmentScanner::Step::kRecord) {
      last_store_time_ = std::max(last_store_time_, record.header.store_time);
      if (record.header.type == RecordType::kGroup) group_end = record.end();
      // Of a group only the header: its members follow. Of a filler only the header: nothing else
      // of it means anything.
      const uint64_t bytes =
          std::min<uint64_t>(CoveredBytes(record.header), scanner.position() - record.position);
      ENSURE(record.position >= source_.begin && record.position + bytes <= source_.end);
      ENSURE(record.position >= target.begin() + kSegmentHeaderBytes);
      RETURN_IF_ERROR(target.Write(record.position, {absl::string_view(record.bytes, bytes)}));
      continue;
    }
    const LogPosition gap = scanner.position();
    ASSIGN_OR_RETURN(const bool found, scanner.Resync(scanner.resync_from()));
    RETURN_IF_ERROR(scanner.unread());
    const LogPosition gap_end = found ? scanner.position() : source_.end;
    // What covers the gap must not reach over the end of a group that begins before it.
    const LogPosition border = gap < group_end && group_end < gap_end ? group_end : gap_end;
    RETURN_IF_ERROR(CopyGap(gap, border, target, on_gap));
    if (border < gap_end) RETURN_IF_ERROR(CopyGap(border, gap_end, target, on_gap));
    if (!found) return absl::OkStatus();
  }
}

}  // namespace weir::internal
