#include "format/format_examples.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "format/front_layout.h"
#include "format/index_layout.h"
#include "format/message_copy.h"
#include "format/record.h"
#include "format/segment_header.h"
#include "format/state_record.h"
#include "format/superblock.h"
#include "store/topic_record.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr uint64_t kIncarnation = 0x1111111111111111;
constexpr uint64_t kNextIncarnation = 0x2222222222222222;
constexpr int64_t kTime = 1'700'000'000'000'000'000;

Uuid UuidFrom(uint8_t first) {
  Uuid uuid;
  for (size_t i = 0; i < uuid.size(); ++i) uuid[i] = static_cast<uint8_t>(first + i);
  return uuid;
}

struct Member {
  MessageParts parts;
  uint32_t queue_number = kNoQueue;
  uint64_t queue_offset = 0;
  std::vector<FurtherQueue> further;
  absl::string_view body;
  uint32_t group_distance = 0;
  RecordType type = RecordType::kMessage;
  uint32_t bytes_min = 0;
};

std::string Claimed(const Member& member) {
  const auto bytes = static_cast<uint32_t>(std::max<uint64_t>(
      member.bytes_min, RecordBytes(EncodedPartsBytes(member.parts), member.body.size())));
  std::string record(bytes, '\0');
  WriteStamp(record.data(), {.bytes = bytes,
                             .type = member.type,
                             .flags = FlagsOf(member.parts),
                             .queue_number = member.queue_number,
                             .queue_offset = member.queue_offset,
                             .store_time = kTime,
                             .group_distance = member.group_distance});
  if (member.further.empty()) return record;
  WriteFurtherQueueCount(record.data(), member.parts.further_queues);
  for (uint32_t i = 0; i < member.further.size(); ++i) {
    WriteFurtherQueue(record.data(), i, member.further[i]);
  }
  return record;
}

std::string Published(const Member& member, LogPosition position) {
  std::string record = Claimed(member);
  char* const body = WriteParts(record.data(), member.parts, FilterWord(member.parts.tag),
                                static_cast<uint32_t>(member.body.size()));
  memcpy(body, member.body.data(), member.body.size());
  Publish(record.data(), Seal(record.data(), position, kIncarnation));
  return record;
}

Member Order() {
  static const std::vector<absl::string_view> keys = {"A-1"};
  static const std::vector<Property> properties = {{"src", "eu"}};
  return {.parts = {.further_queues = 1,
                    .tag = "NEW",
                    .ordering_key = "AAPL",
                    .keys = keys,
                    .properties = properties},
          .queue_number = 3,
          .queue_offset = 5,
          .further = {{9, 0}},
          .body = "buy 100"};
}

