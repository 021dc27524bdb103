#include "io/membarrier.h"

#include <sys/syscall.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "io/child_process.h"
#include "support/skipped.h"

namespace weir::internal {
namespace {

TEST_CASE("this system registers barriers, once and again") {
  Child([](Child& child) {
    if (!RegisterBarriers()) child.Skip();
    child.Check(RegisterBarriers(), "a second time");
    BarrierThisProcess();
    BarrierAllProcesses();
  }).RequireSuccess("membarrier");
}

TEST_CASE("a system that refuses membarrier says so") {
  Child([](Child& child) {
    if (!DenySystemCalls({{SYS_membarrier, EPERM}})) child.Skip();
    child.Check(!RegisterBarriers(), "refused");
  }).RequireSuccess("system call filters");
}

// Words that do not share a cache line, so that a store takes its time to be seen.
struct alignas(64) Word {
  std::atomic<int> value{0};
};

void WaitFor(const Word& word, int round) {
  while (word.value.load(std::memory_order_acquire) < round) std::this_thread::yield();
}

// Two sides each store and then load what the other stores: the first as a producer without a
// fence, the second with `barrier` in between. Returns how often neither saw the other.
int CountMisses(void (*barrier)()) {
  constexpr int kRounds = 3'000;
  constexpr int kDelays = 100;
  Word published, bit, first_saw, started, ended;
  std::thread first([&] {
    for (int round = 1; round <= kRounds; ++round) {
      WaitFor(started, round);
      published.value.store(round, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);  // binds the compiler only
      first_saw.value.store(bit.value.load(std::memory_order_relaxed), std::memory_order_relaxed);
      ended.value.store(round, std::memory_order_release);
    }
  });
  int misses = 0;
  for (int round = 1; round <= kRounds; ++round) {
    started.value.store(round, std::memory_order_release);
    // The first side needs a moment to see that; which one is different every time.
    for (std::atomic<int> delay = round % kDelays; delay > 0; --delay) {
    }
    bit.value.store(round, std::memory_order_relaxed);
    barrier();
    const int second_saw = published.value.load(std::memory_order_relaxed);
    WaitFor(ended, round);
    if (first_saw.value.load() < round && second_saw < round) ++misses;
  }
  first.join();
  return misses;
}

TEST_CASE("with a barrier on one side no two threads miss each other") {
  if (!RegisterBarriers()) {
    testing::Skip("membarrier");
    return;
  }
  CHECK(CountMisses(BarrierThisProcess) == 0);
  CHECK(CountMisses(BarrierAllProcesses) == 0);
}

}  // namespace
}  // namespace weir::internal
