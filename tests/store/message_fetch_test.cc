#include "store/message_fetch.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "store/small_engine.h"

namespace weir::testing {
namespace {

using internal::MessageFetch;
using internal::QueueEntry;
using Got = MessageFetch::Got;

struct Store {
  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<Engine> engine;

  explicit Store(Visibility visibility = Visibility::kOnAppend) {
    StoreOptions options = SmallOptions(disk, clock);
    options.visibility = visibility;
    engine = OpenEngine(options);
  }

  Engine::Claimed Claim(const Message& message, absl::string_view body) {
    auto claimed = engine->Claim(message, body.size(), absl::InfiniteDuration());
    INFO(claimed.status());
    REQUIRE(claimed.ok());
    std::memcpy(claimed->body, body.data(), body.size());
    return *std::move(claimed);
  }
  QueueEntry EntryOf(uint32_t queue_id, uint64_t offset) {
    QueueEntry entry;
    const uint32_t number = Find(*engine, "t").first_queue + queue_id;
    REQUIRE(engine->queues().queue(number).CopyEntries(offset, 1, &entry) == 1);
    return entry;
  }
  struct Answer {
    Got got;
    std::string body;
    DamagedRange damage;
  };
  Answer Get(const QueueEntry& entry, uint64_t offset, absl::string_view expression = "*",
             uint32_t queue_id = 0) {
    const auto wanted = Wanted::Of({.tags = expression});
    internal::ReadMemory memory;
    MessageFetch fetch(engine->view(), *wanted, memory);
    const Topic::Entry& topic = Find(*engine, "t");
    const auto got = fetch.Get(entry, topic, topic.first_queue + queue_id, offset);
    INFO(got.status());
    REQUIRE(got.ok());
    Answer answer{.got = *got, .body = "", .damage = {}};
    if (*got == Got::kMessage) {
      answer.body = std::string(internal::DecodeParts(fetch.record())->body);
      CHECK(fetch.record_bytes() == internal::LoadHeader(fetch.record()).bytes());
    }
    if (*got == Got::kDamaged) answer.damage = fetch.damage();
    return answer;
  }
};

TEST_CASE("a filter does not step over an open claim, whether its tag would match or not") {
  Store store;
  Append(*store.engine, {.topic = "t", .queue_id = 0, .tag = "B", .body = "before"});
  Engine::Claimed claim = store.Claim({.topic = "t", .queue_id = 0, .tag = "A"}, "claimed");
  Append(*store.engine, {.topic = "t", .queue_id = 0, .tag = "B", .body = "behind"});
  Append(*store.engine, {.topic = "t", .queue_id = 1, .tag = "B", .body = "elsewhere"});

  for (const absl::string_view tags : {"*", "A", "B", "none"}) {
    CAPTURE(tags);
    const ReadResult result = Read(*store.engine, "t", 0, 1, {.tags = tags});
    CHECK(result.outcome() == ReadOutcome::kAtEnd);
    CHECK(result.next_offset() == QueueOffset(1));
  }
  const ReadResult until = Read(*store.engine, "t", 0, 0, {.tags = "B"});
  CHECK(BodiesOf(until) == Words{"before"});
  CHECK(until.next_offset() == QueueOffset(1));
  const ReadResult none = Read(*store.engine, "t", 0, 0, {.tags = "none"});
  CHECK(none.outcome() == ReadOutcome::kNoMatch);
  CHECK(none.next_offset() == QueueOffset(1));
  // Other queues do not wait.
  CHECK(BodiesOf(Read(*store.engine, "t", 1, 0)) == Words{"elsewhere"});

  const bool commits = GENERATE(true, false);
  if (commits) {
    REQUIRE(store.engine->Commit(claim, 7, {}).ok());
  } else {
    store.engine->Abandon(claim);
  }
  CHECK(BodiesOf(Read(*store.engine, "t", 0, 1, {.tags = "B"})) == Words{"behind"});
  CHECK(BodiesOf(Read(*store.engine, "t", 0, 0)) ==
        (commits ? Words{"before", "claimed", "behind"} : Words{"before", "behind"}));
}

TEST_CASE("a claim at the end of its queue is not there yet, for bounds and reads alike") {
  Store store;
  Append(*store.engine, {.topic = "t", .queue_id = 0, .body = "one"});
  Engine::Claimed claim = store.Claim({.topic = "t", .queue_id = 0}, "two");
  const uint32_t number = Find(*store.engine, "t").first_queue;

  CHECK(store.engine->reader().Bounds(number).end == QueueOffset(1));
  CHECK(Read(*store.engine, "t", 0, 1).outcome() == ReadOutcome::kAtEnd);
  const ReadResult beyond = Read(*store.engine, "t", 0, 2);
  CHECK(beyond.outcome() == ReadOutcome::kBeyondEnd);
  CHECK(beyond.next_offset() == QueueOffset(1));
  CHECK_FALSE(store.engine->reader().HasMore(number, 1));

  REQUIRE(store.engine->Commit(claim, 3, {}).ok());
  CHECK(store.engine->reader().Bounds(number).end == QueueOffset(2));
  CHECK(store.engine->reader().HasMore(number, 1));
  CHECK(BodiesOf(Read(*store.engine, "t", 0, 1)) == Words{"two"});
}

TEST_CASE("what is not visible yet is not stepped over by a filter either") {
  Store store(Visibility::kOnDurable);
  Append(*store.engine, {.topic = "t", .queue_id = 0, .tag = "A", .body = "one"});
  Append(*store.engine, {.topic = "t", .queue_id = 0, .tag = "B", .body = "two"});
  for (const absl::string_view tags : {"*", "A", "none"}) {
    const ReadResult result = Read(*store.engine, "t", 0, 0, {.tags = tags});
    CHECK(result.outcome() == ReadOutcome::kAtEnd);
    CHECK(result.next_offset() == QueueOffset(0));
  }
  REQUIRE(store.engine->log().Flush(internal::kNever).ok());
  CHECK(BodiesOf(Read(*store.engine, "t", 0, 0, {.tags = "B"})) == Words{"two"});
}

TEST_CASE("an entry gives its message, and what its tag or a void says to skip is skipped") {
  Store store;
  Append(*store.engine, {.topic = "t", .queue_id = 0, .tag = "A", .body = "one"});
  Engine::Claimed claim = store.Claim({.topic = "t", .queue_id = 0, .tag = "A"}, "void");
  CHECK(store.Get(store.EntryOf(0, 1), 1).got == Got::kNotYet);
  store.engine->Abandon(claim);

  CHECK(store.Get(store.EntryOf(0, 0), 0).body == "one");
  CHECK(store.Get(store.EntryOf(0, 0), 0, "A || B").body == "one");
  CHECK(store.Get(store.EntryOf(0, 0), 0, "B").got == Got::kSkip);
  CHECK(store.Get(store.EntryOf(0, 1), 1).got == Got::kSkip);
  CHECK(store.Get(store.EntryOf(0, 1), 1, "A").got == Got::kSkip);
  // The filter word is a hint: the tag itself decides.
  QueueEntry lying = store.EntryOf(0, 0);
  lying.filter = internal::FilterWord("B");
  CHECK(store.Get(lying, 0, "B").got == Got::kSkip);
}

TEST_CASE("a whole record that is not the one its queue says is damage, never a message") {
  Store store;
  const std::vector<QueueRef> further = {{"t", 1}};
  Append(*store.engine, {.topic = "t", .queue_id = 0, .body = "one"});
  Append(*store.engine, {.topic = "t", .queue_id = 0, .further_queues = further, .body = "two"});
  const QueueEntry one = store.EntryOf(0, 0);
  const QueueEntry two = store.EntryOf(0, 1);

  CHECK(store.Get(two, 1).body == "two");
  CHECK(store.Get(two, 0, "*", 1).body == "two");
  CHECK(store.Get(one, 1).got == Got::kDamaged);          // another offset
  CHECK(store.Get(one, 0, "*", 1).got == Got::kDamaged);  // another queue
  CHECK(store.Get(two, 1, "*", 1).got == Got::kDamaged);  // the other queue's offset
  const auto catalogue = store.engine->catalogue().Find("t")->created;
  const Store::Answer answer = store.Get({.position = catalogue}, 0);
  CHECK(answer.got == Got::kDamaged);
  CHECK(answer.damage.begin == catalogue);
  CHECK_FALSE(answer.damage.reason.empty());
}

TEST_CASE("a hole and a damaged record say so, and where what is whole begins again") {
  Store store;
  std::vector<Receipt> receipts = AppendNumbered(*store.engine, 0, 40, 100);
  Close(*store.engine);
  store.engine = nullptr;
  FlipBit(store.disk, receipts[3].position + 60);
  store.engine = OpenEngine(SmallOptions(store.disk, store.clock));

  const Store::Answer hole = store.Get({.position = QueueEntry::kHole}, 3);
  CHECK(hole.got == Got::kDamaged);
  CHECK_FALSE(hole.damage.reason.empty());
  const Store::Answer bad = store.Get({.position = receipts[3].position}, 3);
  CHECK(bad.got == Got::kDamaged);
  CHECK(bad.damage.begin == receipts[3].position);
  CHECK(bad.damage.end == receipts[4].position);
  CHECK(store.Get({.position = receipts[4].position}, 4).body == Numbered(4, 100));
  // Whom the tag does not interest is not stopped by it: the record is not read.
  CHECK(store.Get({.position = receipts[3].position, .filter = 7}, 3, "A").got == Got::kSkip);
}

TEST_CASE("a record whose segment was dropped is removed, not damaged") {
  Store store;
  std::vector<Receipt> receipts = AppendNumbered(*store.engine, 0, 60, 300);
  REQUIRE(store.engine->log().Flush(internal::kNever).ok());
  REQUIRE(store.engine->log().TrimTo(LogPosition(3 * kSegment)).ok());
  CHECK(store.Get({.position = receipts[0].position}, 0).got == Got::kRemoved);
  CHECK(store.Get({.position = receipts[59].position}, 59).body == Numbered(59, 300));
}

}  // namespace
}  // namespace weir::testing
