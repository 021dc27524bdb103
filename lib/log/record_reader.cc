#include "log/record_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "log/segment_scanner.h"

namespace weir::internal {

Found OwnFrontReader::Copy(LogPosition position, ReadMemory& memory, const char** record) {
  if (copied_ >= kCopyBytesMax) guard_.reset();
  // The begin only grows: what was below it once is not worth a slot.
  if (!guard_ && position >= safe_begin_) {
    guard_.emplace(front_.reader_slots());
    safe_begin_ = front_.front_begin();
    copied_ = 0;
  }
  if (position < safe_begin_) {
    Rest();
    return Found::kNotHere;
  }
  const LogPosition claimed = front_.claimed_end();
  if (position + kRecordHeaderBytes > claimed) return Found::kUnpublished;
  const char* const memory_at = front_.At(position);
  const int32_t word = LoadWord(memory_at);
  // What was written was published, whatever somebody's stray write made of its word.
  const auto unless_written = [&](Found found) {
    return position < front_.written_end() ? Found::kDamaged : found;
  };
  if (word < 0) return unless_written(Found::kUnpublished);
  const auto bytes = static_cast<uint32_t>(word);
  if (bytes < kRecordHeaderBytes || bytes > claimed - position) return Found::kDamaged;
  // A member of a group is there when its group is: the header's word says so.
  const uint64_t distance =
      uint64_t{Load<uint32_t>(memory_at + record_field::kGroupDistance)} * kRecordAlignment;
  if (distance != 0 && position.value() >= distance && position >= front_.written_end() &&
      LoadWord(front_.At(position - distance)) < 0) {
    return Found::kUnpublished;
  }
  char* const copy = memory.Allocate(bytes);
  std::memcpy(copy, memory_at, bytes);
  copied_ += bytes;
  *record = copy;
  return Found::kRecord;
}

uint64_t OwnFrontReader::IncarnationAt(LogPosition position) {
  const auto file = segments_.FindOpen(position);
  return file != nullptr ? file->IncarnationAt(position) : front_.incarnation();
}

absl::StatusOr<Found> RecordReader::ReadElsewhere(LogPosition position, const char** record) {
  const Found found = front_.Copy(position, memory_, record);
  if (found == Found::kNotHere) return ReadFile(position, record);
  if (found != Found::kRecord && found != Found::kDamaged) return found;
  absl::string_view reason = "impossible length";
  if (found == Found::kRecord) {
    const uint32_t bytes = LoadHeader(*record).bytes();
    if (Without(Protection::kFrontChecksum) ||
        Verify(*record, bytes, position, front_.CurrentIncarnation()) ||
        Verify(*record, bytes, position, front_.IncarnationAt(position))) {
      return found;
    }
    reason = "the checksum does not hold";
  }
  // What somebody overwrote in memory may stand whole in the file.
  if (position < front_.written_end()) {
    const absl::StatusOr<Found> in_file = ReadFile(position, record);
    if (!in_file.ok() || *in_file != Found::kDamaged) return in_file;
  }
  why_ = absl::StrCat("front at ", position.value(), ": ", reason);
  return Found::kDamaged;
}

absl::Status RecordReader::LoadBlock(uint64_t index) {
  if (block_ != nullptr && block_index_ == index) return absl::OkStatus();
  const LogPosition begin = file_->begin() + index * kBlockBytes;
  const uint64_t size = std::min(kBlockBytes, file_->limit() - begin);
  const BlockKey key{file_->cache_file(), index};
  block_ = segments_.cache().Find(key);
  if (block_ == nullptr) {
    // Asked before the read: what is written later is not in the block.
    const bool is_whole = begin + size <= front_.written_end() || Without(Protection::kWholeBlocks);
    Block block{std::make_unique_for_overwrite<char[]>(size), size};
    // A file that was closed or cut ends with its last record.
    RETURN_IF_ERROR(file_->ReadZeroFilled(begin, {block.bytes.get(), size}));
    block_ = is_whole ? segments_.cache().Insert(key, std::move(block))
                      : std::make_shared<const Block>(std::move(block));
  }
  block_index_ = index;
  block_begin_ = begin;
  memory_.Pin(block_);
  return absl::OkStatus();
}

absl::StatusOr<const char*> RecordReader::Bytes(LogPosition position, uint64_t bytes) {
  const uint64_t offset = position - file_->begin();
  const uint64_t index = offset / kBlockBytes;
  const uint64_t in_block = offset % kBlockBytes;
  if (in_block + bytes <= kBlockBytes) {
    RETURN_IF_ERROR(LoadBlock(index));
    return block_->bytes.get() + in_block;
  }
  char* const copy = memory_.Allocate(bytes);
  if (bytes > 4 * kBlockBytes) {
    // Larger than is worth caching.
    RETURN_IF_ERROR(file_->ReadZeroFilled(position, {copy, bytes}));
    return copy;
  }
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t at = offset + done;
    RETURN_IF_ERROR(LoadBlock(at / kBlockBytes));
    const uint64_t piece = std::min(bytes - done, kBlockBytes - at % kBlockBytes);
    std::memcpy(copy + done, block_->bytes.get() + at % kBlockBytes, piece);
    done += piece;
  }
  return copy;
}

