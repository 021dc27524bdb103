#include "log/salvaged_segment.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "format/record.h"

namespace weir::internal {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr uint32_t kOpenBytes = (kRecordHeaderBytes + kOpenBodyBytes + 7) / 8 * 8;

// Whether something else fits behind what ends here.
bool LeavesRoom(LogPosition at, LogPosition end) {
  return at == end || at + kRecordHeaderBytes <= end;
}

std::string OpenRecordBytes(LogPosition position, int64_t store_time, uint64_t previous,
                            uint64_t incarnation) {
  std::string record(kOpenBytes, '\0');
  WriteStamp(record.data(), {.bytes = kOpenBytes,
                             .type = RecordType::kOpen,
                             .store_time = store_time,
                             .body_bytes = kOpenBodyBytes});
  Store<uint64_t>(record.data() + kRecordHeaderBytes, previous);
  Store<uint64_t>(record.data() + kRecordHeaderBytes + 8, incarnation);
  Store<uint64_t>(record.data() + kRecordHeaderBytes + 16, (position + kOpenBytes).value());
  Publish(record.data(), Seal(record.data(), position, previous));
  return record;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SalvagedSegment>> SalvagedSegment::Create(
    Directory& directory, const SegmentHeader& header, int64_t last_store_time,
    std::list<StandIn>* stand_ins) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                   directory.Open(SegmentFileName({.begin = header.begin}), OpenMode::kCreate));
  return std::unique_ptr<SalvagedSegment>(
      new SalvagedSegment(header, std::move(file), last_store_time, stand_ins));
}

