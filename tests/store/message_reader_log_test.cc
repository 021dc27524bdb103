// Reading a topic in the order of the log, and single messages by their position.

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "store/message_reader.h"
#include "store/small_engine.h"

namespace weir::testing {
namespace {

struct Appended {
  LogPosition position;
  std::string body;
};

// A topic of five queues and another one between it; a part of the messages are in several queues.
struct Topics {
  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<Engine> engine = OpenEngine(SmallOptions(disk, clock));
  std::vector<Appended> t;  // in the order of the log

  Topics() {
    REQUIRE(engine->CreateTopic("t", {.queue_count = 5}).ok());
    REQUIRE(engine->CreateTopic("u", {.queue_count = 2}).ok());
    for (size_t i = 0; i < 120; ++i) {
      const std::vector<QueueRef> further = {{"t", 4}, {"u", 1}, {"t", 2}};
      const bool is_shared = i % 7 == 0;
      const std::string body = Numbered(i, 150);
      const Receipt receipt =
          Append(*engine, {.topic = i % 3 == 0 ? "u" : "t",
                           .queue_id = static_cast<uint32_t>(i % 2),
                           .tag = i % 4 == 0 ? "four" : "",
                           .further_queues = is_shared && i % 3 != 0 ? absl::MakeConstSpan(further)
                                                                     : absl::Span<const QueueRef>(),
                           .body = body});
      if (i % 3 != 0) t.push_back({receipt.position, body});
    }
  }
};

TEST_CASE("a topic is read in the order of the log over all its queues, each message once") {
  Topics topics;
  const bool is_sealed = GENERATE(true, false);
  if (is_sealed) SealAll(*topics.engine);
  for (const uint32_t max : {1u, 3u, 10u, 1000u}) {
    std::vector<Appended> seen;
    LogPosition position(0);
    for (;;) {
      const ReadResult result = ReadTopic(*topics.engine, "t", position, {.max_messages = max});
      if (result.outcome() == ReadOutcome::kAtEnd) {
        CHECK(result.next_position() == position);
        break;
      }
      REQUIRE(result.outcome() == ReadOutcome::kFound);
      REQUIRE(result.size() <= max);
      for (const MessageView& message : result) {
        CHECK(message.topic() == "t");
        CHECK(message.queue_id() < 5);
        seen.push_back({message.position(), std::string(message.body())});
      }
      REQUIRE(result.next_position() > position);
      position = result.next_position();
    }
    REQUIRE(seen.size() == topics.t.size());
    for (size_t i = 0; i < seen.size(); ++i) {
      REQUIRE(seen[i].position == topics.t[i].position);
      REQUIRE(seen[i].body == topics.t[i].body);
    }
  }
}

TEST_CASE("a topic can be read from any position: from the message there, or from the next one") {
  Topics topics;
  SealAll(*topics.engine);
  for (size_t i = 0; i + 1 < topics.t.size(); ++i) {
    const LogPosition at = topics.t[i].position;
    const auto first = [&](LogPosition position) {
      const ReadResult result = ReadTopic(*topics.engine, "t", position, {.max_messages = 1});
      REQUIRE(result.size() == 1);
      return std::string(result[0].body());
    };
    REQUIRE(first(at) == topics.t[i].body);
    REQUIRE(first(at + 1) == topics.t[i + 1].body);
    REQUIRE(first(at - 1) == topics.t[i].body);
  }
  const ReadResult behind =
      ReadTopic(*topics.engine, "t", topics.engine->log().front().claimed_end());
  CHECK(behind.outcome() == ReadOutcome::kAtEnd);
}

TEST_CASE("a filter over a topic gives what it matches, and moves on over what it does not") {
  Topics topics;
  Words expected;
  for (const Appended& one : topics.t) {
    if (std::stoi(one.body) % 4 == 0) expected.push_back(one.body);
  }
  CHECK(BodiesOf(ReadTopic(*topics.engine, "t", LogPosition(0),
                           {.max_messages = 1000, .tags = "four"})) == expected);
  const ReadResult none = ReadTopic(*topics.engine, "t", LogPosition(0), {.tags = "five"});
  CHECK(none.outcome() == ReadOutcome::kNoMatch);
  CHECK(none.next_position() > topics.t.back().position);
  CHECK(ReadTopic(*topics.engine, "t", none.next_position(), {.tags = "five"}).outcome() ==
        ReadOutcome::kAtEnd);
}

TEST_CASE("an open claim in one queue ends what is seen of the topic, also of its other queues") {
  Topics topics;
  Engine& engine = *topics.engine;
  auto claim = engine.Claim({.topic = "t", .queue_id = 3}, 4, absl::InfiniteDuration());
  REQUIRE(claim.ok());
  Append(engine, {.topic = "t", .queue_id = 0, .body = "behind"});
  const LogPosition end = topics.t.back().position + 8;

  const ReadResult before = ReadTopic(engine, "t", end);
  CHECK(before.outcome() == ReadOutcome::kAtEnd);
  CHECK(before.next_position() == end);
  CHECK(ReadTopic(engine, "t", end, {.tags = "none"}).outcome() == ReadOutcome::kAtEnd);
  claim->body[0] = 'c';
  REQUIRE(engine.Commit(*claim, 1, {}).ok());
  CHECK(BodiesOf(ReadTopic(engine, "t", end)) == Words{"c", "behind"});
}

TEST_CASE("damage in a topic is told once, with where to go on, and the rest is read") {
  Topics topics;
  Close(*topics.engine);
  topics.engine = nullptr;
  FlipBit(topics.disk, topics.t[10].position + 60);
  topics.engine = OpenEngine(SmallOptions(topics.disk, topics.clock));

  std::vector<std::string> seen;
  int damages = 0;
  for (LogPosition position(0);;) {
    const ReadResult result = ReadTopic(*topics.engine, "t", position);
    if (result.outcome() == ReadOutcome::kAtEnd) break;
    if (result.outcome() == ReadOutcome::kDamaged) {
      ++damages;
      REQUIRE(result.damage().has_value());
      CHECK_FALSE(result.damage()->reason.empty());
    }
    for (const MessageView& message : result) seen.emplace_back(message.body());
    REQUIRE(result.next_position() > position);
    position = result.next_position();
  }
  Words expected;
  for (const Appended& one : topics.t) {
    if (one.position != topics.t[10].position) expected.push_back(one.body);
  }
  CHECK(seen == expected);
  CHECK(damages == 1);
}

TEST_CASE("a position gives its message, with the queue that it was appended to") {
  Topics topics;
  const bool is_sealed = GENERATE(true, false);
  if (is_sealed) SealAll(*topics.engine);
  for (const Appended& one : topics.t) {
    const auto found = topics.engine->reader().ReadAt(one.position);
    INFO(found.status());
    REQUIRE(found.ok());
    CHECK(found->outcome() == ReadOutcome::kFound);
    CHECK((*found)[0].body() == one.body);
    CHECK((*found)[0].topic() == "t");
    CHECK((*found)[0].queue_id() < 2);  // never a further queue
  }
}

TEST_CASE("a position where something else than a message begins gives nothing") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  const LogPosition catalogue = [&] {
    REQUIRE(engine->CreateTopic("t", {.queue_count = 2}).ok());
    return Find(*engine, "t").created;
  }();
  const std::vector<Message> two = {{.topic = "t", .queue_id = 0, .body = "one"},
                                    {.topic = "t", .queue_id = 1, .body = "two"}};
  const auto group = engine->AppendAll(two, {});
  REQUIRE(group.ok());
  auto claim = engine->Claim({.topic = "t", .queue_id = 0}, 8, absl::InfiniteDuration());
  REQUIRE(claim.ok());
  const LogPosition voided = claim->reservation.position;
  const auto at = [&](LogPosition position) { return engine->reader().ReadAt(position); };

