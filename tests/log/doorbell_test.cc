#include "log/doorbell.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <utility>

#include "support/fault_file_system.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr SharedMemorySize kBells{.header_bytes = kDoorbellBytes, .ring_bytes = 0};

std::unique_ptr<SharedMemory> PrivateBells(FaultFileSystem& machine) {
  auto memory = machine.CreatePrivate(kBells);
  REQUIRE(memory.ok());
  return *std::move(memory);
}

// Sleeps until `reached` is at least `wanted`; for ever if a ring is lost.
void WaitUntil(Doorbell& bell, std::atomic<uint32_t>& word, const std::atomic<int>& reached,
               int wanted) {
  const auto ready = [&] { return reached.load(std::memory_order_acquire) >= wanted; };
  while (!ready()) bell.Wait(word, absl::InfiniteDuration(), ready);
}

TEST_CASE("who rings for nobody wakes nobody") {
  FaultFileSystem machine;
  Doorbell bell(PrivateBells(machine), /*other_process=*/false);
  bell.RingQueue(3);
  bell.RingLog();
  bell.RingAll();

  CHECK(bell.rings() == 0);
}

TEST_CASE("a wait for what is there already does not sleep") {
  FaultFileSystem machine;
  Doorbell bell(PrivateBells(machine), /*other_process=*/false);
  int looks = 0;

  bell.Wait(bell.queue_word(3), absl::InfiniteDuration(), [&] { return ++looks == 1; });

  CHECK(looks == 1);
}

TEST_CASE("who waits for another process looks again when he has lain down, without a ring") {
  FaultFileSystem machine;
  Doorbell bell(PrivateBells(machine), /*other_process=*/true);
  int looks = 0;

  bell.Wait(bell.queue_word(3), absl::InfiniteDuration(), [&] { return ++looks == 2; });

  CHECK(looks == 2);
  CHECK(bell.rings() == 0);
}

TEST_CASE("who gave up waiting costs one ring, of his word only") {
  FaultFileSystem machine;
  Doorbell bell(PrivateBells(machine), /*other_process=*/false);
  bell.Wait(bell.queue_word(3), absl::ZeroDuration(), [] { return false; });

  bell.RingQueue(4);
  bell.RingLog();
  CHECK(bell.rings() == 0);
  bell.RingQueue(3);
  bell.RingQueue(3);
  CHECK(bell.rings() == 1);
}

TEST_CASE("every queue has a word, and none has the word of the log") {
  FaultFileSystem machine;
  Doorbell bell(PrivateBells(machine), /*other_process=*/false);
  for (const uint32_t queue : {0u, 62u, 63u, 1000u, 0xFFFFFFFEu}) {
    bell.Wait(bell.queue_word(queue), absl::ZeroDuration(), [] { return false; });
    CHECK(bell.log_word().load() == 0);
    const uint64_t before = bell.rings();
    bell.RingQueue(queue);
    CHECK(bell.rings() == before + 1);
  }
}

TEST_CASE("nobody sleeps over his ring because the next one waits already") {
  FaultFileSystem machine;
  Doorbell bell(PrivateBells(machine), /*other_process=*/false);
  std::atomic<uint32_t>& word = bell.queue_word(3);

  // Between his look and his sleep somebody rings, and somebody else begins to wait.
  bell.Wait(word, absl::InfiniteDuration(), [&] {
    bell.RingQueue(3);
    bell.Wait(word, absl::ZeroDuration(), [] { return false; });
    return false;
  });

  CHECK(bell.rings() == 1);
}

TEST_CASE("no ring is lost, however it meets the one who is about to sleep") {
  constexpr int kTurns = 20'000;
  FaultFileSystem machine;
  Doorbell bell(PrivateBells(machine), /*other_process=*/false);
  std::atomic<int> asked{0};
  std::atomic<int> answered{0};
  std::thread other([&] {
    for (int turn = 1; turn <= kTurns; ++turn) {
      WaitUntil(bell, bell.queue_word(5), asked, turn);
      answered.store(turn, std::memory_order_release);
      bell.RingLog();
    }
  });

  for (int turn = 1; turn <= kTurns; ++turn) {
    asked.store(turn, std::memory_order_release);
    bell.RingQueue(5);
    WaitUntil(bell, bell.log_word(), answered, turn);
  }
  other.join();

  CHECK(answered == kTurns);
}

TEST_CASE("all who wait on one word wake, whichever of its queues rings") {
  constexpr uint32_t kQueue = 7;
  constexpr uint32_t kOfTheSameWord = kQueue + kQueueDoorbells;
  FaultFileSystem machine;
  Doorbell bell(PrivateBells(machine), /*other_process=*/false);
  REQUIRE(&bell.queue_word(kQueue) == &bell.queue_word(kOfTheSameWord));
  std::atomic<int> reached{0};
  std::atomic<int> woken{0};
  const auto wait = [&] {
    for (int turn = 1; turn <= 1000; ++turn) {
      WaitUntil(bell, bell.queue_word(kQueue), reached, turn);
    }
    woken += 1;
  };
  std::thread one(wait);
  std::thread two(wait);

  for (int turn = 1; turn <= 1000; ++turn) {
    reached.store(turn, std::memory_order_release);
    bell.RingQueue(turn % 2 == 0 ? kQueue : kOfTheSameWord);
  }
  one.join();
  two.join();

  CHECK(woken == 2);
}

TEST_CASE("a change that is nobody's record wakes those who follow the log and those of a queue") {
  FaultFileSystem machine;
  Doorbell bell(PrivateBells(machine), /*other_process=*/false);
  std::atomic<int> changed{0};
  std::thread follower([&] { WaitUntil(bell, bell.log_word(), changed, 1); });
  std::thread reader([&] { WaitUntil(bell, bell.queue_word(62), changed, 1); });

  changed.store(1, std::memory_order_release);
  bell.RingAll();
  follower.join();
  reader.join();

  CHECK(bell.rings() <= 2);
}

TEST_CASE("a reader with a doorbell of its own over the same memory is woken") {
  constexpr int kTurns = 5000;
  FaultFileSystem machine;
  auto made = machine.CreateShared("", "bells", kBells);
  REQUIRE(made.ok());
  auto other = machine.AnotherProcess();
  auto found = other->OpenShared("", "bells", kDoorbellBytes, OpenMode::kReadWrite);
  REQUIRE(found.ok());
  Doorbell writer(*std::move(made), /*other_process=*/false);
  Doorbell reader(*std::move(found), /*other_process=*/true);
  std::atomic<int> published{0};
  std::atomic<int> seen{0};
  std::thread thread([&] {
    for (int turn = 1; turn <= kTurns; ++turn) {
      WaitUntil(reader, reader.queue_word(1), published, turn);
      seen.store(turn, std::memory_order_release);
    }
  });

  for (int turn = 1; turn <= kTurns; ++turn) {
    published.store(turn, std::memory_order_release);
    writer.RingQueue(1);
    if (turn % 3 == 0) {
      while (seen.load(std::memory_order_acquire) < turn) std::this_thread::yield();
    }
  }
  thread.join();

  CHECK(seen == kTurns);
}

}  // namespace
}  // namespace weir::testing
