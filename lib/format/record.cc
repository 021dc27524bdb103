#include "format/record.h"

#include <algorithm>
#include <cstring>

#include "base/checksum.h"
#include "base/mutant.h"
#include "base/status_macros.h"

namespace weir::internal {
namespace {

using namespace record_field;  // NOLINT(google-build-using-namespace)

uint64_t SeedOf(LogPosition position, uint64_t incarnation, int32_t word) {
  // Odd factors (XXH64's primes) keep the map of each input one-to-one; XXH3 does the mixing.
  constexpr uint64_t kPositionFactor = 0x9E3779B185EBCA87;
  constexpr uint64_t kWordFactor = 0xC2B2AE3D27D4EB4F;
  if (Without(Protection::kPositionSeed)) position = LogPosition(0);
  if (Without(Protection::kIncarnationSeed)) incarnation = 0;
  if (Without(Protection::kLengthSeed)) word = 0;
  return incarnation ^ (position.value() * kPositionFactor) ^
         (static_cast<uint32_t>(word) * kWordFactor);
}

inline uint64_t ChecksumOf(const char* record, RecordType type, int32_t word, LogPosition position,
                           uint64_t incarnation) {
  const uint32_t covered =
      CoveredBytes(type, static_cast<uint32_t>(word), Load<uint32_t>(record + kBodyBytes));
  return Checksum(record + kVersion, covered - kVersion, SeedOf(position, incarnation, word));
}

// Where the stamp of a record ends: behind the further queues if it has any.
uint32_t StampBytes(const char* record) {
  const auto flags = Load<uint16_t>(record + kFlags);
  if ((flags & kHasFurtherQueues) == 0) return kRecordHeaderBytes;
  return kRecordHeaderBytes + 4 + Load<uint32_t>(record + kRecordHeaderBytes) * kFurtherQueueBytes;
}

// What was measured does not fit, and would be written over the next record.
[[gnu::cold]] bool IsTooLong(size_t bytes, ptrdiff_t room) {
  HOLDS(static_cast<ptrdiff_t>(bytes) <= room);
  return true;
}
inline bool Exceeds(const ByteWriter& writer, size_t bytes, const char* end) {
  const ptrdiff_t room = end - writer.position();
  if (static_cast<ptrdiff_t>(bytes) <= room) return false;
  return IsTooLong(bytes, room);
}

// What the stamp leaves out of a record that becomes a void.
void ZeroBehindStamp(char* record, uint32_t bytes) {
  Store<uint32_t>(record + kFilter, 0);
  Store<uint32_t>(record + kBodyBytes, 0);
  const uint32_t stamp = StampBytes(record);
  if (stamp < bytes) std::memset(record + stamp, 0, bytes - stamp);
}

// Whatever its type says: members of a group are never groups themselves.
void SealOneVoid(char* record, LogPosition position, uint64_t incarnation) {
  const RecordHeader header = LoadHeader(record);
  Store<RecordType>(record + kType, RecordType::kVoid);
  Store<uint16_t>(record + kFlags, header.flags & kHasFurtherQueues);
  ZeroBehindStamp(record, header.bytes());
  Publish(record, Seal(record, position, incarnation));
}

}  // namespace

absl::string_view RecordTypeName(RecordType type) {
  switch (type) {
    case RecordType::kMessage:
      return "message";
    case RecordType::kVoid:
      return "void";
    case RecordType::kFiller:
      return "filler";
    case RecordType::kGroup:
      return "group";
    case RecordType::kOpen:
      return "open";
    case RecordType::kMark:
      return "mark";
    case RecordType::kCatalogue:
      return "catalogue";
    case RecordType::kState:
      return "state";
    case RecordType::kCopy:
      return "copy";
  }
  return "unknown";
}

void WriteFurtherQueueCount(char* record, uint32_t count) {
  Store<uint32_t>(record + kRecordHeaderBytes, count);
}

void WriteFurtherQueue(char* record, uint32_t index, FurtherQueue queue) {
  char* at = record + kRecordHeaderBytes + 4 + size_t{index} * kFurtherQueueBytes;
  Store<uint32_t>(at, queue.number);
  Store<uint64_t>(at + 4, queue.offset);
}

uint16_t FlagsOf(const MessageParts& parts) {
  return static_cast<uint16_t>(
      (parts.further_queues > 0 ? kHasFurtherQueues : 0) | (!parts.tag.empty() ? kHasTag : 0) |
      (!parts.ordering_key.empty() ? kHasOrderingKey : 0) | (!parts.keys.empty() ? kHasKeys : 0) |
      (!parts.properties.empty() ? kHasProperties : 0) |
      (parts.expiry != kNeverExpires ? kHasExpiry : 0));
}

size_t EncodedPropertiesBytes(absl::Span<const Property> properties) {
  size_t bytes = 0;
  for (const Property& property : properties) {
    bytes += 3 + property.name.size() + property.value.size();
  }
  return bytes;
}

size_t EncodedPartsBytes(const MessageParts& parts) {
  size_t bytes = 0;
  if (parts.further_queues > 0) bytes += 4 + size_t{parts.further_queues} * kFurtherQueueBytes;
  if (!parts.tag.empty()) bytes += 1 + parts.tag.size();
  if (!parts.ordering_key.empty()) bytes += 1 + parts.ordering_key.size();
  if (!parts.keys.empty()) {
    bytes += 1;
    for (const absl::string_view key : parts.keys) bytes += 1 + key.size();
  }
  if (!parts.properties.empty()) bytes += 2 + EncodedPropertiesBytes(parts.properties);
  if (parts.expiry != kNeverExpires) bytes += sizeof(parts.expiry);
  return bytes;
}

uint32_t FilterWord(absl::string_view tag) {
  if (tag.empty()) return 0;
  const auto word = static_cast<uint32_t>(Checksum(tag));
  return word == 0 ? 1 : word;
}

char* WriteParts(char* record, const MessageParts& parts) {
  char* const begin = record + StampBytes(record);
  char* const end = record + static_cast<uint32_t>(-Load<int32_t>(record + kWord));
  if (!HOLDS(begin <= end)) return nullptr;
  ZeroPadding(begin, end);
  if (parts.IsEmpty()) return begin;
  ByteWriter writer(begin);
  if (!parts.tag.empty()) {
    if (Exceeds(writer, 1 + parts.tag.size(), end)) return nullptr;
    writer.Put(static_cast<uint8_t>(parts.tag.size()));
    writer.PutBytes(parts.tag);
  }
  if (!parts.ordering_key.empty()) {
    if (Exceeds(writer, 1 + parts.ordering_key.size(), end)) return nullptr;
    writer.Put(static_cast<uint8_t>(parts.ordering_key.size()));
    writer.PutBytes(parts.ordering_key);
  }
  if (!parts.keys.empty()) {
    writer.Put(static_cast<uint8_t>(parts.keys.size()));
    for (const absl::string_view key : parts.keys) {
      if (Exceeds(writer, 1 + key.size(), end)) return nullptr;
      writer.Put(static_cast<uint8_t>(key.size()));
      writer.PutBytes(key);
    }
  }
  if (!parts.properties.empty()) {
    const size_t bytes = EncodedPropertiesBytes(parts.properties);
    if (Exceeds(writer, 2 + bytes, end)) return nullptr;
    writer.Put(static_cast<uint16_t>(bytes));
    for (const Property& property : parts.properties) {
      writer.Put(static_cast<uint8_t>(property.name.size()));
      writer.Put(static_cast<uint16_t>(property.value.size()));
      writer.PutBytes(property.name);
      writer.PutBytes(property.value);
    }
  }
  if (parts.expiry != kNeverExpires) {
    if (Exceeds(writer, sizeof(parts.expiry), end)) return nullptr;
    writer.Put(parts.expiry);
  }
  if (!HOLDS(writer.position() <= end)) return nullptr;
  return writer.position();
}

char* WriteParts(char* record, const MessageParts& parts, uint32_t filter, uint32_t body_bytes) {
  Store<uint32_t>(record + kFilter, filter);
  Store<uint32_t>(record + kBodyBytes, body_bytes);
  return WriteParts(record, parts);
}

int32_t Seal(char* record, LogPosition position, uint64_t incarnation) {
  const int32_t claimed = Load<int32_t>(record + kWord);
  const int32_t word = claimed < 0 ? -claimed : claimed;
  if (!HOLDS(word >= static_cast<int32_t>(kRecordHeaderBytes))) return 0;
  if (!HOLDS(position.value() % kRecordAlignment == 0)) return 0;
  const auto type = Load<RecordType>(record + kType);
  Store<uint64_t>(record + kChecksum, ChecksumOf(record, type, word, position, incarnation));
  return word;
}

void SealVoid(char* record, LogPosition position, uint64_t incarnation) {
  const RecordHeader header = LoadHeader(record);
  if (header.type != RecordType::kGroup) return SealOneVoid(record, position, incarnation);
  for (uint32_t at = kRecordHeaderBytes; at < header.bytes();) {
    const uint32_t member_bytes = LoadHeader(record + at).bytes();
    if (!HOLDS(member_bytes >= kRecordHeaderBytes) || !HOLDS(member_bytes <= header.bytes() - at)) {
      // Nobody could walk over it as a group.
      return WriteFiller(record, position, header.bytes(), kIsLost, header.store_time, incarnation);
    }
    SealOneVoid(record + at, position + at, incarnation);
    at += member_bytes;
  }
  Store<uint32_t>(record + kFilter, 0);
  Store<uint32_t>(record + kBodyBytes, 0);
  Publish(record, Seal(record, position, incarnation));
}

void WriteFiller(char* record, LogPosition position, uint32_t bytes, uint16_t flags,
                 int64_t store_time, uint64_t incarnation) {
  if (!HOLDS(bytes >= kRecordHeaderBytes) || !HOLDS(bytes % kRecordAlignment == 0)) return;
  WriteStamp(
      record,
      {.bytes = bytes, .type = RecordType::kFiller, .flags = flags, .store_time = store_time});
  Publish(record, Seal(record, position, incarnation));
}

bool Verify(const char* record, uint64_t available, LogPosition position, uint64_t incarnation) {
  if (available < kRecordHeaderBytes) return false;
  const RecordHeader header = LoadHeader(record);
  return HeaderIsPlausible(header, available) &&
         header.checksum == ChecksumOf(record, header.type, header.word, position, incarnation);
}

std::optional<DecodedParts> DecodeQueues(const char* record) {
  const RecordHeader header = LoadHeader(record);
  DecodedParts parts;
  if ((header.flags & kHasFurtherQueues) == 0) return parts;
  ByteReader reader({record + kRecordHeaderBytes, header.bytes() - kRecordHeaderBytes});
  parts.further_queue_count = reader.Take<uint32_t>();
  if (parts.further_queue_count > kMaxFurtherQueues) return std::nullopt;
  parts.further_queues =
      reader.TakeBytes(size_t{parts.further_queue_count} * kFurtherQueueBytes).data();
  if (!reader.ok()) return std::nullopt;
  return parts;
}

std::optional<DecodedParts> DecodeParts(const char* record) {
  const RecordHeader header = LoadHeader(record);
  ByteReader reader({record + kRecordHeaderBytes, header.bytes() - kRecordHeaderBytes});
  DecodedParts parts;
  if (header.flags != 0) {
    if (header.flags & kHasFurtherQueues) {
      parts.further_queue_count = reader.Take<uint32_t>();
      if (parts.further_queue_count > kMaxFurtherQueues) return std::nullopt;
      parts.further_queues =
          reader.TakeBytes(size_t{parts.further_queue_count} * kFurtherQueueBytes).data();
    }
    if (header.flags & kHasTag) parts.tag = reader.TakeBytes(reader.Take<uint8_t>());
    if (header.flags & kHasOrderingKey) {
      parts.ordering_key = reader.TakeBytes(reader.Take<uint8_t>());
    }
    if (header.flags & kHasKeys) {
      parts.key_count = reader.Take<uint8_t>();
      const size_t before = reader.remaining();
      for (int i = 0; i < parts.key_count; ++i) reader.TakeBytes(reader.Take<uint8_t>());
      const char* end = record + header.bytes() - reader.remaining();
      const size_t bytes = before - reader.remaining();
      parts.keys = {end - bytes, bytes};
    }
    if (header.flags & kHasProperties) {
      parts.properties = reader.TakeBytes(reader.Take<uint16_t>());
    }
    if (header.flags & kHasExpiry) parts.expiry = reader.Take<int64_t>();
  }
  parts.body = reader.TakeBytes(header.body_bytes);
  if (!reader.ok()) return std::nullopt;
  return parts;
}

absl::InlinedVector<absl::string_view, 2> DecodeKeys(const DecodedParts& parts) {
  absl::InlinedVector<absl::string_view, 2> keys;
  ByteReader reader(parts.keys);
  for (int i = 0; i < parts.key_count; ++i) {
    keys.push_back(reader.TakeBytes(reader.Take<uint8_t>()));
  }
  return keys;
}

absl::string_view FirstKey(const DecodedParts& parts) {
  if (parts.key_count == 0) return {};
  ByteReader reader(parts.keys);
  return reader.TakeBytes(reader.Take<uint8_t>());
}

absl::InlinedVector<Property, 2> DecodeProperties(const DecodedParts& parts) {
  absl::InlinedVector<Property, 2> properties;
  ByteReader reader(parts.properties);
  while (reader.remaining() > 0) {
    const auto name_bytes = reader.Take<uint8_t>();
    const auto value_bytes = reader.Take<uint16_t>();
    const absl::string_view name = reader.TakeBytes(name_bytes);
    const absl::string_view value = reader.TakeBytes(value_bytes);
    if (!reader.ok()) break;  // hostile: what was readable stands
    properties.push_back({name, value});
  }
  return properties;
}

}  // namespace weir::internal
