#include "log/block_cache.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace weir::internal {
namespace {

Block BlockOf(size_t size, char byte) {
  Block block{std::make_unique<char[]>(size), size};
  std::memset(block.bytes.get(), byte, size);
  return block;
}

TEST_CASE("a block is found under its own key only") {
  BlockCache cache(1 << 20);
  const uint64_t file = cache.NewFile();
  const uint64_t other = cache.NewFile();
  REQUIRE(file != other);
  const auto inserted = cache.Insert({file, 3}, BlockOf(100, 'a'));

  CHECK(cache.Find({file, 3}) == inserted);
  CHECK(inserted->size == 100);
  CHECK(inserted->bytes[99] == 'a');
  CHECK(cache.Find({file, 2}) == nullptr);
  CHECK(cache.Find({other, 3}) == nullptr);
  CHECK(cache.hits() == 1);
  CHECK(cache.misses() == 2);
}

TEST_CASE("of two who read the same block at once both get the first one's") {
  BlockCache cache(1 << 20);
  const auto first = cache.Insert({1, 1}, BlockOf(100, 'a'));
  const auto second = cache.Insert({1, 1}, BlockOf(100, 'b'));

  CHECK(second == first);
  CHECK(cache.Find({1, 1})->bytes[0] == 'a');
}

TEST_CASE("the cache keeps to its size, and drops what was not used for long") {
  constexpr uint64_t kBytesMax = 256 << 10;
  constexpr size_t kBlock = 1024;
  BlockCache cache(kBytesMax);
  std::vector<std::weak_ptr<const Block>> blocks;
  cache.Insert({1, 0}, BlockOf(kBlock, 'x'));
  for (uint64_t i = 1; i < 2000; ++i) {
    blocks.push_back(cache.Insert({1, i}, BlockOf(kBlock, 'x')));
    REQUIRE(cache.Find({1, 0}) != nullptr);  // used all the time
  }

  uint64_t bytes = 0;
  for (const auto& block : blocks) bytes += block.expired() ? 0 : kBlock;
  CHECK(bytes <= kBytesMax);
  CHECK(bytes >= kBytesMax / 2);
  CHECK(blocks.front().expired());
  CHECK_FALSE(blocks.back().expired());
}

TEST_CASE("what was found once outlives what never was, and goes when it is not found again") {
  constexpr size_t kBlock = 1024;
  BlockCache cache(64 * kBlock);  // eight blocks in each of eight parts, which keys take in turn
  const auto is_found_once = [](uint64_t i) { return i / 8 % 2 == 0; };
  for (uint64_t i = 0; i < 32; ++i) cache.Insert({1, i}, BlockOf(kBlock, 'o'));
  for (uint64_t i = 0; i < 32; ++i) CHECK((!is_found_once(i) || cache.Find({1, i}) != nullptr));
  for (uint64_t i = 100; i < 148; ++i) cache.Insert({1, i}, BlockOf(kBlock, 'n'));
  for (uint64_t i = 0; i < 32; ++i) {
    CAPTURE(i);
    CHECK((cache.Find({1, i}) != nullptr) == is_found_once(i));
  }
  for (uint64_t i = 200; i < 400; ++i) cache.Insert({1, i}, BlockOf(kBlock, 'n'));
  for (uint64_t i = 0; i < 32; ++i) CHECK(cache.Find({1, i}) == nullptr);
}

TEST_CASE("who holds a block keeps its memory, dropped or erased or without the cache") {
  auto cache = std::make_unique<BlockCache>(64 << 10);
  const auto erased = cache->Insert({1, 0}, BlockOf(100, 'e'));
  const auto dropped = cache->Insert({1, 1}, BlockOf(100, 'd'));
  const auto kept = cache->Insert({2, 0}, BlockOf(100, 'k'));

  cache->Erase({1, 0});
  for (uint64_t i = 2; i < 1000; ++i) cache->Insert({1, i}, BlockOf(1000, 'x'));
  CHECK(cache->Find({1, 0}) == nullptr);
  CHECK(cache->Find({1, 1}) == nullptr);
  cache.reset();

  CHECK(erased->bytes[99] == 'e');
  CHECK(dropped->bytes[99] == 'd');
  CHECK(kept->bytes[99] == 'k');
}

TEST_CASE("what was erased makes room, and can be put in again") {
  BlockCache cache(64 << 10);
  const auto neighbour = cache.Insert({1, 0}, BlockOf(100, 'n'));
  for (int i = 0; i < 1000; ++i) {
    cache.Insert({1, 8}, BlockOf(4000, 'a'));
    cache.Erase({1, 8});
    cache.Erase({1, 8});
  }

  CHECK(cache.Find({1, 8}) == nullptr);
  CHECK(cache.Find({1, 0}) == neighbour);
  CHECK(cache.Insert({1, 8}, BlockOf(4000, 'b'))->bytes[0] == 'b');
}

TEST_CASE("a block larger than the cache is handed out and not kept") {
  for (const uint64_t bytes_max : {0u, 1000u}) {
    BlockCache cache(bytes_max);
    const auto block = cache.Insert({1, 0}, BlockOf(5000, 'a'));
    CHECK(block->bytes[4999] == 'a');
    CHECK(cache.Find({1, 0}) == nullptr);
    CHECK(block.use_count() == 1);
  }
}

TEST_CASE("many threads find, put in and erase, and nobody gets another's block") {
  BlockCache cache(32 << 10);
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 5000; ++i) {
        const uint64_t index = i * (2 * t + 3) % 50;
        auto block = cache.Find({1, index});
        if (block == nullptr) {
          block = cache.Insert({1, index}, BlockOf(1000, static_cast<char>(index)));
        }
        if (block->bytes[999] != static_cast<char>(index)) wrong += 1;
        if (i % 11 == 0) cache.Erase({1, index});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(wrong == 0);
  CHECK(cache.hits() + cache.misses() == 15'000);
}

}  // namespace
}  // namespace weir::internal
