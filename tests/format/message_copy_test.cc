// A carried copy as bytes: what it holds is the record that it was, and nothing else passes for it.

#include "format/message_copy.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr uint64_t kThen = 7;
constexpr uint64_t kNow = 9;
constexpr LogPosition kFirst(4096 + 1024);
constexpr LogPosition kPlace(8192 + 1024);

std::string Message(RecordType type = RecordType::kMessage) {
  const std::vector<absl::string_view> keys = {"k", "other"};
  const MessageParts parts{.further_queues = 1, .tag = "T", .keys = keys};
  const absl::string_view body = "value";
  const auto bytes = static_cast<uint32_t>(RecordBytes(EncodedPartsBytes(parts), body.size()));
  std::string record(bytes, '\0');
  WriteStamp(record.data(), {.bytes = bytes,
                             .type = type,
                             .flags = FlagsOf(parts),
                             .queue_number = 3,
                             .queue_offset = 5,
                             .store_time = 100});
  WriteFurtherQueueCount(record.data(), 1);
  WriteFurtherQueue(record.data(), 0, {.number = 8, .offset = 6});
  char* const to = WriteParts(record.data(), parts, FilterWord("T"), 5);
  memcpy(to, body.data(), body.size());
  Publish(record.data(), Seal(record.data(), kFirst, kThen));
  return record;
}

std::string CopyOf(const std::string& message, MessageCopy copy) {
  const uint32_t bytes = CopyRecordBytes(static_cast<uint32_t>(message.size()));
  std::string record(bytes, '\0');
  StampCopy(record.data(), bytes, /*time=*/200);
  copy.message = message.data();
  copy.message_bytes = static_cast<uint32_t>(message.size());
  Publish(record.data(), FillCopy(record.data(), kPlace, kNow, copy));
  return record;
}

TEST_CASE("a copy holds the record as it was, and is a record of its own place and of no queue") {
  const std::string message = Message();
  const std::string record =
      CopyOf(message, {.first = kFirst, .incarnation = kThen, .queue_number = 8});
  CHECK(record.size() == message.size() + 72);
  REQUIRE(Verify(record.data(), record.size(), kPlace, kNow));
  const RecordHeader header = LoadHeader(record.data());
  CHECK(header.type == RecordType::kCopy);
  CHECK(header.queue_number == kNoQueue);
  CHECK(header.store_time == 200);
  const auto copy = DecodeCopy(record.data());
  REQUIRE(copy);
  CHECK(copy->first == kFirst);
  CHECK(copy->incarnation == kThen);
  CHECK(copy->queue_number == 8);
  CHECK(std::string(copy->message, copy->message_bytes) == message);
  CHECK(FirstKey(*DecodeParts(copy->message)) == "k");
  CHECK(OffsetIn(LoadHeader(copy->message), *DecodeParts(copy->message), 3) == 5);
  CHECK(OffsetIn(LoadHeader(copy->message), *DecodeParts(copy->message), 8) == 6);
  CHECK(OffsetIn(LoadHeader(copy->message), *DecodeParts(copy->message), 9) == std::nullopt);
}

TEST_CASE("a copy that is given up is a void of no queue") {
  std::string record(CopyRecordBytes(96), 'x');
  StampCopy(record.data(), static_cast<uint32_t>(record.size()), 200);
  SealVoid(record.data(), kPlace, kNow);
  REQUIRE(Verify(record.data(), record.size(), kPlace, kNow));
  CHECK(LoadHeader(record.data()).type == RecordType::kVoid);
  CHECK(LoadHeader(record.data()).queue_number == kNoQueue);
}

TEST_CASE("a copy of another place, writer, queue or record is none, whatever its own checksum") {
  const std::string message = Message();
  const MessageCopy good{.first = kFirst, .incarnation = kThen, .queue_number = 3};
  REQUIRE(DecodeCopy(CopyOf(message, good).data()));
  CHECK_FALSE(DecodeCopy(message.data()));
  MessageCopy bad = good;
  bad.first = kFirst + 8;
  CHECK_FALSE(DecodeCopy(CopyOf(message, bad).data()));
  bad.first = kFirst + 1;
  CHECK_FALSE(DecodeCopy(CopyOf(message, bad).data()));
  bad = good;
  bad.incarnation = kNow;
  CHECK_FALSE(DecodeCopy(CopyOf(message, bad).data()));
  bad = good;
  bad.queue_number = 4;
  CHECK_FALSE(DecodeCopy(CopyOf(message, bad).data()));
  CHECK_FALSE(DecodeCopy(CopyOf(Message(RecordType::kVoid), good).data()));
  CHECK_FALSE(DecodeCopy(CopyOf(message + std::string(8, '\0'), good).data()));
  CHECK_FALSE(DecodeCopy(CopyOf(message.substr(0, message.size() - 8), good).data()));
  CHECK_FALSE(DecodeCopy(CopyOf("", good).data()));
  for (size_t byte = 0; byte < message.size(); ++byte) {
    std::string damaged = message;
    damaged[byte] = static_cast<char>(damaged[byte] ^ 1);
    CAPTURE(byte);
    CHECK_FALSE(DecodeCopy(CopyOf(damaged, good).data()));
  }
}

}  // namespace
}  // namespace weir::testing
