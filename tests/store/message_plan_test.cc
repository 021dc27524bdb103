#include "store/message_plan.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "store/small_engine.h"

namespace weir::testing {
namespace {

using internal::MeasureMessage;
using internal::MessagePlan;

constexpr uint64_t kBodyMax = 100'000;
constexpr uint64_t kRecordMax = 1 << 20;

absl::Status Measure(const Message& message, MessagePlan* plan = nullptr) {
  MessagePlan mine;
  if (plan == nullptr) plan = &mine;
  plan->message = &message;
  return MeasureMessage(message.body.size(), kBodyMax, kRecordMax, plan);
}

// Checks that `make(n)` is accepted up to `max` and refused behind it, with a text that says
// `what`.
template <typename Make>
void CheckLimit(size_t max, absl::string_view what, Make make) {
  for (const size_t size : {max - 1, max, max + 1}) {
    const std::string bytes(size, 'x');
    const Message message = make(bytes);
    const absl::Status status = Measure(message);
    INFO(size << ": " << status);
    CHECK(status.ok() == (size <= max));
    if (size <= max) continue;
    CHECK(absl::IsInvalidArgument(status));
    CHECK(absl::StrContains(status.message(), what));
  }
}

TEST_CASE("every part is accepted up to its limit, and one byte more is refused and named") {
  CheckLimit(kBodyMax, "body", [](absl::string_view x) { return Message{.body = x}; });
  CheckLimit(kBodyMax, "body", [](absl::string_view x) {
    return Message{.tag = "t", .body = x};  // not plain: measured another way
  });
  CheckLimit(255, "tag", [](absl::string_view x) { return Message{.tag = x}; });
  CheckLimit(255, "ordering key", [](absl::string_view x) { return Message{.ordering_key = x}; });
  CheckLimit(255, "key", [](absl::string_view x) { return Message{.keys = {"k", x}}; });
  CheckLimit(255, "property", [](absl::string_view x) {
    return Message{.properties = {{"p", "v"}, {x, "v"}}};
  });
}

TEST_CASE("sixteen keys are accepted, seventeen are not") {
  for (const size_t count : {size_t{15}, size_t{16}, size_t{17}}) {
    Message message;
    message.keys.assign(count, "key");
    CHECK(Measure(message).ok() == (count <= kMaxKeys));
  }
}

TEST_CASE("keys and names of properties have at least a byte, values need none") {
  CHECK(absl::IsInvalidArgument(Measure({.keys = {""}})));
  CHECK(absl::IsInvalidArgument(Measure({.keys = {"k", ""}})));
  CHECK(absl::IsInvalidArgument(Measure({.properties = {{"", "v"}}})));
  CHECK(Measure({.properties = {{"p", ""}}}).ok());
}

TEST_CASE("properties count with their names, their values and three bytes each") {
  for (const int more : {-1, 0, 1}) {
    const std::string value(kMaxPropertiesBytes - 3 - 5 - 3 - 4 - 10 + static_cast<size_t>(more),
                            'v');
    const Message message{.properties = {{"five.", "0123456789"}, {"four", value}}};
    const absl::Status status = Measure(message);
    INFO(status);
    CHECK(status.ok() == (more <= 0));
    if (more > 0) CHECK(absl::StrContains(status.message(), "propert"));
  }
  // One value alone that the length in the format cannot say.
  const std::string huge(70'000, 'v');
  CHECK(absl::IsInvalidArgument(Measure({.properties = {{"p", huge}}})));
}

TEST_CASE("a plan knows the size of the record to the byte") {
  const std::vector<absl::string_view> keys = {"a", "bc"};
  for (size_t body = 0; body < 20; ++body) {
    const std::string bytes(body, 'x');
    const Message message{.tag = "tag",
                          .keys = {"a", "bc"},
                          .ordering_key = "order",
                          .properties = {{"p", "v"}},
                          .body = bytes};
    MessagePlan plan;
    REQUIRE(Measure(message, &plan).ok());

    // Written into exactly so many bytes it fills them, but for the padding.
    std::vector<char> record(plan.record_bytes + 8, '#');
    internal::WriteStamp(record.data(), {.bytes = plan.record_bytes, .flags = plan.flags});
    const char* const end = internal::WriteParts(record.data(), internal::PartsOf(message)) + body;
    CHECK(end <= record.data() + plan.record_bytes);
    CHECK(end > record.data() + plan.record_bytes - 8);
    CHECK(record[plan.record_bytes] == '#');
    CHECK(plan.record_bytes % 8 == 0);
  }
}

TEST_CASE("a record at the limit of the log is taken and read back; a byte more is refused") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  const bool is_plain = GENERATE(true, false);
  const absl::string_view tag = is_plain ? "" : "tag";
  const size_t parts = is_plain ? 0 : internal::EncodedPartsBytes({.tag = tag});
  const size_t max = engine->log().record_bytes_max() - internal::kRecordHeaderBytes - parts;

  for (const size_t size : {max - 1, max}) {
    const std::string body = Numbered(size, size);
    const Receipt receipt =
        Append(*engine, {.topic = "t", .queue_id = 0, .tag = tag, .body = body});
    CHECK(receipt.end - receipt.position == engine->log().record_bytes_max());
    CHECK(Read(*engine, "t", 0, receipt.queue_offset.value())[0].body() == body);
  }
  const LogPosition end = engine->log().front().claimed_end();
  const std::string body(max + 1, 'x');
  CHECK(absl::IsInvalidArgument(
      engine->Append({.topic = "t", .queue_id = 0, .tag = tag, .body = body}, {}).status()));
  CHECK(engine->log().front().claimed_end() == end);
  CHECK(Find(*engine, "t").messages == 2);
}

TEST_CASE("16,384 queues hold one message, and not one queue more") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.segment_bytes = 1 << 20;
  options.front_bytes = 1 << 20;
  auto engine = OpenEngine(options);
  REQUIRE(engine->CreateTopic("t", {.queue_count = 20'000}).ok());
  std::vector<QueueRef> further;
  for (uint32_t id = kMaxFurtherQueues + 1; id > 0; --id) further.push_back({"t", id});

  Message message{.topic = "t", .queue_id = 0, .further_queues = further, .body = "everywhere"};
  const LogPosition end = engine->log().front().claimed_end();
  CHECK(absl::IsInvalidArgument(engine->Append(message, {}).status()));
  CHECK(engine->log().front().claimed_end() == end);

  message.further_queues = absl::MakeSpan(further).subspan(1);
  Append(*engine, message);
  for (const size_t id : {size_t{0}, size_t{1}, size_t{8000}, kMaxFurtherQueues}) {
    CHECK(BodiesOf(Read(*engine, "t", static_cast<uint32_t>(id), 0)) == Words{"everywhere"});
  }
  CHECK(engine->reader().Bounds(Find(*engine, "t").first_queue + kMaxFurtherQueues + 1).end ==
        QueueOffset(0));
  CHECK(BodiesOf(ReadTopic(*engine, "t", LogPosition(0))) == Words{"everywhere"});
}

TEST_CASE("no queue may be named twice, also not the message's own, nor one that is not there") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  REQUIRE(engine->CreateTopic("t", {.queue_count = 4}).ok());
  REQUIRE(engine->CreateTopic("u", {.queue_count = 4}).ok());
  const LogPosition end = engine->log().front().claimed_end();
  const auto append = [&](const std::vector<QueueRef>& further) {
    return engine->Append({.topic = "t", .queue_id = 1, .further_queues = further, .body = "x"}, {})
        .status();
  };

  CHECK(absl::IsInvalidArgument(append({{"t", 2}, {"u", 0}, {"t", 2}})));
  CHECK(absl::IsInvalidArgument(append({{"u", 1}, {"t", 1}})));
  CHECK(absl::IsNotFound(append({{"u", 4}})));
  CHECK(engine->log().front().claimed_end() == end);
  CHECK(append({{"u", 1}, {"t", 2}, {"t", 0}}).ok());
  for (const auto& [topic, id] :
       std::vector<std::pair<std::string, uint32_t>>{{"t", 0}, {"t", 1}, {"t", 2}, {"u", 1}}) {
    CHECK(BodiesOf(Read(*engine, topic, id, 0)) == Words{"x"});
  }
}

}  // namespace
}  // namespace weir::testing