  CHECK(absl::IsOutOfRange(at(voided).status()));  // not there yet
  engine->Abandon(*claim);
  const Receipt last = Append(*engine, {.topic = "t", .queue_id = 0, .body = "last"});
  CHECK(absl::IsNotFound(at(voided).status()));
  CHECK(absl::IsNotFound(at(catalogue).status()));
  CHECK(absl::IsNotFound(at((*group)[0].position - internal::kRecordHeaderBytes).status()));
  CHECK(absl::IsNotFound(at(LogPosition(0)).status()));
  // Members of a group are messages like others.
  CHECK(BodiesOf(*at((*group)[0].position)) == Words{"one"});
  CHECK(BodiesOf(*at((*group)[1].position)) == Words{"two"});
  CHECK((*at((*group)[1].position))[0].queue_id() == 1);

  CHECK(BodiesOf(*at(last.position)) == Words{"last"});
  for (LogPosition inside = last.position + 1; inside < last.end; inside += 1) {
    CHECK(absl::IsNotFound(at(inside).status()));
  }
  CHECK(absl::IsOutOfRange(at(last.end).status()));
  CHECK(absl::IsOutOfRange(at(last.end + 1000).status()));
}

TEST_CASE("what was dropped is out of range, what is damaged is data loss, not nothing") {
  Topics topics;
  Close(*topics.engine);
  topics.engine = nullptr;
  FlipBit(topics.disk, topics.t[60].position + 60);
  topics.engine = OpenEngine(SmallOptions(topics.disk, topics.clock));
  const auto at = [&](LogPosition position) {
    return topics.engine->reader().ReadAt(position).status();
  };
  const absl::Status damaged = at(topics.t[60].position);
  CHECK(absl::IsDataLoss(damaged));
  CHECK(absl::StrContains(damaged.message(), "0000"));  // the file
  CHECK(absl::IsNotFound(at(topics.t[61].position + 8)));

  REQUIRE(topics.engine->log().TrimTo(topics.t[40].position).ok());
  CHECK(absl::IsOutOfRange(at(topics.t[0].position)));
  CHECK(at(topics.t[41].position).ok());
}

}  // namespace
}  // namespace weir::testing