absl::StatusOr<Found> RecordReader::ReadFile(LogPosition position, const char** record) {
  is_unread_ = false;
  if (file_ == nullptr || position < file_->begin() || position >= file_->limit()) {
    block_ = nullptr;
    absl::StatusOr<std::shared_ptr<SegmentFile>> file = segments_.Find(position);
    if (absl::IsOutOfRange(file.status())) return Found::kDropped;
    if (IsUnreadable(file.status())) {
      why_ = std::string(file.status().message());
      is_unread_ = IsFromDevice(file.status());
      return position < segments_.begin() ? Found::kDropped : Found::kDamaged;
    }
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
  }
  if (position + kRecordHeaderBytes > file_->limit()) {
    why_ = absl::StrCat(file_->Describe(position), ": no room for a record");
    return Found::kDamaged;
  }
  absl::StatusOr<const char*> header = Bytes(position, kRecordHeaderBytes);
  absl::Status status = header.status();
  if (status.ok()) {
    const RecordHeader loaded = LoadHeader(*header);
    const uint64_t available = file_->limit() - position;
    if (!HeaderIsPlausible(loaded, available)) {
      why_ = absl::StrCat(file_->Describe(position), ": no record header");
      return Found::kDamaged;
    }
    const absl::StatusOr<const char*> whole = Bytes(position, loaded.bytes());
    status = whole.status();
    if (status.ok()) {
      if (Verify(*whole, loaded.bytes(), position, file_->IncarnationAt(position)) ||
          Without(Protection::kFileChecksum)) {
        *record = *whole;
        return Found::kRecord;
      }
      // The open records of a living writer may not be in the file yet.
      if (front_.CurrentIncarnation() != 0 &&
          Verify(*whole, loaded.bytes(), position, front_.CurrentIncarnation())) {
        *record = *whole;
        return Found::kRecord;
      }
      if (!file_->incarnations_are_complete()) {
        const absl::Status complete = CompleteIncarnations(*file_);
        if (!complete.ok() && !IsUnreadable(complete)) return complete;
        if (Verify(*whole, loaded.bytes(), position, file_->IncarnationAt(position))) {
          *record = *whole;
          return Found::kRecord;
        }
      }
    }
  }
  if (!status.ok()) {
    // A read that the device refuses is damage of this record only; its neighbours stay readable.
    if (!absl::IsDataLoss(status)) return status;
    why_ = std::string(status.message());
    is_unread_ = IsFromDevice(status);
    return Found::kDamaged;
  }
  why_ = absl::StrCat(file_->Describe(position), ": the checksum does not hold");
  return Found::kDamaged;
}

}  // namespace weir::internal
