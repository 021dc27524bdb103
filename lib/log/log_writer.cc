#include "log/log_writer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"

namespace weir::internal {
namespace {

constexpr uint64_t kWriteBytesMax = uint64_t{1} << 20;

}  // namespace

void LogWriter::VerifyPublished(LogPosition start, const RecordHeader& header, SegmentFile& file) {
  HOLDS(start.value() % kRecordAlignment == 0);
  HOLDS(start + header.bytes() <= front_->claimed_end());
  const auto check = [&](LogPosition at, uint64_t bytes) {
    if (Without(Protection::kWriteChecksum) ||
        Verify(front_->At(at), bytes, at, front_->incarnation()) ||
        Verify(front_->At(at), bytes, at, file.IncarnationAt(at))) {
      return;
    }
    const std::string reason =
        absl::StrCat("front at ", at.value(),
                     ": a published record was overwritten by somebody; it is kept as it lies");
    lost_->Add({at, at + bytes, reason});
    health_->Raise(Condition::kStrayWrite, reason);
  };
  check(start, header.bytes());
  if (header.type != RecordType::kGroup) return;
  for (LogPosition at = start + kRecordHeaderBytes; at < start + header.bytes();) {
    const uint32_t bytes = LoadHeader(front_->At(at)).bytes();
    if (bytes < kRecordHeaderBytes || at + bytes > start + header.bytes()) {
      return check(at, 0);
    }
    check(at, bytes);
    at += bytes;
  }
}

absl::Status LogWriter::WriteSome(bool* progressed) {
  *progressed = false;
  const LogPosition from = front_->written_end();
  const LogPosition claimed = front_->claimed_end();
  ENSURE(from <= claimed);
  if (from >= claimed) return absl::OkStatus();
  const LogPosition start = RecordStart(from, front_->segment_bytes());
  if (start >= claimed) return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<SegmentFile>> found = segments_->Find(start);
  if (!found.ok()) return found.status();
  SegmentFile& file = **found;
  ENSURE(start >= file.begin() + kSegmentHeaderBytes && start < file.limit());
  // Only this step writes it: what was written once is not written again.
  ENSURE(file.written_end.load(std::memory_order_acquire) <= start.value());
  if (file.is_poisoned.load(std::memory_order_acquire)) {
    return absl::DataLossError(absl::StrCat("segment ", file.name(), " waits for its replacement"));
  }

  // Whole records of this segment that are published, up to the piece's size.
  LogPosition end = start;
  LogPosition write_end = start;  // a filler's bytes are nobody's: only its header is written
  while (end < claimed && end < file.limit()) {
    const char* const record = front_->At(end);
    // Behind a negative word its owner is still writing: the rest is not even looked at.
    if (LoadWord(record) < 0) break;
    const RecordHeader header = LoadHeader(record);
    if (header.bytes() < kRecordHeaderBytes || header.bytes() % kRecordAlignment != 0 ||
        header.bytes() > claimed - end || header.bytes() > file.limit() - end) {
      const std::string reason = absl::StrCat(
          "front at ", end.value(), ": the length of a record was overwritten by somebody");
      health_->Raise(Condition::kFailed, reason);
      return absl::InternalError(reason);
    }
    // One record may be longer than a piece; then it is one by itself.
    const uint64_t covered =
        header.type == RecordType::kFiller ? kRecordHeaderBytes : header.bytes();
    if (end != start && end - start + covered > kWriteBytesMax) break;
    VerifyPublished(end, header, file);
    write_end = end + covered;
    end += header.bytes();
    if (header.type == RecordType::kFiller) break;
  }
  if (end == start) return absl::OkStatus();

  ENSURE(write_end > start && write_end <= end && end <= file.limit());
  const absl::string_view piece(front_->At(start), write_end - start);
  const absl::Status status = file.Write(start, {piece});
  if (!status.ok()) {
    if (absl::IsResourceExhausted(status)) {
      health_->Raise(Condition::kDiskFull, status.message());
    } else if (!Without(Protection::kPoisonedWrite)) {
      file.is_poisoned.store(true, std::memory_order_release);
    }
    return status;
  }
  Count(counters_->writes);
  Count(counters_->written_bytes, piece.size());
  counters_->write_bytes.Record(piece.size());
  file.written_end.store(end.value(), std::memory_order_release);
  front_->set_written_end(end);
  *progressed = true;
  return absl::OkStatus();
}

absl::Status LogWriter::WriteUpTo(LogPosition end) {
  for (bool progressed = true; progressed && front_->written_end() < end;) {
    const LogPosition before = front_->written_end();
    RETURN_IF_ERROR(WriteSome(&progressed));
    // Else this would never end.
    ENSURE(!progressed || front_->written_end() > before);
  }
  ENSURE(front_->HasOrderedEnds());
  return absl::OkStatus();
}

}  // namespace weir::internal
