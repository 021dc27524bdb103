#include "store/message_finder.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "api/small_store.h"
#include "store/small_engine.h"
#include "support/random.h"

namespace weir::testing {
namespace {

const absl::Time kStart = absl::FromUnixNanos(ManualClock::kDefaultWallNanos);

FindResult Find(MessageStore& store, absl::string_view topic, absl::string_view key,
                const FindOptions& options = {}) {
  absl::StatusOr<FindResult> found = store.FindByKey(topic, key, options);
  INFO(found.status());
  REQUIRE(found.ok());
  return *std::move(found);
}
Words BodiesOf(const FindResult& found) {
  Words bodies;
  for (const MessageView& message : found) bodies.emplace_back(message.body());
  return bodies;
}
MessageId IdOf(MessageStore& store, LogPosition position) {
  const auto id = store.IdOf(position);
  INFO(id.status());
  REQUIRE(id.ok());
  return *id;
}
absl::StatusCode CodeOf(MessageStore& store, const MessageId& id) {
  return store.FindById(id).status().code();
}

// --- By key

TEST_CASE(
    "a message of several queues and topics is found in each topic once, with its queue there") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  for (const char* topic : {"a", "b", "c"}) REQUIRE(store->CreateTopic(topic, 4).ok());
  const std::vector<QueueRef> further = {{"a", 1}, {"a", 3}, {"b", 2}, {"b", 3}};
  Append(*store, {.topic = "b", .queue_id = 3, .keys = {"k"}, .body = "before"});
  Append(*store,
         {.topic = "a", .queue_id = 2, .keys = {"k", "l"}, .further_queues = further, .body = "x"});
  const bool is_sealed = GENERATE(false, true);
  if (is_sealed) {
    AppendNumbered(*store, "c", 0, 40, 200);
    Flush(*store);
    RunUntilIdle(*store, clock);
  }
  const FindResult in_a = Find(*store, "a", "k");
  REQUIRE(in_a.size() == 1);
  CHECK(in_a[0].topic() == "a");
  CHECK(in_a[0].queue_id() == 2);
  CHECK(in_a[0].queue_offset() == QueueOffset(0));
  const FindResult in_b = Find(*store, "b", "k");
  REQUIRE(BodiesOf(in_b) == Words{"x", "before"});
  CHECK(in_b[0].topic() == "b");
  CHECK(in_b[0].queue_id() == 2);
  CHECK(Find(*store, "b", "l").size() == 1);
  CHECK(Find(*store, "c", "k").empty());
}

TEST_CASE("pages leave nothing out and give nothing twice while messages are appended and sealed") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  size_t appended = 0;
  const auto append = [&](size_t count) {
    for (; count > 0; --count, ++appended) {
      Append(*store, {.topic = "t", .keys = {"k"}, .body = Numbered(appended, 100)});
    }
  };
  append(100);
  SECTION("newest first, they go back from where the first one began") {
    Words bodies;
    FindOptions options{.limit = 7};
    for (;;) {
      const FindResult page = Find(*store, "t", "k", options);
      const Words some = BodiesOf(page);
      bodies.insert(bodies.end(), some.begin(), some.end());
      if (page.is_done()) break;
      CHECK(page.size() == 7);
      options.cursor = page.next();
      append(3);
      if (appended % 4 == 0) RunUntilIdle(*store, clock);
    }
    Words expected = NumberedBodies(0, 100, 100);
    std::reverse(expected.begin(), expected.end());
    CHECK(bodies == expected);
  }
  SECTION("oldest first, they follow what is appended, and a cursor outlives the store") {
    Words bodies;
    FindOptions options{.limit = 7, .newest_first = false};
    for (int round = 0; bodies.size() < 250; ++round) {
      const FindResult page = Find(*store, "t", "k", options);
      const Words some = BodiesOf(page);
      bodies.insert(bodies.end(), some.begin(), some.end());
      options.cursor = FindCursor(*page.next().position());
      if (page.is_done()) append(11);
      if (round % 9 == 8) {
        Close(*store);
        store = nullptr;
        store = OpenStore(SmallOptions(disk, clock));
      }
    }
    CHECK(bodies == NumberedBodies(0, bodies.size(), 100));
  }
}

