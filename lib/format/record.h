// A record as bytes: stamp, fill, seal, verify, decode. FORMAT.md has the picture.
//
// Invariants
// 1. A record begins at a multiple of 8 and its length is a multiple of 8.
// 2. The publish word comes first: the record's length, negative while it is only claimed.
// 3. The checksum is seeded with incarnation, position and length: bytes that are copied or left
//    over from another place, another life of the log or another length never verify.

#ifndef WEIR_FORMAT_RECORD_H_
#define WEIR_FORMAT_RECORD_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/bytes.h"
#include "base/schedule.h"
#include "weir/message.h"

namespace weir::internal {

enum class RecordType : uint8_t {
  kMessage = 1,
  kVoid = 2,       // a claimed record that was given up; its queue offsets stay used
  kFiller = 3,     // nothing, up to the end of a segment or over a lost range
  kGroup = 4,      // header of an atomic group; its length covers the members
  kOpen = 5,       // the incarnation changes behind this record
  kMark = 6,       // how far the log was durable when this was written
  kCatalogue = 7,  // a topic: a name, its queue numbers, its settings
  kState = 8,      // what an index knows and no message says
  kCopy = 9,       // a message that was appended before, carried on
};

absl::string_view RecordTypeName(RecordType type);

// Flags: which optional parts stand between header and body, in this order.
inline constexpr uint16_t kHasFurtherQueues = 1u << 0;
inline constexpr uint16_t kHasTag = 1u << 1;
inline constexpr uint16_t kHasOrderingKey = 1u << 2;
inline constexpr uint16_t kHasKeys = 1u << 3;
inline constexpr uint16_t kHasProperties = 1u << 4;
inline constexpr uint16_t kIsLost = 1u << 5;  // filler only: bytes were here and are gone
inline constexpr uint16_t kHasExpiry = 1u << 6;
inline constexpr uint16_t kKnownFlags = (1u << 7) - 1;

inline constexpr uint8_t kRecordVersion = 1;
inline constexpr uint32_t kRecordAlignment = 8;
inline constexpr uint32_t kRecordHeaderBytes = 48;
inline constexpr uint32_t kFurtherQueueBytes = 12;
inline constexpr int64_t kNeverExpires = std::numeric_limits<int64_t>::max();
inline constexpr uint32_t kNoQueue = 0xFFFFFFFF;  // records that belong to no queue

// Records whose loss would make others unreadable are written twice, and the first copy is longer
// by padding that its checksum does not cover: so no sector holds a part of both that matters.
// Topics are many, and index files hold them too: sectors of 512 bytes are meant, wherever the
// copies lie.
inline constexpr uint32_t kTwinPaddingBytes = 512;
// Open records are few, and everything behind them in the segment rests on them: the second copy
// begins at the next border of a block, which is the sector of many drives; in small segments, of a
// sixteenth of the segment.
inline constexpr uint64_t kTwinBlockBytesMax = 4096;
inline uint64_t TwinBlockBytes(uint64_t segment_bytes) {
  return std::clamp<uint64_t>(segment_bytes / 16, 512, kTwinBlockBytesMax);
}
// Body of an open record: previous incarnation, new incarnation, position where it begins.
inline constexpr uint32_t kOpenBodyBytes = 24;
inline constexpr uint32_t kOpenCopyBytes = 72;  // without the padding of the first
static_assert(kOpenCopyBytes == kRecordHeaderBytes + kOpenBodyBytes);
// Where the second copy begins if the first does at `first`.
inline LogPosition SecondOpenCopy(LogPosition first, uint64_t segment_bytes) {
  return LogPosition(AlignUp(first.value() + kOpenCopyBytes, TwinBlockBytes(segment_bytes)));
}
// Body of a mark: the durable end, and when it was synced.
inline constexpr uint32_t kMarkBodyBytes = 16;

// Where the fields of the header lie.
namespace record_field {
inline constexpr size_t kWord = 0;            // i32
inline constexpr size_t kChecksum = 4;        // u64
inline constexpr size_t kVersion = 12;        // u8
inline constexpr size_t kType = 13;           // u8
inline constexpr size_t kFlags = 14;          // u16
inline constexpr size_t kQueueNumber = 16;    // u32
inline constexpr size_t kFilter = 20;         // u32
inline constexpr size_t kQueueOffset = 24;    // u64
inline constexpr size_t kStoreTime = 32;      // i64, nanoseconds since the epoch
inline constexpr size_t kBodyBytes = 40;      // u32
inline constexpr size_t kGroupDistance = 44;  // u32, units of 8 bytes back to the group's header
}  // namespace record_field

struct RecordHeader {
  int32_t word = 0;
  uint64_t checksum = 0;
  uint8_t version = 0;
  RecordType type{};
  uint16_t flags = 0;
  uint32_t queue_number = 0;
  uint32_t filter = 0;
  uint64_t queue_offset = 0;
  int64_t store_time = 0;
  uint32_t body_bytes = 0;
  uint32_t group_distance = 0;