std::string Expiring() {
  return Published({.parts = {.expiry = kTime + 60'000'000'000},
                    .queue_number = 3,
                    .queue_offset = 6,
                    .body = "quote"},
                   LogPosition(1128));
}

std::string Void() {
  std::string record = Claimed(Order());
  SealVoid(record.data(), LogPosition(1024), kIncarnation);
  return record;
}

std::string Filler() {
  std::string header(kRecordHeaderBytes, '\0');
  WriteFiller(header.data(), LogPosition(4000), 96, 0, kTime, kIncarnation);
  return header;
}

std::string GroupHeader(uint32_t bytes, LogPosition position) {
  std::string header(kRecordHeaderBytes, '\0');
  WriteStamp(header.data(), {.bytes = bytes, .type = RecordType::kGroup, .store_time = kTime});
  Publish(header.data(), Seal(header.data(), position, kIncarnation));
  return header;
}

std::string Group() {
  const std::string one =
      Published({.queue_number = 3, .queue_offset = 6, .body = "one", .group_distance = 6},
                LogPosition(2048 + 48));
  const std::string two =
      Published({.queue_number = 9, .queue_offset = 1, .body = "two", .group_distance = 13},
                LogPosition(2048 + 48 + 56));
  return GroupHeader(48 + 56 + 56, LogPosition(2048)) + one + two;
}

std::string Catalogue() {
  const std::string body =
      EncodeTopic({.name = "orders",
                   .queue_count = 8,
                   .first_offset = 100,
                   .settings = {.is_compacted = true, .max_age_nanos = 3'600'000'000'000}});
  constexpr uint32_t kFirstBytes = 88 + kTwinPaddingBytes;
  Member twin{
      .body = body, .group_distance = 6, .type = RecordType::kCatalogue, .bytes_min = kFirstBytes};
  const std::string first = Published(twin, LogPosition(1024 + 48));
  twin.bytes_min = 0;
  twin.group_distance = (48 + kFirstBytes) / 8;
  const std::string second = Published(twin, LogPosition(1024 + 48 + kFirstBytes));
  return GroupHeader(static_cast<uint32_t>(48 + first.size() + second.size()), LogPosition(1024)) +
         first + second;
}

std::string State() {
  const std::string entries = []() {
    std::string bytes;
    AppendValue(bytes, uint32_t{3});
    AppendValue(bytes, uint64_t{5});
    AppendValue(bytes, uint64_t{7});
    return bytes;
  }();
  const uint32_t bytes = StateRecordBytes("ends", entries.size());
  std::string record(bytes, '\0');
  StampState(record.data(), bytes, kTime);
  Publish(record.data(), FillState(record.data(), LogPosition(2048), kIncarnation,
                                   {.name = "ends", .entries = entries}));
  return record;
}

std::string Copy() {
  const std::string message = Published(Order(), LogPosition(1024));
  const auto message_bytes = static_cast<uint32_t>(message.size());
  const uint32_t bytes = CopyRecordBytes(message_bytes);
  std::string record(bytes, '\0');
  StampCopy(record.data(), bytes, kTime + 60'000'000'000);
  Publish(record.data(), FillCopy(record.data(), LogPosition(9216), kNextIncarnation,
                                  {.first = LogPosition(1024),
                                   .incarnation = kIncarnation,
                                   .queue_number = 9,
                                   .message = message.data(),
                                   .message_bytes = message_bytes}));
  return record;
}

std::string Open() {
  std::string body;
  AppendValue(body, kIncarnation);
  AppendValue(body, kNextIncarnation);
  AppendValue(body, uint64_t{2048 + 512 + 72});
  Member twin{.body = body, .type = RecordType::kOpen, .bytes_min = 512};
  const std::string first = Published(twin, LogPosition(2048));
  twin.bytes_min = 0;
  return first + Published(twin, SecondOpenCopy(LogPosition(2048), 4096));
}

std::string Mark() {
  std::string body;
  AppendValue(body, uint64_t{1024});
  AppendValue(body, int64_t{1'700'000'000'000'000'000});
  return Published({.body = body, .type = RecordType::kMark}, LogPosition(1144));
}

std::string SegmentHeaderExample() {
  return EncodeSegmentHeader({.store = UuidFrom(0xA0),
                              .segment_bytes = 4096,
                              .begin = LogPosition(12288),
                              .generation = 0,
                              .incarnation = kIncarnation,
                              .predecessor_end = LogPosition(5000)});
}

std::string SuperblockExample() {
  return EncodeSuperblock({.store = UuidFrom(0xA0),
                           .segment_bytes = 4096,
                           .hash_seed = 0x5EED,
                           .sequence = 6,
                           .log_begin = LogPosition(4096),
                           .durable_end = LogPosition(13000),
                           .durable_incarnation = kIncarnation,
                           .prepared_end = LogPosition(24576),
                           .epoch = 0,
                           .incarnation = kIncarnation,
                           .next_incarnation = kNextIncarnation,
                           .boot = UuidFrom(0xB0),
                           .front = FrontKind::kShared,
                           .is_clean = false,
                           .last_sync = kTime + 1,
                           .last_store_time = kTime,
                           .front_directory = "/run/weir"});
}

std::string FrontPage() {
  struct alignas(64) Page {
    char bytes[kFrontHeaderBytes] = {};
  };
  const auto page = std::make_unique<Page>();
  auto& header = *reinterpret_cast<FrontHeader*>(page->bytes);
  WriteFrontIdentity(header, {.store = UuidFrom(0xA0),
                              .incarnation = kIncarnation,
                              .boot = UuidFrom(0xB0),
                              .directory_device = 0x801,
                              .directory_inode = 0x1234,
                              .lock_device = 0x801,
                              .lock_inode = 0x1235,
                              .segment_bytes = 4096,
                              .ring_bytes = 8192});
  header.claimed_end.store(13112);
  header.last_store_time.store(1'700'000'000'000'000'000);
  header.front_begin.store(12288);
  header.written_end.store(13000);
  header.durable_end.store(13000);
  return std::string(page->bytes, kFrontHeaderBytes);
}

std::string DoorbellPage() {
  std::string page(kDoorbellBytes, '\0');
  auto& bells = *reinterpret_cast<Doorbells*>(page.data());
  bells.log.store(1);
  bells.queue(70).store(1);
  return page;
}

std::string IndexFileExample() {
  IndexHeader header;
  header.identity = {.store = UuidFrom(0xA0),
                     .segment_begin = LogPosition(8192),
                     .segment_end = LogPosition(12288),
                     .records_end = LogPosition(12192),
                     .incarnation = kIncarnation,
                     .incarnations_digest = kNextIncarnation};
  header.first_store_time = kTime;
  header.last_store_time = kTime + 1;
  header.run_count = 2;
  header.saved_count = 1;
  header.entry_count = 3;
  header.saved_bytes = 4;
  header.first_queue = 3;
  header.last_queue = 9;
  header.hash_seed = 0x5EED;
  header.key_count = 2;
  header.sample_count = 1;
  std::vector<KeyEntry> keys = {KeyEntry::Of(KeyHash(header.hash_seed, 3, "A-1"), 1024 / 8),
                                KeyEntry::Of(KeyHash(header.hash_seed, 9, "A-1"), 1136 / 8)};
  std::sort(keys.begin(), keys.end());
  const KeyFilter filter = BuildKeyFilter(std::vector<uint32_t>{keys[0].hash(), keys[1].hash()});
  header.filter = filter.shape;

  std::string body;
  const RunLink previous{LogPosition(4096), QueueOffset(4)};
  AppendRun(body, {.queue_number = 3,
                   .count = 2,
                   .first = QueueOffset(5),
                   .links = {.depth = 2, .previous = previous, .jump = previous}});
  AppendRun(body, {.queue_number = 9, .count = 1, .entries_begin = 2});
  const LogPosition begin = header.identity.segment_begin;
  AppendValue(body, TimeSample{.store_time = kTime, .position_word = 1024 / 8});
  AppendEntries(body, {IndexEntry::At(begin, LogPosition(9216), 0x00C0FFEE), IndexEntry{},
                       IndexEntry::At(begin, LogPosition(9328), 0)});
  for (const KeyEntry entry : keys) AppendValue(body, entry);
  body += filter.slots;
  AppendSavedEntry(body, {.name = "queues", .kind = SavedKind::kChange, .bytes = 4});
  body += "q3q9";
  std::string table;
  AppendValue(table, IndexChecksum(body));
  header.table_checksum = IndexChecksum(table);
  return EncodeIndexHeader(header) + table + body;
}

}  // namespace

std::map<std::string, std::string> FormatExamples() {
  return {{"message", Published(Order(), LogPosition(1024))},
          {"expiring", Expiring()},
          {"void", Void()},
          {"filler", Filler()},
          {"group", Group()},
          {"catalogue", Catalogue()},
          {"state", State()},
          {"copy", Copy()},
          {"open", Open()},
          {"mark", Mark()},
          {"segment-header", SegmentHeaderExample()},
          {"superblock-slot", SuperblockExample()},
          {"front-header", FrontPage()},
          {"doorbells", DoorbellPage()},
          {"index-file", IndexFileExample()}};
}

}  // namespace weir::testing
