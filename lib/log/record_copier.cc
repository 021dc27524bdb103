#include "log/record_copier.h"

#include <algorithm>
#include <cstring>

#include "base/status_macros.h"

namespace weir::internal {

absl::Status RecordCopier::Read(LogPosition at, absl::Span<char> out) {
  bytes_read_ += out.size();
  uint64_t in_file = out.size();
  if (source_.front != nullptr && at + out.size() > source_.ring_begin) {
    in_file = at < source_.ring_begin ? source_.ring_begin - at : 0;
    std::memcpy(out.data() + in_file, source_.front->At(at + in_file), out.size() - in_file);
  }
  return in_file == 0 ? absl::OkStatus() : source_.file.ReadZeroFilled(at, out.first(in_file));
}

absl::Status RecordCopier::CopyTo(
    SegmentFile& target, absl::FunctionRef<absl::Status(LogPosition, LogPosition)> on_gap) {
  SegmentScanner scanner(
      source_.file, [this](LogPosition at, absl::Span<char> out) { return Read(at, out); },
      source_.begin, source_.end, Groups::kMembers);
  for (;;) {
    ScannedRecord record;
    const absl::StatusOr<SegmentScanner::Step> step = scanner.Next(&record);
    if (!step.ok() && !IsUnreadable(step.status())) return step.status();
    if (step.ok() && *step == SegmentScanner::Step::kEnd) return absl::OkStatus();
    if (step.ok() && *step == SegmentScanner::Step::kRecord) {
      last_store_time_ = std::max(last_store_time_, record.header.store_time);
      // Of a group only the header: its members follow. Of a filler only the header: nothing else
      // of it means anything.
      const uint64_t bytes =
          std::min<uint64_t>(CoveredBytes(record.header.type, record.header.bytes()),
                             scanner.position() - record.position);
      RETURN_IF_ERROR(target.Write(record.position, {absl::string_view(record.bytes, bytes)}));
      continue;
    }
    const LogPosition gap = scanner.position();
    const absl::StatusOr<bool> goes_on =
        step.ok() ? scanner.Resync(scanner.resync_from()) : absl::StatusOr<bool>(false);
    const bool found = goes_on.ok() && *goes_on;
    RETURN_IF_ERROR(on_gap(gap, found ? scanner.position() : source_.end));
    if (!found) return absl::OkStatus();
  }
}

}  // namespace weir::internal