  // In unsigned numbers: the smallest int32_t, which no sane writer writes, has no negative.
  uint32_t bytes() const {
    const auto bits = static_cast<uint32_t>(word);
    return word < 0 ? 0 - bits : bits;
  }
};

// The publish word. Stores release what was written before them; loads acquire it.
inline int32_t LoadWord(const char* record) {
  return std::atomic_ref<int32_t>(*reinterpret_cast<int32_t*>(const_cast<char*>(record)))
      .load(std::memory_order_acquire);
}
inline void StoreWord(char* record, int32_t word) {
  MayYield();
  std::atomic_ref<int32_t>(*reinterpret_cast<int32_t*>(record))
      .store(word, std::memory_order_release);
}

inline RecordHeader LoadHeader(const char* record) {
  return {.word = LoadWord(record),
          .checksum = Load<uint64_t>(record + record_field::kChecksum),
          .version = Load<uint8_t>(record + record_field::kVersion),
          .type = Load<RecordType>(record + record_field::kType),
          .flags = Load<uint16_t>(record + record_field::kFlags),
          .queue_number = Load<uint32_t>(record + record_field::kQueueNumber),
          .filter = Load<uint32_t>(record + record_field::kFilter),
          .queue_offset = Load<uint64_t>(record + record_field::kQueueOffset),
          .store_time = Load<int64_t>(record + record_field::kStoreTime),
          .body_bytes = Load<uint32_t>(record + record_field::kBodyBytes),
          .group_distance = Load<uint32_t>(record + record_field::kGroupDistance)};
}

struct FurtherQueue {
  uint32_t number = 0;
  uint64_t offset = 0;
};

// What is written under the append lock: the claimed word, type, flags and queue.
struct Stamp {
  uint32_t bytes = 0;  // length of the record, aligned
  RecordType type = RecordType::kMessage;
  uint16_t flags = 0;
  uint32_t queue_number = kNoQueue;
  uint64_t queue_offset = 0;
  int64_t store_time = 0;
  uint32_t group_distance = 0;
  // Known already then, and nothing to whoever makes a void of the record.
  uint32_t filter = 0;
  uint32_t body_bytes = 0;
};
inline void WriteStamp(char* record, const Stamp& stamp) {
  // In the pieces in which the checksum loads them: loads that span two stores wait until those
  // have left the processor.
  const auto time = static_cast<uint64_t>(stamp.store_time);
  Store<uint64_t>(record + record_field::kVersion,
                  kRecordVersion | uint64_t{static_cast<uint8_t>(stamp.type)} << 8 |
                      uint64_t{stamp.flags} << 16 | uint64_t{stamp.queue_number} << 32);
  Store<uint64_t>(record + record_field::kFilter, stamp.filter | stamp.queue_offset << 32);
  Store<uint64_t>(record + record_field::kQueueOffset + 4, stamp.queue_offset >> 32 | time << 32);
  Store<uint64_t>(record + record_field::kStoreTime + 4,
                  time >> 32 | uint64_t{stamp.body_bytes} << 32);
  Store<uint32_t>(record + record_field::kGroupDistance, stamp.group_distance);
  StoreWord(record, -static_cast<int32_t>(stamp.bytes));
}
// The further queues are part of the stamp; `index` counts from 0.
void WriteFurtherQueueCount(char* record, uint32_t count);
void WriteFurtherQueue(char* record, uint32_t index, FurtherQueue queue);

// The parts of a message besides its queues.
struct MessageParts {
  uint32_t further_queues = 0;  // how many
  absl::string_view tag;
  absl::string_view ordering_key;
  absl::Span<const absl::string_view> keys;
  absl::Span<const Property> properties;
  int64_t expiry = kNeverExpires;  // nanoseconds since the epoch

