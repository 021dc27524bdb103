// A cache that gets no memory for a block.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#include "log/block_cache.h"

namespace {

// So many allocations of this thread succeed; negative: all.
thread_local int allocations_left = -1;

}  // namespace

// Not inlined: compilers take the pair for a mismatch otherwise.
[[gnu::noinline]] void* operator new(size_t size) {
  if (allocations_left == 0) throw std::bad_alloc();
  if (allocations_left > 0) --allocations_left;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace weir::internal {
namespace {

constexpr size_t kBytes = 100;

Block NewBlock() { return {std::make_unique<char[]>(kBytes), kBytes}; }

// Whether it got no memory when all but the first `left` allocations failed.
bool FailsToInsert(BlockCache& cache, const BlockKey& key, int left) {
  Block block = NewBlock();
  allocations_left = left;
  bool fails = false;
  try {
    cache.Insert(key, std::move(block));
  } catch (const std::bad_alloc&) {
    fails = true;
  }
  allocations_left = -1;
  return fails;
}

TEST_CASE("a block that there was no memory for leaves nothing behind that hurts others") {
  constexpr BlockKey kKey{1, 0};
  int failures = 0;
  for (;; ++failures) {
    BlockCache cache(8 * 10 * kBytes);  // of eight parts, of which these keys are in one
    if (!FailsToInsert(cache, kKey, failures)) break;
    CHECK(cache.Find(kKey) == nullptr);

    cache.Insert(kKey, NewBlock());
    for (uint64_t i = 1; i <= 30; ++i) {
      cache.Insert({1, 8 * i}, NewBlock());
      REQUIRE(cache.Find(kKey) != nullptr);  // used all the time
    }
  }
  CHECK(failures >= 3);
}

}  // namespace
}  // namespace weir::internal