TEST_CASE("a page ends with its bytes, but has one message at least") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  for (size_t i = 0; i < 6; ++i) {
    Append(*store, {.topic = "t", .keys = {"k"}, .body = Numbered(i, 200)});
  }
  const uint64_t bytes = Find(*store, "t", "k")[0].record_bytes();
  const FindResult three = Find(*store, "t", "k", {.max_bytes = 3 * bytes});
  CHECK(three.size() == 3);
  CHECK_FALSE(three.is_done());
  const FindResult one = Find(*store, "t", "k", {.max_bytes = 1, .cursor = three.next()});
  CHECK(BodiesOf(one) == Words{Numbered(2, 200)});
  CHECK(BodiesOf(Find(*store, "t", "k", {.cursor = one.next()})) ==
        Words{Numbered(1, 200), Numbered(0, 200)});
}

TEST_CASE("a search that no message may answer is refused, and an unknown topic is told") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Append(*store, {.topic = "t", .keys = {std::string(255, 'k')}, .body = "x"});
  const auto code = [&](absl::string_view topic, absl::string_view key,
                        const FindOptions& options) {
    return store->FindByKey(topic, key, options).status().code();
  };
  CHECK(code("t", "", {}) == absl::StatusCode::kInvalidArgument);
  CHECK(code("t", std::string(256, 'k'), {}) == absl::StatusCode::kInvalidArgument);
  CHECK(code("t", "k", {.limit = 0}) == absl::StatusCode::kInvalidArgument);
  CHECK(code("t", "k", {.from = kStart, .to = kStart - absl::Nanoseconds(1)}) ==
        absl::StatusCode::kInvalidArgument);
  CHECK(code("none", "k", {}) == absl::StatusCode::kNotFound);
  CHECK(Find(*store, "t", std::string(255, 'k')).size() == 1);
  CHECK(Find(*store, "t", std::string(254, 'k')).empty());
  CHECK(Find(*store, "t", "k").is_done());
}

TEST_CASE("a message of the key that is damaged is told with its range, and the others are found") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<Receipt> receipts;
  {
    auto store = OpenStore(SmallOptions(disk, clock));
    for (size_t i = 0; i < 60; ++i) {
      receipts.push_back(Append(*store, {.topic = "t", .keys = {"k"}, .body = Numbered(i, 150)}));
    }
    Close(*store);
  }
  FlipBit(disk, receipts[20].position + 100);
  auto store = OpenStore(SmallOptions(disk, clock));
  const FindResult found = Find(*store, "t", "k", {.limit = 100, .newest_first = false});
  CHECK(found.is_done());
  CHECK(found.size() == 59);
  REQUIRE(found.damage().size() == 1);
  CHECK(found.damage()[0].begin == receipts[20].position);
  CHECK(found.damage()[0].end == receipts[20].end);
  CHECK_FALSE(found.damage()[0].reason.empty());
}

TEST_CASE("what is not on the disk is not found where only that is visible, nor what is given up") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.visibility = Visibility::kOnDurable;
  options.sync_interval = absl::Hours(1);
  auto store = OpenStore(options);
  REQUIRE(store->CreateTopic("t", 1).ok());
  Append(*store, {.topic = "t", .keys = {"k"}, .body = "one"});
  Flush(*store);
  Append(*store, {.topic = "t", .keys = {"k"}, .body = "two"});
  CHECK(BodiesOf(Find(*store, "t", "k")) == Words{"one"});
  CHECK(*store->OffsetForTime("t", 0, kStart, Boundary::kUpper) == QueueOffset(0));
  CHECK(*store->OffsetForTime("t", 0, kStart + absl::Hours(1), Boundary::kLower) == QueueOffset(1));
  Flush(*store);
  CHECK(BodiesOf(Find(*store, "t", "k")) == Words{"two", "one"});
  {
    auto claim = store->Claim({.topic = "t", .keys = {"k"}}, 10);
    REQUIRE(claim.ok());
  }
  Append(*store, {.topic = "t", .keys = {"k"}, .body = "four"});
  Flush(*store);
  CHECK(BodiesOf(Find(*store, "t", "k")) == Words{"four", "two", "one"});
}

