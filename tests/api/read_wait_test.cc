// Reads that wait: they sleep until something comes for them, and not for ever.

#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "api/small_store.h"

namespace weir::testing {
namespace {

StoreOptions ThreadedOptions(FaultFileSystem& disk, ManualClock& clock) {
  StoreOptions options = SmallOptions(disk, clock);
  options.background = Background::kThreads;
  options.segment_bytes = 1 << 20;
  options.front_bytes = 1 << 20;
  return options;
}

TEST_CASE("who waits for a topic sleeps again when only other topics get messages") {
  FaultFileSystem disk;
  ManualClock clock;  // stands still: no wait ever ends by itself
  auto store = OpenStore(ThreadedOptions(disk, clock));
  REQUIRE(store->CreateTopic("quiet", 2).ok());
  Append(*store, {.topic = "busy", .queue_id = 0, .body = "there before"});
  Words seen;
  std::thread reader([&] {
    const auto result =
        store->ReadTopic("quiet", LogPosition(0), {.wait = absl::InfiniteDuration()});
    if (result.ok()) seen = BodiesOf(*result);
  });
  // A bell rings only for who has gone to sleep. The first ring is followed by another one only if
  // the reader found nothing for him and slept again; one that spins never hears any.
  const uint64_t rings = store->Stats().doorbell_rings;
  while (store->Stats().doorbell_rings < rings + 5) {
    Append(*store, {.topic = "busy", .queue_id = 0, .body = "for others"});
    std::this_thread::yield();
  }
  Append(*store, {.topic = "quiet", .queue_id = 1, .body = "at last"});
  reader.join();

  CHECK(seen == Words{"at last"});
}

TEST_CASE("who waits for a queue is not woken by other queues, and is by his own") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(ThreadedOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 2).ok());
  Words seen;
  std::thread reader([&] {
    const auto result = store->Read("t", 1, QueueOffset(0), {.wait = absl::InfiniteDuration()});
    if (result.ok()) seen = BodiesOf(*result);
  });
  for (int i = 0; i < 1000; ++i) Append(*store, {.topic = "t", .queue_id = 0, .body = "other"});
  CHECK(store->Stats().doorbell_rings == 0);
  Append(*store, {.topic = "t", .queue_id = 1, .body = "own"});
  reader.join();
  CHECK(seen == Words{"own"});
}

TEST_CASE("a wait that is over gives what a read without a wait gives") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 1).ok());
  clock.AdvanceAtEveryLook(absl::Seconds(1));
  const ReadResult result = Read(*store, "t", 0, 0, {.wait = absl::Milliseconds(500)});
  CHECK(result.outcome() == ReadOutcome::kAtEnd);
  const auto of_topic = store->ReadTopic(
      "t", LogPosition(0), {.wait = absl::Milliseconds(500), .spin = absl::Milliseconds(500)});
  REQUIRE(of_topic.ok());
  CHECK(of_topic->outcome() == ReadOutcome::kAtEnd);
  // What cannot come is not waited for.
  CHECK(Read(*store, "none", 0, 0, {.wait = absl::InfiniteDuration()}).outcome() ==
        ReadOutcome::kNoSuchQueue);
}

TEST_CASE("closing wakes who waits") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(ThreadedOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 1).ok());
  absl::Status status;
  std::thread reader([&] {
    status = store->Read("t", 0, QueueOffset(0), {.wait = absl::InfiniteDuration()}).status();
  });
  Close(*store);
  reader.join();
  CHECK(absl::IsFailedPrecondition(status));
}

}  // namespace
}  // namespace weir::testing
