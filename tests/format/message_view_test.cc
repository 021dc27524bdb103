#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "format/record.h"
#include "support/message_record.h"
#include "weir/message.h"

namespace weir::internal {
namespace {

using testing::MessageRecord;

MessageRecord MakeRecord(const MessageParts& parts, absl::string_view body) {
  MessageRecord record(parts, body);
  REQUIRE(record.Verifies());
  return record;
}

TEST_CASE("a view gives every part of the message as it was appended") {
  const std::vector<absl::string_view> keys = {"AAPL-1", "AAPL-2", absl::string_view("n\0ul", 4)};
  const std::vector<Property> properties = {{"region", "eu"}, {"empty", ""}, {"region", "us"}};
  for (const uint32_t further : {0u, 1u, 5u}) {
    const MessageRecord record = MakeRecord({.further_queues = further,
                                             .tag = "NEW",
                                             .ordering_key = "AAPL",
                                             .keys = keys,
                                             .properties = properties},
                                            "buy 100 at market");
    const MessageView view = record.view();

    CHECK(view.position() == MessageRecord::kPosition);
    CHECK(view.record_bytes() == record.bytes());
    CHECK(view.queue_id() == 3);
    CHECK(view.queue_offset() == QueueOffset(7));
    CHECK(absl::ToUnixNanos(view.store_time()) == MessageRecord::kStoreTime);
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
    const MessageRecord record = MakeRecord({}, body);
    const MessageView view = record.view();

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
    const MessageRecord record = MakeRecord(some, "body");
    const MessageView view = record.view();

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
  const MessageRecord record = MakeRecord({.properties = properties}, "");
  const MessageView view = record.view();

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