TEST_CASE("an append that is unfinished hides what stands behind it, until it is published") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Append(*store, {.topic = "t", .keys = {"k"}, .body = "one"});
  auto claim = store->Claim({.topic = "t", .keys = {"k"}}, 3);
  REQUIRE(claim.ok());
  Append(*store, {.topic = "t", .keys = {"k"}, .body = "three"});
  CHECK(BodiesOf(Find(*store, "t", "k")) == Words{"one"});
  std::copy_n("two", 3, claim->body().data());
  REQUIRE(claim->Commit(3).ok());
  CHECK(BodiesOf(Find(*store, "t", "k")) == Words{"three", "two", "one"});
}

TEST_CASE("what keys and filters take of memory is counted, and goes when it is sealed or closed") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  CHECK(store->Stats().key_memory_bytes == 0);
  for (size_t i = 0; i < 200; ++i) {
    Append(*store, {.topic = "t", .keys = {absl::StrCat(i)}, .body = Numbered(i, 150)});
  }
  Find(*store, "t", "7");
  const uint64_t unsealed = store->Stats().key_memory_bytes;
  CHECK(unsealed >= 200 * 8);
  CHECK(store->Stats().filter_memory_bytes == 0);
  Flush(*store);
  RunUntilIdle(*store, clock);
  CHECK(store->Stats().key_memory_bytes < unsealed);
  Find(*store, "t", "7");
  CHECK(store->Stats().filter_memory_bytes > 0);
}

TEST_CASE("a time is found among messages behind an open claim, which their queue shows") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const auto append = [&] {
    clock.Advance(absl::Seconds(1));
    return Append(*store, {.topic = "t", .queue_id = 0, .body = "x"}).queue_offset;
  };
  append();
  auto claim = store->Claim({.topic = "t", .queue_id = 1}, 10);
  REQUIRE(claim.ok());
  std::vector<QueueOffset> offsets;
  std::vector<absl::Time> times;
  for (int i = 0; i < 5; ++i) {
    offsets.push_back(append());
    times.push_back(Read(*store, "t", 0, offsets.back().value())[0].store_time());
  }
  for (size_t i = 0; i < times.size(); ++i) {
    CHECK(*store->OffsetForTime("t", 0, times[i], Boundary::kLower) == offsets[i]);
    CHECK(*store->OffsetForTime("t", 0, times[i], Boundary::kUpper) == offsets[i]);
    CHECK(*store->OffsetForTime("t", 0, times[i] + absl::Nanoseconds(1), Boundary::kLower) ==
          offsets[i] + 1);
  }
  CHECK(*store->OffsetForTime("t", 0, absl::InfiniteFuture(), Boundary::kUpper) == offsets.back());
}

