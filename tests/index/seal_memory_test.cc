// Sealing while there is no memory, and when there is some again.

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "base/guarded.h"
#include "index/indexer.h"
#include "index/small_indexer.h"
#include "support/failing_memory.h"

namespace weir::testing {
namespace {

// As the background does it: a step that fails is tried again, and nothing is thrown.
void SealWithout(Indexed& store, MemoryFailure failure) {
  FailingMemory::Fail(failure);
  for (int step = 0; step < 50; ++step) {
    const FailingMemory::Watch watch;
    const absl::StatusOr<bool> more = Guarded([&] { return store.SealSome(); });
    if (more.ok() && !*more) break;
  }
  FailingMemory::BringBack();
}

// Three queues in two segments that are durable and not sealed.
struct Unsealed {
  Unsealed() : store(disk, clock) {
    for (size_t i = 0; i < 14; ++i) {
      for (const uint32_t queue : {0u, 1u, 3u}) sent[queue].push_back(Append(queue, i));
    }
    SyncNow(*store.log);
    active = sent[3].back() / kSegment;
  }
  uint64_t Append(uint32_t queue, size_t i) {
    return store.Append(queue, Numbered(i, 200)).value();
  }

  FaultFileSystem disk;
  ManualClock clock;
  Indexed store;
  std::map<uint32_t, std::vector<uint64_t>> sent;
  uint64_t active = 0;
};

TEST_CASE(
    "a seal that any allocation fails in is made when there is memory, with all its entries") {
  uint64_t allocations = 0;
  for (uint64_t nth = 0; nth <= allocations; ++nth) {
    Unsealed unsealed;
    Indexed& store = unsealed.store;
    REQUIRE(unsealed.active >= 2);
    SealWithout(store, {.nth = nth});
    if (nth == 0) allocations = FailingMemory::allocations();

    INFO("allocation " << nth);
    CHECK(store.indexer.sealed_end() == LogPosition(unsealed.active * kSegment));
    CHECK(store.log->health().state() == StoreState::kHealthy);
    for (const auto& [queue, positions] : unsealed.sent) {
      CHECK(store.AllPositions(queue) == positions);
    }
    // Each message is counted once, however often its seal began.
    CHECK(store.counter.sealed == static_cast<int>(unsealed.active));
    uint64_t in_files = 0;
    for (uint64_t segment = 0; segment < unsealed.active; ++segment) {
      for (const auto& [queue, run] : store.InFile(segment)) in_files += run.positions.size();
    }
    CHECK(store.counter.in_runs == in_files);
  }
  CHECK(allocations > 50);
}

TEST_CASE("while there is no memory to seal with the store is degraded and says why") {
  Unsealed unsealed;
  Indexed& store = unsealed.store;
  SealWithout(store, {.nth = 20, .is_for_ever = true});
  CHECK(store.log->health().Has(Condition::kIndex));
  CHECK(store.log->health().state() == StoreState::kDegraded);
  CHECK(absl::StrContains(store.log->health().reason(), "memory"));

  const uint64_t later = unsealed.Append(0, 99);
  store.SealAll();
  CHECK(store.log->health().state() == StoreState::kHealthy);
  unsealed.sent[0].push_back(later);
  for (const auto& [queue, positions] : unsealed.sent) {
    CHECK(store.AllPositions(queue) == positions);
  }
}

TEST_CASE("a seal that any allocation fails in gives back all that it took") {
  const auto held_behind = [](MemoryFailure failure) {
    const int64_t before = FailingMemory::live();
    {
      Unsealed unsealed;
      SealWithout(unsealed.store, failure);
      // What is in files is let go, what is behind it is kept.
      for (const uint32_t queue : {0u, 1u, 3u}) unsealed.Append(queue, 99);
      unsealed.store.SealAll();
    }
    return FailingMemory::live() - before;
  };
  held_behind({});  // what is made once for the process
  const uint64_t allocations = [&] {
    held_behind({});
    return FailingMemory::allocations();
  }();
  for (uint64_t nth = 0; nth <= allocations; ++nth) {
    const int64_t held = held_behind({.nth = nth});
    INFO("allocation " << nth);
    CHECK(held == 0);
  }
}

TEST_CASE("what was sealed in spite of failed allocations is what the next open finds") {
  uint64_t allocations = 0;
  for (uint64_t nth = 0; nth <= allocations; ++nth) {
    Unsealed unsealed;
    SealWithout(unsealed.store, {.nth = nth});
    if (nth == 0) allocations = FailingMemory::allocations();
    FaultFileSystem after(unsealed.disk.ProcessDeath());
    Indexed next(after, unsealed.clock);
    INFO("allocation " << nth);
    CHECK(next.report.damage.empty());
    for (const auto& [queue, positions] : unsealed.sent) {
      CHECK(next.AllPositions(queue) == positions);
    }
    // The owner of the world goes last.
    unsealed.disk.Kill();
  }
}

}  // namespace
}  // namespace weir::testing