  bool IsEmpty() const {
    return tag.empty() && ordering_key.empty() && keys.empty() && properties.empty() &&
           expiry == kNeverExpires;
  }
};
uint16_t FlagsOf(const MessageParts& parts);
size_t EncodedPropertiesBytes(absl::Span<const Property> properties);
size_t EncodedPartsBytes(const MessageParts& parts);
// Length of a record with these parts and a body of `body_bytes`.
inline uint64_t RecordBytes(size_t parts_bytes, uint64_t body_bytes) {
  return AlignUp<uint64_t>(kRecordHeaderBytes + parts_bytes + body_bytes, kRecordAlignment);
}
// 32 bits of a tag's hash; 0 only for the empty tag.
uint32_t FilterWord(absl::string_view tag);
// Zeroes the padding of a record that ends at `end`, before anything is written over its beginning:
// the stamp ends at `begin`, a multiple of 4, and is not padding.
inline void ZeroPadding(char* begin, char* end) {
  if (end - begin >= static_cast<ptrdiff_t>(kRecordAlignment)) {
    Store<uint64_t>(end - kRecordAlignment, 0);
  } else if (end > begin) {
    Store<uint32_t>(begin, 0);
  }
}
// Writes the parts of a claimed record behind its stamp, and zeroes the padding to the next
// multiple of 8 behind where the body will end. Returns where the body goes; null if the record is
// too short for them.
char* WriteParts(char* record, const MessageParts& parts);
// The same for a record of `bytes` that has no parts, as most have none.
inline char* WriteNoParts(char* record, uint32_t bytes) {
  ZeroPadding(record + kRecordHeaderBytes, record + bytes);
  return record + kRecordHeaderBytes;
}
// The same for a record whose stamp did not tell these two.
char* WriteParts(char* record, const MessageParts& parts, uint32_t filter, uint32_t body_bytes);

// Computes the checksum as of the published record and returns the word to publish. `record` holds
// its claimed or published word, and no byte of it is what somebody else left there. 0: it is no
// record.
int32_t Seal(char* record, LogPosition position, uint64_t incarnation);
inline void Publish(char* record, int32_t word) { StoreWord(record, word); }

// Makes a claimed record a void in place and publishes it: the stamp stays, the rest is zeroed. Of
// a claimed group each member becomes a void, and the header is published behind them.
void SealVoid(char* record, LogPosition position, uint64_t incarnation);

// Writes a filler of `bytes` (>= header, aligned) as it stands published; only its header matters.
void WriteFiller(char* record, LogPosition position, uint32_t bytes, uint16_t flags,
                 int64_t store_time, uint64_t incarnation);

// Bytes from the record's start that its checksum needs: the header for groups and fillers, no
// padding of records that are written twice.
inline uint32_t CoveredBytes(RecordType type, uint32_t bytes, uint32_t body_bytes) {
  switch (type) {
    case RecordType::kGroup:
    case RecordType::kFiller:
      return std::min(bytes, kRecordHeaderBytes);
    case RecordType::kOpen:
    case RecordType::kCatalogue:
      return static_cast<uint32_t>(
          std::min<uint64_t>(bytes, uint64_t{kRecordHeaderBytes} + body_bytes));
    default:
      return bytes;
  }
}
inline uint32_t CoveredBytes(const RecordHeader& header) {
  return CoveredBytes(header.type, header.bytes(), header.body_bytes);
}

// Whether a record that a sane writer could have written may begin here, judged by the header.
// `available` bytes can be looked at.
inline bool HeaderIsPlausible(const RecordHeader& header, uint64_t available) {
  return header.word >= static_cast<int32_t>(kRecordHeaderBytes) &&
         header.bytes() % kRecordAlignment == 0 && header.bytes() <= available &&
         header.version == kRecordVersion && header.type >= RecordType::kMessage &&
         header.type <= RecordType::kCopy && (header.flags & ~kKnownFlags) == 0;
}

// Whether it says that bytes were here and are gone.
inline bool IsLostRange(const RecordHeader& header) {
  return header.type == RecordType::kFiller && (header.flags & kIsLost) != 0;
}

// Whether it is a message that has nothing but a body, and has it: what most are.
inline bool IsPlain(const RecordHeader& header) {
  return header.type == RecordType::kMessage && header.flags == 0 &&
         header.body_bytes <= header.bytes() - kRecordHeaderBytes;
}
inline absl::string_view PlainBody(const char* record) {
  return {record + kRecordHeaderBytes, Load<uint32_t>(record + record_field::kBodyBytes)};
}

// Whether the published record at `record` is whole. `available` bytes may be looked at.
bool Verify(const char* record, uint64_t available, LogPosition position, uint64_t incarnation);

// The parts of a verified record, in place. A checksum is no proof of good will: every length is
// checked against the record.
struct DecodedParts {
  uint32_t further_queue_count = 0;
  const char* further_queues = nullptr;
  absl::string_view tag;
  absl::string_view ordering_key;
  absl::string_view keys;  // encoded
  uint8_t key_count = 0;
  absl::string_view properties;  // encoded
  int64_t expiry = kNeverExpires;
  absl::string_view body;

  FurtherQueue further_queue(uint32_t index) const {
    const char* at = further_queues + size_t{index} * kFurtherQueueBytes;
    return {Load<uint32_t>(at), Load<uint64_t>(at + 4)};
  }
};
std::optional<DecodedParts> DecodeParts(const char* record);
// Only the queues: also of voids and claimed records, whose parts mean nothing.
std::optional<DecodedParts> DecodeQueues(const char* record);
absl::InlinedVector<absl::string_view, 2> DecodeKeys(const DecodedParts& parts);
// Empty if there is none.
absl::string_view FirstKey(const DecodedParts& parts);
absl::InlinedVector<Property, 2> DecodeProperties(const DecodedParts& parts);

}  // namespace weir::internal

#endif  // WEIR_FORMAT_RECORD_H_