TEST_CASE("an open claim of the queue itself is no end of it: later messages have their times") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const auto append = [&] {
    clock.Advance(absl::Seconds(1));
    return Append(*store, {.topic = "t", .queue_id = 0, .body = "x"}).queue_offset;
  };
  const QueueOffset before = append();
  clock.Advance(absl::Seconds(1));
  auto claim = store->Claim({.topic = "t", .queue_id = 0}, 10);
  REQUIRE(claim.ok());
  const QueueOffset behind = append();
  const absl::Time time = Read(*store, "t", 0, behind.value())[0].store_time();
  append();

  CHECK(*store->OffsetForTime("t", 0, time, Boundary::kUpper) == behind);
  CHECK(*store->OffsetForTime("t", 0, time + absl::Nanoseconds(1), Boundary::kLower) == behind + 1);
  CHECK(*store->OffsetForTime("t", 0, absl::InfiniteFuture(), Boundary::kLower) == behind + 2);
  // What is claimed may turn out to be as old as its neighbours: who begins there misses nothing.
  CHECK(*store->OffsetForTime("t", 0, time, Boundary::kLower) == claim->queue_offset());
  CHECK(*store->OffsetForTime("t", 0, time - absl::Nanoseconds(1), Boundary::kUpper) == before);
  REQUIRE(claim->Commit(10).ok());
  CHECK(*store->OffsetForTime("t", 0, time, Boundary::kLower) == behind);
}

TEST_CASE("the times of a queue that begins with an open claim are those of its other messages") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  auto claim = store->Claim({.topic = "t", .queue_id = 0}, 10);
  REQUIRE(claim.ok());
  CHECK(absl::IsNotFound(store->BoundsInTime("t", 0).status()));
  clock.Advance(absl::Seconds(1));
  Append(*store, {.topic = "t", .queue_id = 0, .body = "x"});
  const absl::Time time = Read(*store, "t", 0, 1)[0].store_time();
  const auto bounds = store->BoundsInTime("t", 0);
  REQUIRE(bounds.ok());
  CHECK(bounds->earliest == time);
  CHECK(bounds->latest == time);
  REQUIRE(claim->Commit(10).ok());
  CHECK(store->BoundsInTime("t", 0)->earliest < time);
}

// --- By id

TEST_CASE("an id finds its message, through closing, killing and reading beside the writer") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  std::map<std::string, std::string> bodies;  // by id, as text
  size_t appended = 0;
  const auto append = [&](size_t count) {
    for (; count > 0; --count, ++appended) {
      const std::string body = Numbered(appended, 150);
      const Receipt receipt = Append(*store, {.topic = "t", .body = body});
      bodies[IdOf(*store, receipt.position).ToString()] = body;
    }
  };
  const auto check_all = [&](MessageStore& asked) {
    for (const auto& [text, body] : bodies) {
      const auto id = MessageId::Parse(text);
      REQUIRE(id.ok());
      const auto found = asked.FindById(*id);
      INFO(found.status());
      REQUIRE(found.ok());
      REQUIRE(found->size() == 1);
      CHECK((*found)[0].body() == body);
      CHECK(IdOf(asked, (*found)[0].position()) == *id);
    }
  };
  append(30);
  check_all(*store);
  Close(*store);
  store = OpenStore(SmallOptions(disk, clock));
  append(30);
  check_all(*store);
  CHECK(bodies.size() == 60);

  const auto reading = disk.AnotherProcess();
  StoreOptions options = SmallOptions(*reading, clock);
  options.read_only = true;
  auto reader = OpenStore(options);
  append(5);
  check_all(*reader);

  FaultFileSystem next(disk.ProcessDeath());
  disk.Kill();
  store = nullptr;
  store = OpenStore(SmallOptions(next, clock));
  append(30);
  check_all(*store);
  store = nullptr;  // before the disk it is on
}

TEST_CASE("an id whose message a power loss took says so, and never gives another message") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  std::vector<MessageId> kept;
  std::vector<MessageId> lost;
  const auto append = [&](std::vector<MessageId>* ids) {
    for (size_t i = 0; i < 30; ++i) {
      const Receipt receipt = Append(*store, {.topic = "t", .body = Numbered(i, 150)});
      ids->push_back(IdOf(*store, receipt.position));
    }
  };
  append(&kept);
  Flush(*store);
  append(&lost);
  const bool is_written = GENERATE(false, true);
  if (is_written) store->RunOnce();
  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  disk.Kill();
  store = nullptr;
  store = OpenStore(SmallOptions(after, clock));
  // Before and behind what is appended in their place.
  for (int round = 0; round < 3; ++round) {
    for (const MessageId& id : kept) CHECK(store->FindById(id).ok());
    for (const MessageId& id : lost) {
      const absl::Status status = store->FindById(id).status();
      CAPTURE(status);
      CHECK(absl::IsDataLoss(status));
      CHECK(absl::StrContains(status.message(), "power loss"));
    }
    append(&kept);
  }
  store = nullptr;  // before the disk it is on
}

