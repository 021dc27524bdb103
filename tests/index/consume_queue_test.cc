#include "index/consume_queue.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/promise.h"

namespace weir::internal {
namespace {

constexpr RunLink kTail{LogPosition(4096), QueueOffset(17)};

EntryChunk* NewChunk(uint32_t capacity) {
  auto* const chunk = new EntryChunk;
  chunk->capacity = capacity;
  chunk->entries = std::make_unique<QueueEntry[]>(capacity);
  return chunk;
}

void GiveRoom(ConsumeQueue& queue, uint32_t capacity) {
  EntryChunk* const chunk = NewChunk(capacity);
  if (queue.Grow(chunk)) return;
  delete queue.Widen(ConsumeQueue::NewList(queue.list_capacity() + 1));
  REQUIRE(queue.Grow(chunk));
}

// The entry of `offset`, as these tests make them.
QueueEntry EntryOf(uint64_t offset) {
  return {.position = LogPosition(offset * 64),
          .filter = static_cast<uint32_t>(offset),
          .record_bytes = 64};
}

void EnterMany(ConsumeQueue& queue, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    REQUIRE(queue.room() > 0);
    const uint64_t expected = queue.end();
    REQUIRE(queue.Enter(EntryOf(expected)) == expected);
  }
}

// The offsets that a copy of up to `max` entries gives.
std::vector<uint64_t> Copy(const ConsumeQueue& queue, uint64_t offset, size_t max) {
  std::vector<QueueEntry> entries(max);
  entries.resize(queue.CopyEntries(offset, max, entries.data()));
  std::vector<uint64_t> offsets;
  for (const QueueEntry& entry : entries) {
    offsets.push_back(entry.position.value() / 64);
    CHECK(entry.filter == offsets.back());
    CHECK(entry.record_bytes == 64);
  }
  return offsets;
}

std::vector<uint64_t> Range(uint64_t begin, uint64_t end) {
  std::vector<uint64_t> offsets;
  for (; begin < end; ++begin) offsets.push_back(begin);
  return offsets;
}

// Lists and chunks that are taken out die at once: nobody reads.
size_t Forget(ConsumeQueue& queue, uint64_t offset) {
  const uint32_t kept = queue.ChunksKept(offset);
  size_t retired = 0;
  delete queue.ForgetBelow(offset, kTail, kept == 0 ? nullptr : ConsumeQueue::NewList(kept),
                           [&](EntryChunk* chunk) {
                             delete chunk;
                             ++retired;
                           });
  return retired;
}

TEST_CASE("a queue that nothing was ever entered in has no room and holds nothing") {
  const ConsumeQueue queue;
  CHECK(queue.end() == 0);
  CHECK(queue.room() == 0);
  CHECK_FALSE(queue.tail().exists());
  CHECK(Copy(queue, 0, 4).empty());
}

TEST_CASE("entries come back at the offset that entering gave, over chunks of any size") {
  ConsumeQueue queue;
  for (const uint32_t capacity : {4u, 4u, 8u, 1u, 32u}) {
    GiveRoom(queue, capacity);
    EnterMany(queue, capacity);
  }
  REQUIRE(queue.end() == 49);
  CHECK(queue.room() == 0);

  for (uint64_t from = 0; from < 49; ++from) {
    for (const size_t max : {size_t{1}, size_t{5}, size_t{100}}) {
      CHECK(Copy(queue, from, max) == Range(from, std::min<uint64_t>(49, from + max)));
    }
  }
  CHECK(Copy(queue, 49, 4).empty());
  CHECK(Copy(queue, ~uint64_t{0}, 4).empty());
}

TEST_CASE("room that was made ahead is used in its order, across the borders of its chunks") {
  ConsumeQueue queue;
  for (const uint32_t capacity : {4u, 2u, 8u}) GiveRoom(queue, capacity);
  CHECK(queue.room() == 14);
  CHECK(queue.end() == 0);
  EnterMany(queue, 5);
  CHECK(queue.room() == 9);
  CHECK(Copy(queue, 0, 100) == Range(0, 5));

  GiveRoom(queue, 4);
  EnterMany(queue, 13);
  CHECK(queue.room() == 0);
  CHECK(Copy(queue, 2, 100) == Range(2, 18));
}

TEST_CASE("a full list of chunks takes no chunk, and a wider one has all that were in it") {
  ConsumeQueue queue;
  EntryChunk* const chunk = NewChunk(4);
  CHECK_FALSE(queue.Grow(chunk));  // there is no list at all
  CHECK(queue.Widen(ConsumeQueue::NewList(1)) == nullptr);
  REQUIRE(queue.Grow(chunk));
  EnterMany(queue, 3);

  EntryChunk* const refused = NewChunk(4);
  CHECK_FALSE(queue.Grow(refused));
  CHECK(queue.room() == 1);
  delete queue.Widen(ConsumeQueue::NewList(2));
  CHECK(queue.list_capacity() == 2);
  CHECK(queue.room() == 1);
  CHECK(Copy(queue, 0, 4) == Range(0, 3));
  REQUIRE(queue.Grow(refused));
  EnterMany(queue, 5);
  CHECK(Copy(queue, 0, 100) == Range(0, 8));
}

TEST_CASE("an entry whose record turned out shorter says so, in whatever chunk it is") {
  ConsumeQueue queue;
  for (uint32_t chunk = 0; chunk < 3; ++chunk) GiveRoom(queue, 4);
  EnterMany(queue, 10);
  for (const uint64_t offset : {uint64_t{9}, uint64_t{0}, uint64_t{6}}) queue.Shorten(offset, 48);
  std::vector<QueueEntry> entries(10);
  REQUIRE(queue.CopyEntries(0, 10, entries.data()) == 10);
  for (uint64_t offset = 0; offset < 10; ++offset) {
    CAPTURE(offset);
    CHECK(entries[offset].position == LogPosition(offset * 64));
    CHECK(entries[offset].record_bytes == (offset == 9 || offset == 0 || offset == 6 ? 48 : 64));
  }
}

TEST_CASE("forgetting gives back the chunks that hold nothing else, and keeps the others whole") {
  for (uint64_t below = 0; below < 16; ++below) {
    ConsumeQueue queue;
    for (int i = 0; i < 4; ++i) GiveRoom(queue, 4);
    EnterMany(queue, 15);

    const size_t retired = Forget(queue, below);

    CAPTURE(below);
    CHECK(queue.memory_first() == below);
    CHECK(queue.end() == 15);
    CHECK(queue.tail() == kTail);
    // With nothing left in memory the room goes too: an idle queue costs nothing but itself.
    CHECK(retired == (below == 15 ? 4 : below / 4));
    CHECK(queue.room() == (below == 15 ? 0 : 1));
    CHECK(Copy(queue, below, 100) == Range(below, 15));
    if (below > 0) CHECK(Copy(queue, below - 1, 100).empty());

    GiveRoom(queue, 4);
    EnterMany(queue, 4);
    CHECK(Copy(queue, below, 100) == Range(below, 19));
    if (below == 15) break;
  }
}

TEST_CASE("forgetting again and again while the queue grows loses no entry") {
  ConsumeQueue queue;
  uint64_t forgotten = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 7; ++i) {
      if (queue.room() == 0) GiveRoom(queue, 1u << (round % 5));
      EnterMany(queue, 1);
    }
    forgotten += 5 + static_cast<uint64_t>(round % 4);
    forgotten = std::min(forgotten, queue.end());
    Forget(queue, forgotten);
    REQUIRE(Copy(queue, forgotten, 1000) == Range(forgotten, queue.end()));
  }
  CHECK(queue.end() == 350);
}

