#include "index/entry_chunks.h"

#include <catch2/catch.hpp>
#include <new>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/promise.h"
#include "support/failing_memory.h"

namespace weir::internal {
namespace {

using testing::FailingMemory;

uint64_t BytesOf(uint32_t capacity) { return sizeof(EntryChunk) + capacity * sizeof(QueueEntry); }

TEST_CASE("a chunk holds at least what was asked for, in a power of two") {
  ReaderSlots readers;
  EntryChunks chunks(&readers);
  uint64_t bytes = 0;
  for (const auto& [wanted, capacity] : std::vector<std::pair<uint32_t, uint32_t>>{
           {0, 4}, {1, 4}, {4, 4}, {5, 8}, {1000, 1024}, {1024, 1024}, {1025, 2048}}) {
    EntryChunk* const chunk = chunks.Take(wanted);
    bytes += BytesOf(capacity);

    CHECK(chunk->capacity == capacity);
    CHECK(chunks.bytes() == bytes);
    chunk->entries[capacity - 1] = {.position = LogPosition(8)};  // all of it is there
    chunks.Retire(chunk);
  }
}

TEST_CASE("a chunk that was given back is used again, for its size only") {
  ReaderSlots readers;
  EntryChunks chunks(&readers);
  EntryChunk* const four = chunks.Take(4);
  EntryChunk* const eight = chunks.Take(8);
  chunks.Retire(four);
  chunks.Retire(eight);
  chunks.Reuse();
  const uint64_t bytes = chunks.bytes();

  EntryChunk* const first = chunks.Take(8);
  EntryChunk* const second = chunks.Take(3);
  CHECK(first == eight);
  CHECK(second == four);
  CHECK(chunks.bytes() == bytes);
  // Both are in use: nothing is handed out twice.
  EntryChunk* const third = chunks.Take(8);
  CHECK(third != eight);
  for (EntryChunk* const chunk : {first, second, third}) chunks.Retire(chunk);
}

TEST_CASE("a chunk is not used again while a reader may still see it") {
  ReaderSlots readers;
  EntryChunks chunks(&readers);
  EntryChunk* const chunk = chunks.Take(4);
  std::optional<ReaderSlots::Guard> early;
  early.emplace(readers);
  chunks.Retire(chunk);
  chunks.Reuse();
  EntryChunk* const other = chunks.Take(4);
  CHECK(other != chunk);

  early.reset();
  const ReaderSlots::Guard late(readers);  // cannot see it any more
  EntryChunk* const before_the_step = chunks.Take(4);
  CHECK(before_the_step != chunk);
  chunks.Reuse();
  EntryChunk* const again = chunks.Take(4);
  CHECK(again == chunk);
  for (EntryChunk* const taken : {other, before_the_step, again}) chunks.Retire(taken);
}

TEST_CASE("chunks above the largest size and above what is worth keeping go back to the heap") {
  ReaderSlots readers;
  EntryChunks chunks(&readers);
  chunks.Retire(chunks.Take(1 << 20));
  CHECK(chunks.bytes() == BytesOf(1 << 20));
  chunks.Reuse();
  CHECK(chunks.bytes() == 0);

  constexpr size_t kKept = 4096;
  std::vector<EntryChunk*> taken;
  for (size_t i = 0; i < kKept + 1000; ++i) taken.push_back(chunks.Take(4));
  for (EntryChunk* const chunk : taken) chunks.Retire(chunk);
  chunks.Reuse();
  CHECK(chunks.bytes() == kKept * BytesOf(4));
}

TEST_CASE("as many of the largest chunks as were taken since the last time are made ahead") {
  ReaderSlots readers;
  EntryChunks chunks(&readers);
  std::vector<EntryChunk*> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(chunks.Take(1024));
  taken.push_back(chunks.Take(512));
  chunks.Replenish();
  const uint64_t bytes = chunks.bytes();
  CHECK(bytes == 6 * BytesOf(1024) + BytesOf(512));

  // The next three cost nothing, the fourth is made.
  for (int i = 0; i < 3; ++i) taken.push_back(chunks.Take(1024));
  CHECK(chunks.bytes() == bytes);
  taken.push_back(chunks.Take(1024));
  CHECK(chunks.bytes() == bytes + BytesOf(1024));
  CHECK(std::set<EntryChunk*>(taken.begin(), taken.end()).size() == taken.size());

  // What is there already is not made once more.
  for (EntryChunk* const chunk : taken) chunks.Retire(chunk);
  chunks.Reuse();
  const uint64_t kept = chunks.bytes();
  chunks.Replenish();
  CHECK(chunks.bytes() == kept);
}

TEST_CASE("chunks that there is no memory to keep go back to the heap, and are not counted") {
  const auto held_behind = [&](testing::MemoryFailure failure) {
    ReaderSlots readers;
    const int64_t before = FailingMemory::live();
    {
      EntryChunks chunks(&readers);
      for (int i = 0; i < 3; ++i) chunks.Retire(chunks.Take(EntryChunks::kCapacityMax));
      FailingMemory::Fail(failure);
      try {
        const FailingMemory::Watch watch;
        chunks.Replenish();
      } catch (const std::bad_alloc&) {
      }
      FailingMemory::BringBack();
      // Of each two allocations, and of the lists.
      const auto chunks_held = static_cast<uint64_t>(FailingMemory::live() - before) / 2;
      CHECK(chunks.bytes() == chunks_held * BytesOf(EntryChunks::kCapacityMax));
    }
    return FailingMemory::live() - before;
  };
  CHECK(held_behind({}) == 0);
  const uint64_t allocations = FailingMemory::allocations();
  CHECK(allocations > 5);
  for (uint64_t nth = 0; nth < allocations; ++nth) {
    INFO("allocation " << nth);
    CHECK(held_behind({.nth = nth}) == 0);
  }
}

TEST_CASE("a chunk that is given back twice is handed out once") {
  ReaderSlots readers;
  EntryChunks chunks(&readers);
  EntryChunk* const chunk = chunks.Take(4);
  chunks.Retire(chunk);
  CHECK_FALSE(AnyBroken());
  chunks.Retire(chunk);
  CHECK(absl::IsInternal(TakeBroken()));
  chunks.Reuse();

  EntryChunk* const first = chunks.Take(4);
  EntryChunk* const second = chunks.Take(4);
  CHECK(first == chunk);
  CHECK(second != chunk);
  for (EntryChunk* const taken : {first, second}) chunks.Retire(taken);
  CHECK_FALSE(AnyBroken());
}

}  // namespace
}  // namespace weir::internal