TEST_CASE("an id that leads nowhere says why") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const Receipt receipt = Append(*store, {.topic = "t", .body = Numbered(1, 150)});
  const MessageId id = IdOf(*store, receipt.position);
  auto claim = store->Claim({.topic = "t"}, 100);
  REQUIRE(claim.ok());
  CHECK(absl::IsNotFound(store->IdOf(claim->position()).status()));
  MessageId of_void = id;
  of_void.position = claim->position();
  CHECK(CodeOf(*store, of_void) == absl::StatusCode::kOutOfRange);  // not visible yet
  *claim = MessageClaim();
  CHECK(CodeOf(*store, of_void) == absl::StatusCode::kNotFound);
  CHECK(absl::IsNotFound(store->IdOf(of_void.position).status()));

  const auto with = [&](auto change) {
    MessageId changed = id;
    change(changed);
    return CodeOf(*store, changed);
  };
  CHECK(with([](MessageId&) {}) == absl::StatusCode::kOk);
  CHECK(with([](MessageId& i) { i.store[3] ^= 1; }) == absl::StatusCode::kInvalidArgument);
  CHECK(with([](MessageId& i) { i.position += 8; }) == absl::StatusCode::kNotFound);
  CHECK(with([](MessageId& i) { i.position += 1; }) == absl::StatusCode::kNotFound);
  CHECK(with([](MessageId& i) { i.position = LogPosition(1 << 30); }) ==
        absl::StatusCode::kOutOfRange);
  // Of a process whose appends are not in the log.
  CHECK(with([](MessageId& i) { i.incarnation ^= 1; }) == absl::StatusCode::kDataLoss);
  CHECK(with([](MessageId& i) {
          i.incarnation ^= 1;
          i.position = LogPosition(1 << 30);
        }) == absl::StatusCode::kDataLoss);
  CHECK(absl::IsNotFound(store->IdOf(LogPosition(1028)).status()));
  CHECK(absl::IsNotFound(store->IdOf(LogPosition(1 << 30)).status()));
}

TEST_CASE("the id of a message that was dropped is out of range, that of a damaged one data loss") {
  FaultFileSystem disk;
  ManualClock clock;
  auto engine = OpenEngine(SmallOptions(disk, clock));
  const std::vector<Receipt> receipts = AppendNumbered(*engine, 0, 60, 150);
  SealAll(*engine);
  const auto first = engine->finder().IdOf(receipts[0].position);
  const auto later = engine->finder().IdOf(receipts[40].position);
  REQUIRE(first.ok());
  REQUIRE(later.ok());
  REQUIRE(engine->log().TrimTo(LogPosition(2 * kSegment)).ok());
  CHECK(absl::IsOutOfRange(engine->finder().FindById(*first).status()));
  CHECK(absl::IsOutOfRange(engine->finder().IdOf(receipts[0].position).status()));
  CHECK(engine->finder().FindById(*later).ok());
  Close(*engine);
  engine = nullptr;
  FlipBit(disk, receipts[40].position + 60);
  auto store = OpenStore(SmallOptions(disk, clock));
  CHECK(CodeOf(*store, *later) == absl::StatusCode::kDataLoss);
  CHECK(CodeOf(*store, *first) == absl::StatusCode::kOutOfRange);
}

// --- By time