TEST_CASE("a restored queue goes on at its end, with everything below in files") {
  ConsumeQueue queue;
  queue.Restore(3, 20, kTail);
  CHECK(queue.first() == 3);
  CHECK(queue.memory_first() == 20);
  CHECK(queue.end() == 20);
  CHECK(queue.tail() == kTail);
  CHECK(Copy(queue, 19, 1).empty());

  GiveRoom(queue, 4);
  EnterMany(queue, 2);
  CHECK(Copy(queue, 20, 10) == Range(20, 22));
}

TEST_CASE("what was dropped of a queue only grows") {
  ConsumeQueue queue;
  queue.Restore(0, 40, kTail);
  queue.RaiseFirst(17);
  queue.RaiseFirst(5);
  CHECK(queue.first() == 17);
  CHECK(queue.end() == 40);
}

TEST_CASE("a queue whose beginning was dropped begins at the first message that is known") {
  ConsumeQueue queue;
  queue.BeginAt(100);
  CHECK(queue.first() == 100);
  CHECK(queue.end() == 100);
  GiveRoom(queue, 4);
  EnterMany(queue, 1);
  CHECK(Copy(queue, 100, 10) == Range(100, 101));
  CHECK(Copy(queue, 99, 10).empty());
}

TEST_CASE("an entry for which there is no place uses its number and touches no memory") {
  ConsumeQueue queue;
  CHECK(queue.Enter(EntryOf(0)) == 0);
  CHECK(absl::IsInternal(TakeBroken()));
  CHECK(queue.end() == 1);
  CHECK(Copy(queue, 0, 10).empty());

  GiveRoom(queue, 4);
  EnterMany(queue, 4);
  REQUIRE(queue.room() == 0);
  CHECK(queue.Enter(EntryOf(5)) == 5);
  CHECK(absl::IsInternal(TakeBroken()));
  CHECK(Copy(queue, 1, 10) == Range(1, 5));
  CHECK(queue.end() == 6);
}

TEST_CASE("entries that are in no file yet are not forgotten, nor any twice") {
  ConsumeQueue queue;
  GiveRoom(queue, 4);
  EnterMany(queue, 3);
  const auto forget = [&](uint64_t offset) {
    ConsumeQueue::ChunkList* const old =
        queue.ForgetBelow(offset, kTail, nullptr, [](EntryChunk* chunk) { delete chunk; });
    delete old;
  };

  forget(4);  // more than there are
  CHECK(absl::IsInternal(TakeBroken()));
  forget(2);  // a chunk is kept, and there is no list for it
  CHECK(absl::IsInternal(TakeBroken()));
  CHECK(Copy(queue, 0, 10) == Range(0, 3));
  CHECK_FALSE(queue.tail().exists());

  forget(3);
  CHECK_FALSE(AnyBroken());
  CHECK(queue.memory_first() == 3);
  forget(2);
  CHECK(absl::IsInternal(TakeBroken()));
  CHECK(queue.memory_first() == 3);
}

}  // namespace
}  // namespace weir::internal
