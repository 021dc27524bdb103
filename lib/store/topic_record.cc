#include "store/topic_record.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/record.h"

namespace weir::internal {
namespace {

constexpr uint8_t kDeleted = 1;
constexpr uint8_t kCompacted = 2;

// What stands beside the name.
constexpr size_t kFixedBytes = 4 + 4 + 1 + 1 + 3 * 8;

struct TwinBytes {
  uint32_t first;
  uint32_t second;
};

// Under the append lock, too: nothing is encoded to be measured.
TwinBytes TwinBytesOf(absl::string_view name) {
  const auto second =
      static_cast<uint32_t>(RecordBytes(/*parts_bytes=*/0, kFixedBytes + name.size()));
  return {second + kTwinPaddingBytes, second};
}

}  // namespace

std::string EncodeTopic(const TopicRecord& topic) {
  std::string body;
  AppendValue(body, topic.first_queue);
  AppendValue(body, topic.queue_count);
  AppendValue(body, static_cast<uint8_t>(topic.name.size()));
  absl::StrAppend(&body, topic.name);
  AppendValue(body, static_cast<uint8_t>((topic.is_deleted ? kDeleted : 0) |
                                         (topic.settings.is_compacted ? kCompacted : 0)));
  AppendValue(body, topic.first_offset);
  AppendValue(body, topic.settings.max_age_nanos);
  AppendValue(body, topic.settings.max_bytes);
  return body;
}

TopicRecord TakeTopic(ByteReader& reader) {
  TopicRecord topic;
  topic.first_queue = reader.Take<uint32_t>();
  topic.queue_count = reader.Take<uint32_t>();
  topic.name = reader.TakeBytes(reader.Take<uint8_t>());
  const auto flags = reader.Take<uint8_t>();
  topic.is_deleted = (flags & kDeleted) != 0;
  topic.settings.is_compacted = (flags & kCompacted) != 0;
  topic.first_offset = reader.Take<uint64_t>();
  topic.settings.max_age_nanos = reader.Take<int64_t>();
  topic.settings.max_bytes = reader.Take<uint64_t>();
  if ((flags & ~(kDeleted | kCompacted)) != 0 || topic.settings.max_age_nanos < 0) {
    reader.TakeBytes(reader.remaining() + 1);
  }
  return topic;
}

uint32_t TopicGroupBytes(absl::string_view name) {
  const TwinBytes twins = TwinBytesOf(name);
  return kRecordHeaderBytes + twins.first + twins.second;
}

void StampTopicGroup(char* memory, absl::string_view name, int64_t time) {
  const TwinBytes twins = TwinBytesOf(name);
  WriteStamp(memory, {.bytes = kRecordHeaderBytes + twins.first + twins.second,
                      .type = RecordType::kGroup,
                      .store_time = time});
  uint32_t at = kRecordHeaderBytes;
  for (const uint32_t bytes : {twins.first, twins.second}) {
    WriteStamp(memory + at, {.bytes = bytes,
                             .type = RecordType::kCatalogue,
                             .store_time = time,
                             .group_distance = at / kRecordAlignment});
    at += bytes;
  }
}

int32_t FillTopicGroup(char* memory, LogPosition position, uint64_t incarnation,
                       absl::string_view name, absl::string_view body) {
  const TwinBytes twins = TwinBytesOf(name);
  uint32_t at = kRecordHeaderBytes;
  for (const uint32_t bytes : {twins.first, twins.second}) {
    char* const record = memory + at;
    char* const to = WriteParts(record, {}, 0, static_cast<uint32_t>(body.size()));
    if (!HOLDS(to + body.size() <= record + bytes)) break;
    std::memset(to, 0, static_cast<size_t>(record + bytes - to));
    std::memcpy(to, body.data(), body.size());
    Publish(record, Seal(record, position + at, incarnation));
    at += bytes;
  }
  HOLDS(LoadHeader(memory).bytes() == at);
  return Seal(memory, position, incarnation);
}

}  // namespace weir::internal
