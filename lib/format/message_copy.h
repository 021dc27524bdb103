// A carried copy of a message as bytes: the whole record that the message was first appended as,
// header and checksum included, behind where that was. So a copy proves that nothing of it changed,
// and views of the message show what they always showed.

#ifndef WEIR_FORMAT_MESSAGE_COPY_H_
#define WEIR_FORMAT_MESSAGE_COPY_H_

#include <cstdint>
#include <optional>

#include "format/record.h"
#include "weir/message.h"

namespace weir::internal {

struct MessageCopy {
  LogPosition first;              // where the message was first appended
  uint64_t incarnation = 0;       // ... and by which incarnation
  uint32_t queue_number = 0;      // for which of its queues it is carried
  const char* message = nullptr;  // the record as it stood there
  uint32_t message_bytes = 0;
};

// What stands before the message in the body.
inline constexpr uint32_t kCopyPrefixBytes = 24;
// Length of the copy of a record.
inline uint32_t CopyRecordBytes(uint32_t message_bytes) {
  return static_cast<uint32_t>(RecordBytes(/*parts_bytes=*/0, kCopyPrefixBytes + message_bytes));
}

// Under the append lock: the claimed record. A copy that is given up becomes a void of no queue.
void StampCopy(char* record, uint32_t bytes, int64_t time);
// Fills in the stamped record; returns the word to publish it with.
int32_t FillCopy(char* record, LogPosition position, uint64_t incarnation, const MessageCopy& copy);

// Of a verified copy, in place. nullopt if it makes no sense: then it holds no record that verifies
// for where it says, or not one of a message in that queue.
std::optional<MessageCopy> DecodeCopy(const char* record);

// The offset that a message with these parts has in a queue; nullopt: it is in no such queue.
std::optional<uint64_t> OffsetIn(const RecordHeader& header, const DecodedParts& parts,
                                 uint32_t queue_number);

}  // namespace weir::internal

#endif  // WEIR_FORMAT_MESSAGE_COPY_H_
