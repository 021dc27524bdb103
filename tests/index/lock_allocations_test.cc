// What is allocated under the lock that every producer takes: nothing.

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "index/consume_queues.h"

namespace {

// Counts what the thread that sets `watched` allocates while somebody holds that lock.
thread_local weir::internal::Mutex* watched = nullptr;
thread_local uint64_t under_lock = 0;

}  // namespace

// Not inlined: compilers take the pair for a mismatch otherwise.
[[gnu::noinline]] void* operator new(size_t size) {
  if (watched != nullptr && watched->TryLock()) {
    watched->Unlock();
  } else if (watched != nullptr) {
    ++under_lock;
  }
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace weir::internal {
namespace {

TEST_CASE("forgetting takes no memory while it holds the lock that producers wait for") {
  ReaderSlots readers;
  Mutex append_lock;
  ConsumeQueues queues(&readers, &append_lock);
  REQUIRE(queues.Add(0, 1).ok());
  ConsumeQueue& queue = queues.queue(0);
  const auto enter = [&] {
    queues.MakeRoom(0, 1);
    MutexLock lock(append_lock);
    queue.Enter({.position = LogPosition(queue.end() * 8)});
  };
  for (const uint64_t kept : {0u, 5u, 50'000u}) {
    for (int i = 0; i < 100'000; ++i) enter();
    under_lock = 0;
    watched = &append_lock;
    queues.ForgetBelow(0, queue.end() - kept, {LogPosition(0), QueueOffset(0)});
    watched = nullptr;
    CHECK(under_lock == 0);
    CHECK(queue.memory_first() == queue.end() - kept);
  }
  under_lock = 0;
  watched = &append_lock;
  for (int i = 0; i < 10'000; ++i) enter();
  watched = nullptr;
  CHECK(under_lock == 0);
}

}  // namespace
}  // namespace weir::internal