TEST_CASE("offsets for times are those of a search through all messages, in every queue") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Random random(GENERATE(uint64_t{1}, 2, 3));
  constexpr uint32_t kQueues = 3;
  REQUIRE(store->CreateTopic("t", kQueues).ok());
  REQUIRE(store->CreateTopic("other", 1).ok());
  std::vector<std::vector<std::optional<absl::Time>>> times(kQueues);  // none: a void
  const auto check = [&] {
    std::vector<absl::Time> probes = {absl::InfinitePast(), absl::InfiniteFuture()};
    for (absl::Duration at; at < absl::FromUnixNanos(clock.WallNanos()) - kStart + absl::Seconds(2);
         at += absl::Milliseconds(500)) {
      probes.push_back(kStart - absl::Milliseconds(500) + at);
    }
    for (uint32_t queue = 0; queue < kQueues; ++queue) {
      const auto& all = times[queue];
      for (const absl::Time probe : probes) {
        size_t lower = all.size();
        size_t upper = 0;
        for (size_t i = all.size(); i-- > 0;) {
          if (all[i] && *all[i] >= probe) lower = i;
        }
        for (size_t i = 0; i < all.size(); ++i) {
          if (all[i] && *all[i] <= probe) upper = i;
        }
        CAPTURE(queue, probe);
        const auto found = store->OffsetForTime("t", queue, probe, Boundary::kLower);
        REQUIRE(found.ok());
        // Voids before it belong to no time.
        REQUIRE(found->value() <= lower);
        for (size_t i = found->value(); i < lower; ++i) REQUIRE_FALSE(all[i].has_value());
        const auto last = store->OffsetForTime("t", queue, probe, Boundary::kUpper);
        REQUIRE(last.ok());
        REQUIRE(last->value() == upper);
      }
    }
  };
  for (int i = 0; i < 150; ++i) {
    if (random.OneIn(2)) clock.Advance(absl::Seconds(1));
    const auto queue = static_cast<uint32_t>(random.Below(kQueues));
    const absl::Time now = absl::FromUnixNanos(clock.WallNanos());
    if (random.OneIn(12)) {
      const auto given_up = store->Claim({.topic = "t", .queue_id = queue}, 20);
      REQUIRE(given_up.ok());
      times[queue].push_back(std::nullopt);
    } else if (random.OneIn(5)) {
      const uint32_t other = (queue + 1) % kQueues;
      const std::vector<QueueRef> further = {{"t", other}};
      Append(*store, {.topic = "t", .queue_id = queue, .further_queues = further, .body = "x"});
      times[queue].push_back(now);
      times[other].push_back(now);
    } else {
      Append(*store, {.topic = "t", .queue_id = queue, .body = Numbered(1, 150)});
      times[queue].push_back(now);
    }
    if (random.OneIn(4)) Append(*store, {.topic = "other", .body = Numbered(2, 200)});
    if (i % 30 == 29) check();
    if (i % 50 == 49) {
      Flush(*store);
      // Seals, without making it later.
      while (store->RunOnce() == absl::ZeroDuration()) {
      }
      check();
    }
    if (i % 70 == 69) {
      Close(*store);
      store = nullptr;
      store = OpenStore(SmallOptions(disk, clock));
      check();
    }
  }
  check();
}

TEST_CASE("a reader of the whole topic begins at a time where the position for it is") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  std::vector<Receipt> receipts;
  for (size_t i = 0; i < 80; ++i) {
    receipts.push_back(Append(*store, {.topic = "t", .body = Numbered(i, 150)}));
    clock.Advance(absl::Seconds(1));
  }
  for (size_t i = 0; i < 80; ++i) {
    const auto position = store->PositionForTime(kStart + absl::Seconds(i) - absl::Milliseconds(1));
    REQUIRE(position.ok());
    CHECK(*position == receipts[i].position);
    const auto read = store->ReadTopic("t", *position, {.max_messages = 1});
    REQUIRE(read.ok());
    CHECK((*read)[0].body() == Numbered(i, 150));
  }
  CHECK(*store->PositionForTime(kStart + absl::Hours(1)) == store->Info().end);
}

}  // namespace
}  // namespace weir::testing