absl::Status SalvagedSegment::Flush() {
  if (buffer_.empty()) return absl::OkStatus();
  ENSURE(buffer_begin_ >= begin() + kSegmentHeaderBytes);
  ENSURE(buffer_begin_ + buffer_.size() <= limit());
  RETURN_IF_ERROR(file_->Write(buffer_begin_ - begin(), {absl::string_view(buffer_)}));
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status SalvagedSegment::Put(LogPosition at, absl::string_view bytes) {
  if (buffer_.size() >= kBufferBytes || at != buffer_begin_ + buffer_.size()) {
    RETURN_IF_ERROR(Flush());
  }
  if (buffer_.empty()) buffer_begin_ = at;
  ENSURE(at == buffer_begin_ + buffer_.size());
  // Nothing that was put there is written over.
  ENSURE(at >= put_end_);
  put_end_ = at + bytes.size();
  buffer_.append(bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::Status SalvagedSegment::PutStandIns(LogPosition* at, LogPosition end) {
  for (auto next = stand_ins_.begin(); next != stand_ins_.end();) {
    std::string& record = next->record;
    if (next->lost_at >= end || *at + record.size() > end ||
        !LeavesRoom(*at + record.size(), end)) {
      ++next;
      continue;
    }
    Store<int64_t>(record.data() + record_field::kStoreTime, last_store_time_);
    Publish(record.data(), Seal(record.data(), *at, incarnation_));
    RETURN_IF_ERROR(Put(*at, record));
    *at = *at + record.size();
    ENSURE(*at <= end);
    ENSURE(record.size() % kRecordAlignment == 0);
    next = stand_ins_.erase(next);
  }
  return absl::OkStatus();
}

absl::Status SalvagedSegment::PutFiller(LogPosition begin, LogPosition end) {
  // Less than a header stays damage: nothing can be written there that verifies.
  if (begin + kRecordHeaderBytes > end) return absl::OkStatus();
  ENSURE(begin >= header_.begin + kSegmentHeaderBytes);
  ENSURE(end <= limit());
  alignas(8) char filler[kRecordHeaderBytes];
  WriteFiller(filler, begin, static_cast<uint32_t>(end - begin), kIsLost, last_store_time_,
              incarnation_);
  return Put(begin, {filler, sizeof filler});
}

absl::Status SalvagedSegment::SettleGap(std::optional<uint64_t> next_incarnation) {
  if (!gap_) return absl::OkStatus();
  auto [at, end] = *gap_;
  gap_.reset();
  ENSURE(at <= end);
  ENSURE(at >= begin() + kSegmentHeaderBytes && end <= limit());
  LogPosition filler_end = end;
  if (next_incarnation) {
    filler_end = LogPosition(end.value() - std::min<uint64_t>(kOpenBytes, end - at));
    if (end - filler_end < kOpenBytes || !LeavesRoom(at, filler_end)) {
      return absl::DataLossError(absl::StrCat("no room in the lost range from ", at.value(), " to ",
                                              end.value(), " to say who wrote behind it"));
    }
  }
  RETURN_IF_ERROR(PutStandIns(&at, filler_end));
  RETURN_IF_ERROR(PutFiller(at, filler_end));
  if (!next_incarnation) return absl::OkStatus();
  RETURN_IF_ERROR(Put(
      filler_end, OpenRecordBytes(filler_end, last_store_time_, incarnation_, *next_incarnation)));
  incarnation_ = *next_incarnation;
  return absl::OkStatus();
}

void SalvagedSegment::ReachAnnounced(LogPosition at) {
  if (!announced_ || at < announced_->first) return;
  HOLDS(announced_->first >= begin() + kSegmentHeaderBytes);
  HOLDS(!gap_);  // what lies before it is of the one before
  incarnation_ = announced_->second;
  announced_.reset();
}

absl::Status SalvagedSegment::Write(const ScannedRecord& record, uint64_t incarnation) {
  ENSURE(record.position >= begin() + kSegmentHeaderBytes && record.end() <= limit());
  ENSURE(!gap_ || gap_->second <= record.position);
  const bool is_reached = announced_ && record.position >= announced_->first;
  const bool is_known = incarnation == (is_reached ? announced_->second : incarnation_);
  // If both open records are lost, what they said is said again in their place, or nothing behind
  // would verify.
  RETURN_IF_ERROR(SettleGap(is_known ? std::nullopt : std::optional(incarnation)));
  ReachAnnounced(record.position);
  if (incarnation != incarnation_) {
    return absl::DataLossError(absl::StrCat("the record at ", record.position.value(),
                                            " is of a writer that nothing before it names"));
  }
  last_store_time_ = std::max(last_store_time_, record.header.store_time);
  if (record.header.type == RecordType::kGroup) group_end_ = record.end();
  if (const auto open = DecodeOpen(record)) announced_ = {open->from, open->incarnation};
  // Of groups and fillers the header: the members follow, and a filler's bytes mean nothing. Nor
  // does the padding of what is written twice.
  return Put(record.position, {record.bytes, CoveredBytes(record.header)});
}

absl::Status SalvagedSegment::Cover(LogPosition begin, LogPosition end) {
  ENSURE(begin < end);
  ENSURE(begin >= header_.begin + kSegmentHeaderBytes && end <= limit());
  RETURN_IF_ERROR(SettleGap(std::nullopt));
  // What covers it must not reach over the end of a group that begins before it, nor over the place
  // from which on another incarnation writes.
  std::vector<LogPosition> borders = {group_end_};
  if (announced_) borders.push_back(announced_->first);
  std::sort(borders.begin(), borders.end());
  for (const LogPosition border : borders) {
    ReachAnnounced(begin);
    if (border <= begin || border >= end) continue;
    gap_ = {begin, border};
    RETURN_IF_ERROR(SettleGap(std::nullopt));
    begin = border;
  }
  ReachAnnounced(begin);
  gap_ = {begin, end};
  return absl::OkStatus();
}

absl::Status SalvagedSegment::Finish(LogPosition end) {
  RETURN_IF_ERROR(SettleGap(std::nullopt));
  RETURN_IF_ERROR(Flush());
  ENSURE(!gap_ && buffer_.empty());
  ENSURE(put_end_ <= limit());
  ReachAnnounced(end);
  const std::string header = EncodeSegmentHeader(header_);
  RETURN_IF_ERROR(file_->Write(0, {absl::string_view(header)}));
  // A lost range takes no space on the disk.
  RETURN_IF_ERROR(
      file_->Truncate(std::clamp(end, begin() + kSegmentHeaderBytes, limit()) - begin()));
  return file_->Sync();
}

}  // namespace weir::internal
