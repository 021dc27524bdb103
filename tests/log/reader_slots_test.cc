#include "log/reader_slots.h"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "log/reader_thread.h"

namespace weir::testing {
namespace {

using internal::ReaderSlots;
using Guard = ReaderSlots::Guard;
using Readers = std::vector<std::unique_ptr<ReaderThread>>;

Readers ReadersIn(ReaderSlots& slots, size_t count) {
  Readers readers;
  for (size_t i = 0; i < count; ++i) readers.push_back(std::make_unique<ReaderThread>(slots));
  return readers;
}

TEST_CASE("a moment is quiet when every reader that came before it is gone") {
  ReaderSlots slots;
  CHECK(slots.QuietSince(slots.Advance()));
  ReaderThread one(slots);
  const uint64_t first = slots.Advance();
  ReaderThread two(slots);
  const uint64_t second = slots.Advance();
  CHECK_FALSE(slots.QuietSince(first));
  CHECK_FALSE(slots.QuietSince(second));

  one.Leave();

  CHECK(slots.QuietSince(first));
  CHECK_FALSE(slots.QuietSince(second));
  two.Leave();
  CHECK(slots.QuietSince(second));
}

TEST_CASE("readers that come later are not waited for, though there is always one") {
  ReaderSlots slots;
  auto reader = std::make_unique<ReaderThread>(slots);
  for (int i = 0; i < 100; ++i) {
    const uint64_t moment = slots.Advance();
    auto next = std::make_unique<ReaderThread>(slots);
    CHECK_FALSE(slots.QuietSince(moment));
    reader = std::move(next);
    CHECK(slots.QuietSince(moment));
  }
}

TEST_CASE("who is inside twice counts until he left twice, as of when he came first") {
  ReaderSlots slots;
  auto first = std::make_unique<Guard>(slots);
  const uint64_t moment = slots.Advance();
  auto second = std::make_unique<Guard>(slots);

  SECTION("the first goes first") { first.reset(); }
  SECTION("the second goes first") { second.reset(); }

  CHECK_FALSE(slots.QuietSince(moment));
  first.reset();
  second.reset();
  CHECK(slots.QuietSince(moment));
  const Guard again(slots);
  CHECK(slots.QuietSince(moment));
}

TEST_CASE("who is inside two stores at once counts in both") {
  ReaderSlots slots;
  ReaderSlots of_another_store;
  auto guard = std::make_unique<Guard>(slots);
  auto other = std::make_unique<Guard>(of_another_store);
  const uint64_t moment = slots.Advance();
  const uint64_t other_moment = of_another_store.Advance();

  CHECK_FALSE(slots.QuietSince(moment));
  CHECK_FALSE(of_another_store.QuietSince(other_moment));
  guard.reset();
  CHECK(slots.QuietSince(moment));
  CHECK_FALSE(of_another_store.QuietSince(other_moment));
  other.reset();
  CHECK(of_another_store.QuietSince(other_moment));
}

TEST_CASE("each of 64 readers counts, in whatever order they go") {
  ReaderSlots slots;
  Readers readers = ReadersIn(slots, 64);
  const uint64_t moment = slots.Advance();

  for (size_t i = 0; i < readers.size(); ++i) {
    CHECK_FALSE(slots.QuietSince(moment));
    readers[(i * 37) % 64]->Leave();
  }
  CHECK(slots.QuietSince(moment));
}

TEST_CASE("one reader too many waits for the slot of the first that goes, and counts then") {
  ReaderSlots slots;
  Readers readers = ReadersIn(slots, 64);
  std::unique_ptr<ReaderThread> late;
  std::thread maker([&] { late = std::make_unique<ReaderThread>(slots); });

  readers[20]->Leave();
  maker.join();
  readers.clear();
  const uint64_t moment = slots.Advance();
  CHECK_FALSE(slots.QuietSince(moment));
  late->Leave();
  CHECK(slots.QuietSince(moment));
}

TEST_CASE("as many threads as there are slots may each come in twice") {
  constexpr int kThreads = 64;
  ReaderSlots slots;
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      const Guard guard(slots);
      inside += 1;
      inside.notify_all();
      for (int now = inside; now < kThreads; now = inside) inside.wait(now);
      const Guard again(slots);
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(slots.QuietSince(slots.Advance()));
}

TEST_CASE("what readers look at is never used again under them") {
  constexpr int kTurns = 2000;
  // Plain numbers: used again too early, they are torn, and a race that TSAN sees.
  using Memory = std::array<uint64_t, 64>;
  ReaderSlots slots;
  std::array<Memory, 2> memories{};
  std::atomic<const Memory*> current{&memories[0]};
  std::atomic<bool> is_over{false};
  std::atomic<uint64_t> torn{0};
  std::atomic<uint64_t> looks{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      do {
        const Guard guard(slots);
        const Memory& memory = *current.load(std::memory_order_seq_cst);
        for (const uint64_t number : memory) torn += number != memory[0] ? 1 : 0;
        looks += 1;
      } while (!is_over);
    });
  }

  for (uint64_t turn = 1; turn <= kTurns; ++turn) {
    Memory& next = memories[turn % 2];
    next.fill(turn);
    current.store(&next, std::memory_order_seq_cst);
    const uint64_t moment = slots.Advance();
    while (!slots.QuietSince(moment)) std::this_thread::yield();
  }
  is_over = true;
  for (std::thread& reader : readers) reader.join();

  CHECK(torn == 0);
  CHECK(looks > 0);
}

}  // namespace
}  // namespace weir::testing
