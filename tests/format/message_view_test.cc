#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "format/record.h"
#include "weir/message.h"

namespace weir::internal {
namespace {

constexpr LogPosition kPosition{4096 + 128};
constexpr int64_t kStoreTime = 1'700'000'000'123'456'789;

// A record as it is handed to a view: whole, published, verified.
std::vector<uint64_t> MakeRecord(const MessageParts& parts, absl::string_view body) {
  const uint64_t bytes = RecordBytes(EncodedPartsBytes(parts), body.size());
  std::vector<uint64_t> memory(bytes / sizeof(uint64_t), ~uint64_t{0});
  char* const record = reinterpret_cast<char*>(memory.data());
  WriteStamp(record, {.bytes = static_cast<uint32_t>(bytes),
                      .flags = FlagsOf(parts),
                      .queue_number = 70,
                      .queue_offset = 7,
                      .store_time = kStoreTime});
  if (parts.further_queues > 0) WriteFurtherQueueCount(record, parts.further_queues);
  for (uint32_t i = 0; i < parts.further_queues; ++i) WriteFurtherQueue(record, i, {80 + i, i});
  char* const to =
      WriteParts(record, parts, FilterWord(parts.tag), static_cast<uint32_t>(body.size()));
  if (!body.empty()) std::memcpy(to, body.data(), body.size());
  Publish(record, Seal(record, kPosition, /*incarnation=*/5));
  REQUIRE(Verify(record, bytes, kPosition, /*incarnation=*/5));
  return memory;
}

MessageView ViewOf(const std::vector<uint64_t>& memory) {
  return MessageView(reinterpret_cast<const char*>(memory.data()), kPosition, Topic(), 3,
                     QueueOffset(7));
}

TEST_CASE("a view gives every part of the message as it was appended") {
  const std::vector<absl::string_view> keys = {"AAPL-1", "AAPL-2", absl::string_view("n\0ul", 4)};
  const std::vector<Property> properties = {{"region", "eu"}, {"empty", ""}, {"region", "us"}};
  for (const uint32_t further : {0u, 1u, 5u}) {
    const auto memory = MakeRecord({.further_queues = further,
                                    .tag = "NEW",
                                    .ordering_key = "AAPL",
                                    .keys = keys,
                                    .properties = properties},
                                   "buy 100 at market");
    const MessageView view = ViewOf(memory);

    CHECK(view.position() == kPosition);
    CHECK(view.record_bytes() == memory.size() * 8);
    CHECK(view.queue_id() == 3);
    CHECK(view.queue_offset() == QueueOffset(7));
    CHECK(absl::ToUnixNanos(view.store_time()) == kStoreTime);
    CHECK(view.tag() == "NEW");
    CHECK(view.ordering_key() == "AAPL");
    const auto found = view.keys();
    CHECK(std::equal(keys.begin(), keys.end(), found.begin(), found.end()));
    const auto all = view.properties();
    CHECK(std::equal(properties.begin(), properties.end(), all.begin(), all.end()));
    CHECK(view.body() == "buy 100 at market");
  }
}

TEST_CASE("a message with nothing but a body, or not even that, has empty parts") {
  for (const absl::string_view body : {"", "x", "eight by"}) {
    const auto memory = MakeRecord({}, body);
    const MessageView view = ViewOf(memory);

    CHECK(view.body() == body);
    CHECK(view.tag().empty());
    CHECK(view.ordering_key().empty());
    CHECK(view.keys().empty());
    CHECK(view.properties().empty());
    CHECK_FALSE(view.property("region").has_value());
  }
}

TEST_CASE("a part that is missing moves no other part") {
  const std::vector<absl::string_view> keys = {"k"};
  const std::vector<Property> properties = {{"p", "v"}};
  for (unsigned parts = 0; parts < 16; ++parts) {
    MessageParts some;
    if ((parts & 1) != 0) some.tag = "tag";
    if ((parts & 2) != 0) some.ordering_key = "order";
    if ((parts & 4) != 0) some.keys = keys;
    if ((parts & 8) != 0) some.properties = properties;
    const auto memory = MakeRecord(some, "body");
    const MessageView view = ViewOf(memory);

    CAPTURE(parts);
    CHECK(view.tag() == some.tag);
    CHECK(view.ordering_key() == some.ordering_key);
    CHECK(view.keys().size() == some.keys.size());
    CHECK(view.properties().size() == some.properties.size());
    CHECK(view.body() == "body");
  }
}

TEST_CASE("a property is found by its whole name; of several the first one, also an empty one") {
  const std::vector<Property> properties = {{"a", ""}, {"region", "eu"}, {"region", "us"}};
  const auto memory = MakeRecord({.properties = properties}, "");
  const MessageView view = ViewOf(memory);

  CHECK(view.property("region") == "eu");
  REQUIRE(view.property("a").has_value());
  CHECK(view.property("a")->empty());
  for (const absl::string_view none : {"", "regio", "regions", "Region"}) {
    CHECK_FALSE(view.property(none).has_value());
  }
}

TEST_CASE("every outcome and every level of durability has a name of its own") {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(ReadOutcome::kDamaged); ++i) {
    names.emplace(ReadOutcomeName(static_cast<ReadOutcome>(i)));
  }
  CHECK(names.size() == 8);
  for (int i = 0; i <= static_cast<int>(Durability::kDisk); ++i) {
    names.emplace(DurabilityName(static_cast<Durability>(i)));
  }
  CHECK(names.size() == 8 + 3);
  CHECK(names.count("unknown") == 0);
  CHECK(names.count("") == 0);
}

}  // namespace
}  // namespace weir::internal
