// Reads that want only some of the messages: by tag, by filter, and as the host decides.

#include <catch2/catch.hpp>
#include <string>

#include "api/small_store.h"
#include "weir/filter.h"

namespace weir::testing {
namespace {

Filter Compiled(absl::string_view expression) {
  const auto filter = Filter::Compile(expression);
  INFO(filter.status());
  REQUIRE(filter.ok());
  return *filter;
}

// Orders 0 to 9, whose price is ten times their number, in two queues by turns; every third is a
// sale.
class Orders {
 public:
  Orders() : store(OpenStore(SmallOptions(disk, clock))) {
    for (uint32_t i = 0; i < 10; ++i) {
      const std::string price = std::to_string(i * 10);
      Append(*store, {.topic = "orders",
                      .queue_id = i % 2,
                      .tag = i % 3 == 0 ? "sale" : "buy",
                      .properties = {{"price", price}},
                      .body = std::to_string(i)});
    }
  }

  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<MessageStore> store;
};

TEST_CASE("a filtered read gives what is wanted: forwards, backwards and in the log's order") {
  Orders orders;
  const ReadOptions dear{.filter = Compiled("price >= 40")};
  CHECK(BodiesOf(Read(*orders.store, "orders", 0, 0, dear)) == Words{"4", "6", "8"});
  CHECK(BodiesOf(*orders.store->ReadBackwards("orders", 1, QueueOffset(5), dear)) ==
        Words{"9", "7", "5"});
  CHECK(BodiesOf(*orders.store->ReadTopic("orders", LogPosition(0), dear)) ==
        Words{"4", "5", "6", "7", "8", "9"});

  const ReadOptions dear_sales{.tags = "sale", .filter = Compiled("price >= 40")};
  CHECK(BodiesOf(*orders.store->ReadTopic("orders", LogPosition(0), dear_sales)) ==
        Words{"6", "9"});
}

TEST_CASE("a filtered read goes on where it ended, and says when nothing was wanted") {
  Orders orders;
  const ReadOptions one{.max_messages = 1, .filter = Compiled("price IN (40, 80)")};
  const ReadResult first = Read(*orders.store, "orders", 0, 0, one);
  CHECK(BodiesOf(first) == Words{"4"});
  CHECK(first.next_offset() == QueueOffset(3));
  const ReadResult second = Read(*orders.store, "orders", 0, 3, one);
  CHECK(BodiesOf(second) == Words{"8"});

  const ReadOptions none{.filter = Compiled("price > 1000")};
  const ReadResult nothing = Read(*orders.store, "orders", 0, 0, none);
  CHECK(nothing.outcome() == ReadOutcome::kNoMatch);
  CHECK(nothing.next_offset() == QueueOffset(5));
  CHECK(Read(*orders.store, "orders", 0, 5, none).outcome() == ReadOutcome::kAtEnd);
  const auto backwards = orders.store->ReadBackwards("orders", 0, QueueOffset(5), none);
  CHECK(backwards->outcome() == ReadOutcome::kNoMatch);
  CHECK(backwards->next_offset() == QueueOffset(0));
}

TEST_CASE("the host decides last, and only of what is wanted otherwise") {
  Orders orders;
  Words asked;
  const ReadOptions options{.tags = "buy",
                            .filter = Compiled("price > 10"),
                            .predicate = [&](const MessageView& message) {
                              CHECK(message.topic() == "orders");
                              CHECK(message.queue_id() == 0);
                              asked.emplace_back(message.body());
                              return message.body() != "4";
                            }};
  const ReadResult result = Read(*orders.store, "orders", 0, 0, options);
  CHECK(asked == Words{"2", "4", "8"});
  CHECK(BodiesOf(result) == Words{"2", "8"});
  CHECK(result.messages()[1].queue_offset() == QueueOffset(4));
}

TEST_CASE("a read that wants nothing of a long queue ends after 16,384 messages") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.segment_bytes = 1 << 20;
  options.front_bytes = 4 << 20;
  auto store = OpenStore(options);
  for (int i = 0; i < 17'000; ++i) {
    Append(*store, {.topic = "t", .queue_id = 0, .body = "x"});
    if (i % 1000 == 0) store->RunOnce();
  }
  const ReadOptions none{.filter = Compiled("missing = 1")};
  const ReadResult first = Read(*store, "t", 0, 0, none);
  CHECK(first.outcome() == ReadOutcome::kNoMatch);
  CHECK(first.next_offset() == QueueOffset(16'384));
  CHECK(Read(*store, "t", 0, 16'384, none).next_offset() == QueueOffset(17'000));
}

TEST_CASE("a read that wants nothing of large messages ends after 4 MiB of them") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.segment_bytes = 1 << 20;
  options.front_bytes = 4 << 20;
  auto store = OpenStore(options);
  const std::string body(100'000, 'x');
  for (int i = 0; i < 60; ++i) {
    Append(*store, {.topic = "t", .queue_id = 0, .body = body});
    store->RunOnce();
  }
  const ReadOptions none{.predicate = [](const MessageView&) { return false; }};
  const ReadResult first = Read(*store, "t", 0, 0, none);
  CHECK(first.outcome() == ReadOutcome::kNoMatch);
  CHECK(first.next_offset() == QueueOffset(42));
  const auto whole = store->ReadTopic("t", LogPosition(0), none);
  CHECK(whole->outcome() == ReadOutcome::kNoMatch);
  CHECK(whole->next_position() < store->Info().end);
}

}  // namespace
}  // namespace weir::testing
