#include "format/message_copy.h"

#include <cstring>

#include "base/bytes.h"

namespace weir::internal {

void StampCopy(char* record, uint32_t bytes, int64_t time) {
  WriteStamp(record, {.bytes = bytes, .type = RecordType::kCopy, .store_time = time});
}

int32_t FillCopy(char* record, LogPosition position, uint64_t incarnation,
                 const MessageCopy& copy) {
  ByteWriter body(WriteParts(record, {}, /*filter=*/0, kCopyPrefixBytes + copy.message_bytes));
  body.Put(copy.first.value());
  body.Put(copy.incarnation);
  body.Put(copy.queue_number);
  body.Put(uint32_t{0});
  body.PutBytes({copy.message, copy.message_bytes});
  return Seal(record, position, incarnation);
}

std::optional<uint64_t> OffsetIn(const RecordHeader& header, const DecodedParts& parts,
                                 uint32_t queue_number) {
  if (header.queue_number == queue_number) return header.queue_offset;
  for (uint32_t i = 0; i < parts.further_queue_count; ++i) {
    const FurtherQueue further = parts.further_queue(i);
    if (further.number == queue_number) return further.offset;
  }
  return std::nullopt;
}

std::optional<MessageCopy> DecodeCopy(const char* record) {
  const RecordHeader header = LoadHeader(record);
  if (header.type != RecordType::kCopy || header.flags != 0 ||
      header.body_bytes > header.bytes() - kRecordHeaderBytes ||
      header.body_bytes < kCopyPrefixBytes + kRecordHeaderBytes) {
    return std::nullopt;
  }
  const char* const body = record + kRecordHeaderBytes;
  const MessageCopy copy{.first = LogPosition(Load<uint64_t>(body)),
                         .incarnation = Load<uint64_t>(body + 8),
                         .queue_number = Load<uint32_t>(body + 16),
                         .message = body + kCopyPrefixBytes,
                         .message_bytes = header.body_bytes - kCopyPrefixBytes};
  if (copy.first.value() % kRecordAlignment != 0 ||
      !Verify(copy.message, copy.message_bytes, copy.first, copy.incarnation)) {
    return std::nullopt;
  }
  const RecordHeader message = LoadHeader(copy.message);
  if (message.type != RecordType::kMessage || message.bytes() != copy.message_bytes) {
    return std::nullopt;
  }
  const std::optional<DecodedParts> parts = DecodeParts(copy.message);
  if (!parts || !OffsetIn(message, *parts, copy.queue_number)) return std::nullopt;
  return copy;
}

}  // namespace weir::internal
