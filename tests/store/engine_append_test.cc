// Batches, refusals and claims: what they leave in the log, in the queues and in the catalogue.

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "store/engine.h"
#include "store/small_engine.h"

namespace weir::testing {
namespace {

LogPosition EndOf(Engine& engine) { return engine.log().front().claimed_end(); }

TEST_CASE("a batch over topics gives each message its place, in their order") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  const std::vector<QueueRef> further = {{"u", 1}};
  const std::vector<Message> batch = {
      {.topic = "t", .queue_id = 0, .body = "one"},
      {.topic = "u", .queue_id = 1, .tag = "A", .body = "two"},
      {.topic = "t", .queue_id = 0, .further_queues = further, .body = "three"},
      {.topic = "t", .queue_id = 1, .body = ""}};
  for (uint64_t round = 0; round < 3; ++round) {
    const auto receipts = engine->AppendAll(batch, {});
    INFO(receipts.status());
    REQUIRE(receipts.ok());
    REQUIRE(receipts->size() == 4);
    CHECK((*receipts)[0].queue_offset == QueueOffset(2 * round));
    CHECK((*receipts)[1].queue_offset == QueueOffset(2 * round));
    CHECK((*receipts)[2].queue_offset == QueueOffset(2 * round + 1));
    CHECK((*receipts)[3].queue_offset == QueueOffset(round));
    for (size_t i = 0; i < 4; ++i) {
      CHECK(BodiesOf(*engine->reader().ReadAt((*receipts)[i].position)) ==
            Words{std::string(batch[i].body)});
      CHECK((*receipts)[i].end == receipts->back().end);
      if (i > 0) CHECK((*receipts)[i - 1].position < (*receipts)[i].position);
    }
  }
  CHECK(BodiesOf(Read(*engine, "u", 1, 0, {.max_messages = 4})) ==
        Words{"two", "three", "two", "three"});
}

TEST_CASE("a batch with one message that is refused leaves nothing behind") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  REQUIRE(engine->CreateTopic("t", {.queue_count = 2}).ok());
  const std::string long_tag(256, 'x');
  const std::string half(1000, 'x');
  const LogPosition end = EndOf(*engine);
  const auto refuse = [&](const std::vector<Message>& batch) {
    const absl::Status status = engine->AppendAll(batch, {}).status();
    INFO(status);
    CHECK_FALSE(status.ok());
    CHECK(EndOf(*engine) == end);
    CHECK(engine->reader().Bounds(Find(*engine, "t").first_queue).end == QueueOffset(0));
    CHECK(Find(*engine, "t").messages == 0);
    CHECK(engine->catalogue().All().size() == 1);
  };
  const Message good{.topic = "t", .queue_id = 0, .body = "good"};
  refuse({});
  refuse({good, {.topic = "t", .queue_id = 2, .body = "no such queue"}});
  refuse({good, {.topic = "t", .queue_id = 0, .tag = long_tag}});
  refuse({{.topic = "new", .body = "x"}, {.topic = "a/b", .body = "x"}});
  refuse({{.topic = "new", .body = "x"}, {.topic = "t", .queue_id = 0, .tag = long_tag}});
  refuse({{.topic = "t", .queue_id = 0, .body = half},
          {.topic = "t", .queue_id = 0, .body = half},
          {.topic = "new", .queue_id = 0, .body = half}});
}

TEST_CASE("a message that is refused creates no topic") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  const LogPosition end = EndOf(*engine);
  const std::string huge(5000, 'x');
  const std::string long_key(256, 'x');
  const std::vector<QueueRef> twice = {{"new", 1}, {"new", 1}};
  const std::vector<QueueRef> missing = {{"new", 9}};
  const auto refuse = [&](const Message& message) {
    const absl::Status status = engine->Append(message, {}).status();
    INFO(status);
    CHECK_FALSE(status.ok());
    CHECK_FALSE(engine->Claim(message, message.body.size(), absl::ZeroDuration()).ok());
    CHECK_FALSE(engine
                    ->AppendAsync(message, {},
                                  [](const absl::Status&, const Receipt&) {
                                    FAIL("refused messages are not called back for");
                                  })
                    .ok());
    CHECK(EndOf(*engine) == end);
    CHECK(engine->catalogue().All().empty());
  };
  refuse({.topic = "new", .body = huge});
  refuse({.topic = "new", .tag = long_key});
  refuse({.topic = "new", .keys = {long_key}});
  refuse({.topic = "new", .ordering_key = long_key});
  refuse({.topic = "new", .queue_id = 2});
  refuse({.topic = "new", .queue_id = 0, .further_queues = twice});
  refuse({.topic = "new", .queue_id = 0, .further_queues = missing});
  refuse({.topic = "", .body = "x"});
}

TEST_CASE("a claim may be committed with less than it asked for, and what follows is whole") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  for (const size_t used : {size_t{0}, size_t{1}, size_t{300}, size_t{399}, size_t{400}}) {
    auto claim =
        engine->Claim({.topic = "t", .queue_id = 0, .tag = "A"}, 400, absl::InfiniteDuration());
    REQUIRE(claim.ok());
    const std::string body = Numbered(used, 400).substr(0, used);
    std::memcpy(claim->body, body.data(), used);
    const auto receipt = engine->Commit(*claim, used, {});
    REQUIRE(receipt.ok());
    const Receipt next = Append(*engine, {.topic = "t", .queue_id = 0, .body = "next"});
    CHECK(BodiesOf(*engine->reader().ReadAt(receipt->position)) == Words{body});
    CHECK(next.position >= receipt->end);
    CHECK(BodiesOf(Read(*engine, "t", 0, receipt->queue_offset.value())) == Words{body, "next"});
  }
  Close(*engine);
  engine = nullptr;
  const auto report = OpenStore(SmallOptions(disk, clock))->Verify();
  REQUIRE(report.ok());
  CHECK(report->findings.empty());
}

TEST_CASE("a record that finds no place in its queue is a void, and its number is used") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  Append(*engine, {.topic = "t", .queue_id = 0, .body = "one"});
  Append(*engine, {.topic = "t", .queue_id = 1, .body = "other"});
  // What its memory holds and where it goes on are two things now.
  internal::ConsumeQueue& queue = engine->queues().queue(Find(*engine, "t").first_queue);
  queue.Restore(0, 100, internal::kNoLink);
  REQUIRE(queue.room() > 0);

  const LogPosition end = EndOf(*engine);
  const auto failed = engine->Append({.topic = "t", .queue_id = 0, .body = "two"}, {});

  CHECK(absl::IsInternal(failed.status()));
  CHECK(absl::StrContains(failed.status().message(), "lib/index/consume_queue.h:"));
  CHECK(engine->log().health().state() == StoreState::kReadOnly);
  CHECK(EndOf(*engine) > end);
  CHECK(engine->log().front().PublishedEnd() == EndOf(*engine));
  CHECK(queue.end() == 101);
  CHECK(Find(*engine, "t").messages == 2);
  CHECK(absl::IsFailedPrecondition(
      engine->Append({.topic = "t", .queue_id = 1, .body = "x"}, {}).status()));
  CHECK(BodiesOf(Read(*engine, "t", 1, 0)) == Words{"other"});

  FaultFileSystem after(disk.ProcessDeath());
  auto again = OpenStore(SmallOptions(after, clock));
  CHECK(AllOf(*again, "t", 0) == Words{"one"});
  CHECK(Append(*again, {.topic = "t", .queue_id = 0, .body = "x"}).queue_offset ==
        QueueOffset(101));
}

}  // namespace
}  // namespace weir::testing
