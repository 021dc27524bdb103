#include "log/segment_scanner.h"

#include <algorithm>
#include <utility>

#include "base/mutant.h"
#include "base/status_macros.h"

namespace weir::internal {
namespace {

// Small reads first: many scans look at a few records only.
constexpr uint64_t kFirstWindowBytes = uint64_t{16} << 10;
constexpr uint64_t kWindowBytesMax = uint64_t{1} << 20;
constexpr uint64_t kPageBytes = 4096;
// How much is checked in vain before only short records are.
constexpr uint64_t kResyncBytesMax = uint64_t{4} << 30;
constexpr uint64_t kShortRecordBytes = 1024;

}  // namespace

std::optional<OpenRecord> DecodeOpen(const ScannedRecord& record) {
  if (record.header.type != RecordType::kOpen ||
      record.header.bytes() < kRecordHeaderBytes + kOpenBodyBytes) {
    return std::nullopt;
  }
  const char* const body = record.bytes + kRecordHeaderBytes;
  const OpenRecord open{.previous = Load<uint64_t>(body),
                        .incarnation = Load<uint64_t>(body + 8),
                        .from = LogPosition(Load<uint64_t>(body + 16))};
  if (open.from < record.end() || open.from > record.end() + 4 * kTwinPaddingBytes ||
      open.from.value() % kRecordAlignment != 0) {
    return std::nullopt;
  }
  return open;
}

std::optional<MarkRecord> DecodeMark(const ScannedRecord& record) {
  if (record.header.type != RecordType::kMark ||
      record.header.bytes() < kRecordHeaderBytes + kMarkBodyBytes) {
    return std::nullopt;
  }
  const char* const body = record.bytes + kRecordHeaderBytes;
  const MarkRecord mark{.durable_end = LogPosition(Load<uint64_t>(body)),
                        .synced_at = Load<int64_t>(body + 8)};
  if (mark.durable_end > record.position || mark.durable_end.value() % kRecordAlignment != 0) {
    return std::nullopt;
  }
  return mark;
}

SegmentScanner::SegmentScanner(SegmentFile& file, ReadBytes read, LogPosition from, LogPosition to,
                               Groups groups)
    : file_(file),
      read_(std::move(read)),
      to_(to),
      groups_(groups),
      position_(std::max(from, file.begin() + kSegmentHeaderBytes)) {}

absl::StatusOr<const char*> SegmentScanner::Window(LogPosition position, uint64_t bytes) {
  if (position >= window_begin_ && position + bytes <= window_begin_ + window_.size()) {
    return window_.data() + (position - window_begin_);
  }
  const uint64_t ahead =
      std::clamp<uint64_t>(window_.size() * 2, kFirstWindowBytes, kWindowBytesMax);
  const uint64_t wanted = std::min(std::max(bytes, ahead), to_ - position);
  const auto fill = [&](uint64_t size) {
    window_.resize(size);
    window_begin_ = position;
    absl::Status status = read_(position, absl::MakeSpan(window_));
    if (!status.ok()) window_.clear();
    return status;
  };
  absl::Status status = fill(wanted);
  // What cannot be read further on is not in the way of what is asked for.
  if (wanted != bytes && IsUnreadable(status)) status = fill(bytes);
  if (status.ok()) return window_.data();
  if (IsFromDevice(status)) unread_ = status;
  return status;
}

absl::StatusOr<bool> SegmentScanner::IsValidAt(LogPosition position, uint64_t incarnation) {
  if (position + kRecordHeaderBytes > to_) return false;
  ASSIGN_OR_RETURN(const char* const head, Window(position, kRecordHeaderBytes));
  const RecordHeader header = LoadHeader(head);
  if (!HeaderIsPlausible(header, to_ - position)) return false;
  const uint32_t covered = CoveredBytes(header);
  ASSIGN_OR_RETURN(const char* const bytes, Window(position, covered));
  return Verify(bytes, to_ - position, position, incarnation) || Without(Protection::kScanChecksum);
}

absl::StatusOr<SegmentScanner::Step> SegmentScanner::Next(ScannedRecord* record) {
  if (position_ >= to_) return Step::kEnd;
  const uint64_t incarnation = file_.IncarnationAt(position_);
  resync_from_ = position_ + kRecordAlignment;
  ASSIGN_OR_RETURN(const bool is_valid, IsValidAt(position_, incarnation));
  if (!is_valid) return Step::kInvalid;
  ASSIGN_OR_RETURN(const char* bytes, Window(position_, kRecordHeaderBytes));
  RecordHeader header = LoadHeader(bytes);
  LogPosition next = position_ + header.bytes();
  if (header.type == RecordType::kGroup && groups_ == Groups::kMembers) {
    next = position_ + kRecordHeaderBytes;
  } else if (header.type == RecordType::kGroup) {
    for (LogPosition member = position_ + kRecordHeaderBytes; member < next;) {
      ASSIGN_OR_RETURN(const bool is_whole, IsValidAt(member, incarnation));
      const char* head = nullptr;
      if (is_whole) {
        ASSIGN_OR_RETURN(head, Window(member, kRecordHeaderBytes));
      }
      if (!is_whole || member + LoadHeader(head).bytes() > next) {
        resync_from_ = member + kRecordAlignment;
        return Step::kInvalid;
      }
      member += LoadHeader(head).bytes();
    }
  }
  // Fillers are looked at by their header only; their bytes may not even be in the window.
  const uint64_t visible = header.type == RecordType::kFiller ? kRecordHeaderBytes : header.bytes();
  ASSIGN_OR_RETURN(bytes, Window(position_, visible));
  *record = {position_, bytes, header};
  if (header.type == RecordType::kOpen) {
    const auto open = DecodeOpen(*record);
    if (!open) return Step::kInvalid;
    file_.ChangeIncarnation(open->from, open->incarnation);
  }
  position_ = next;
  return Step::kRecord;
}

absl::StatusOr<bool> SegmentScanner::Resync(LogPosition from) {
  std::vector<uint64_t> candidates = more_incarnations_;
  for (const auto& [position, incarnation] : file_.incarnations()) {
    candidates.push_back(incarnation);
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  const LogPosition end = std::min(to_, data_end_);
  for (LogPosition at = from; at + kRecordHeaderBytes <= end; at += kRecordAlignment) {
    // The cheap look first: this loop runs over megabytes of zeros.
    const absl::StatusOr<const char*> head = Window(at, kRecordHeaderBytes);
    if (!head.ok()) {
      if (!IsUnreadable(head.status())) return head.status();
      // Each try may take a disk seconds: on with the next page.
      at = LogPosition((at.value() | (kPageBytes - 1)) + 1) - kRecordAlignment;
      continue;
    }
    if (Load<int32_t>(*head) < static_cast<int32_t>(kRecordHeaderBytes)) continue;
    const RecordHeader header = LoadHeader(*head);
    if (!HeaderIsPlausible(header, to_ - at)) continue;
    // A body full of headers could keep us busy for hours: then only short ones are looked at.
    const uint64_t covered = CoveredBytes(header);
    if (covered > kShortRecordBytes && resync_bytes_ > kResyncBytesMax) continue;
    for (const uint64_t incarnation : candidates) {
      resync_bytes_ += covered;
      const absl::StatusOr<bool> is_valid = IsValidAt(at, incarnation);
      if (!is_valid.ok() && !IsUnreadable(is_valid.status())) return is_valid.status();
      if (!is_valid.ok() || !*is_valid) continue;
      if (file_.IncarnationAt(at) != incarnation) file_.ChangeIncarnation(at, incarnation);
      position_ = at;
      return true;
    }
  }
  return false;
}

absl::Status CompleteIncarnations(SegmentFile& file) {
  SegmentScanner scanner(
      file, [&](LogPosition at, absl::Span<char> out) { return file.ReadZeroFilled(at, out); },
      file.begin(), file.limit(), Groups::kMembers);
  for (;;) {
    ScannedRecord record;
    const absl::StatusOr<SegmentScanner::Step> step = scanner.Next(&record);
    if (!step.ok() && !IsUnreadable(step.status())) return step.status();
    if (step.ok() && *step == SegmentScanner::Step::kEnd) break;
    if (step.ok() && *step == SegmentScanner::Step::kRecord) continue;
    ASSIGN_OR_RETURN(const bool goes_on, scanner.Resync(scanner.resync_from()));
    if (!goes_on) break;
  }
  RETURN_IF_ERROR(scanner.unread());
  file.set_incarnations_complete();
  return absl::OkStatus();
}

}  // namespace weir::internal
