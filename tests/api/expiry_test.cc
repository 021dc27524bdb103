// Messages that are not delivered any more from a time on.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "api/small_store.h"

namespace weir::testing {
namespace {

// Three messages of one queue, of which the second expires a minute behind the others.
class Quotes {
 public:
  Quotes() : store(OpenStore(SmallOptions(disk, clock))) {
    Append(*store, {.topic = "quotes", .queue_id = 0, .keys = {"k"}, .body = "first"});
    expiring = Append(*store, {.topic = "quotes",
                               .queue_id = 0,
                               .keys = {"k"},
                               .expires_at = expiry,
                               .body = "expiring"});
    Append(*store, {.topic = "quotes", .queue_id = 0, .keys = {"k"}, .body = "last"});
  }

  void MoveTo(absl::Time time) { clock.SetWallNanos(absl::ToUnixNanos(time)); }
  Words Get(MessageStore& from) {
    const Words forwards = BodiesOf(Read(from, "quotes", 0, 0));
    CHECK(BodiesOf(*from.ReadTopic("quotes", LogPosition(0))) == forwards);
    CHECK(BodiesOf(*from.ReadLast("quotes", 0, 100)) == forwards);
    Words backwards = BodiesOf(*from.ReadBackwards("quotes", 0, QueueOffset(3)));
    std::reverse(backwards.begin(), backwards.end());
    CHECK(backwards == forwards);
    Words found;
    const auto of_key = from.FindByKey("quotes", "k", {.newest_first = false});
    REQUIRE(of_key.ok());
    for (const MessageView& message : *of_key) found.emplace_back(message.body());
    CHECK(found == forwards);
    return forwards;
  }

  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<MessageStore> store;
  const absl::Time expiry = absl::FromUnixNanos(ManualClock::kDefaultWallNanos + 60'000'000'001);
  Receipt expiring;
};

TEST_CASE("a message is delivered until it expires, to the nanosecond, and then by no read") {
  Quotes quotes;
  quotes.MoveTo(quotes.expiry - absl::Nanoseconds(1));
  CHECK(quotes.Get(*quotes.store) == Words{"first", "expiring", "last"});
  CHECK(Read(*quotes.store, "quotes", 0, 1)[0].expires_at() == quotes.expiry);
  CHECK(Read(*quotes.store, "quotes", 0, 0)[0].expires_at() == absl::InfiniteFuture());

  quotes.MoveTo(quotes.expiry);
  CHECK(quotes.Get(*quotes.store) == Words{"first", "last"});
}

TEST_CASE("an expired message keeps its offset, and its place shows it") {
  Quotes quotes;
  quotes.MoveTo(quotes.expiry + absl::Hours(1));
  CHECK(quotes.store->Bounds("quotes", 0)->end == QueueOffset(3));
  CHECK(Read(*quotes.store, "quotes", 0, 0)[1].queue_offset() == QueueOffset(2));
  const ReadResult one = Read(*quotes.store, "quotes", 0, 1, {.max_messages = 1});
  CHECK(BodiesOf(one) == Words{"last"});
  const auto at = quotes.store->ReadAt(quotes.expiring.position);
  REQUIRE(at.ok());
  CHECK((*at)[0].body() == "expiring");
  CHECK(quotes.store->FindById(*quotes.store->IdOf(quotes.expiring.position)).ok());
}

TEST_CASE("a queue of nothing but expired messages matches nothing, and reading goes on behind") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const absl::Time now = absl::FromUnixNanos(ManualClock::kDefaultWallNanos);
  for (int i = 0; i < 5; ++i) {
    Append(*store, {.topic = "t", .queue_id = 0, .expires_at = now - absl::Hours(1), .body = "x"});
  }
  const ReadResult result = Read(*store, "t", 0, 0);
  CHECK(result.outcome() == ReadOutcome::kNoMatch);
  CHECK(result.next_offset() == QueueOffset(5));
}

TEST_CASE("messages expire for sealed segments, claims, batches, readers and the next open, too") {
  FaultFileSystem disk;
  ManualClock clock;
  const StoreOptions options = SmallOptions(disk, clock);
  auto store = OpenStore(options);
  const absl::Time expiry = absl::FromUnixNanos(ManualClock::kDefaultWallNanos) + absl::Hours(24);
  auto claim = store->Claim({.topic = "t", .queue_id = 0, .expires_at = expiry}, 7);
  REQUIRE(claim.ok());
  memcpy(claim->body().data(), "claimed", 7);
  REQUIRE(claim->Commit(7).ok());
  const std::vector<Message> batch = {
      {.topic = "t", .queue_id = 0, .expires_at = expiry, .body = "batched"},
      {.topic = "t", .queue_id = 0, .body = "stays"}};
  REQUIRE(store->Append(batch).ok());
  for (int i = 0; i < 20; ++i) Append(*store, {.topic = "u", .body = std::string(900, 'x')});
  RunUntilIdle(*store, clock);
  CHECK(AllOf(*store, "t", 0) == Words{"claimed", "batched", "stays"});

  clock.SetWallNanos(absl::ToUnixNanos(expiry));
  CHECK(AllOf(*store, "t", 0) == Words{"stays"});
  const auto process = disk.AnotherProcess();
  StoreOptions reading = SmallOptions(*process, clock);
  reading.read_only = true;
  CHECK(AllOf(*OpenStore(reading), "t", 0) == Words{"stays"});
  Close(*store);
  store = OpenStore(options);
  CHECK(AllOf(*store, "t", 0) == Words{"stays"});
}

}  // namespace
}  // namespace weir::testing
