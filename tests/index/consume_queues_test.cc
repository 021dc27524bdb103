#include "index/consume_queues.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "base/bytes.h"

namespace weir::internal {
namespace {

struct Queues {
  explicit Queues(uint32_t count) { REQUIRE(queues.Add(0, count).ok()); }

  ReaderSlots readers;
  Mutex append_lock;
  ConsumeQueues queues{&readers, &append_lock};
};

// A record of the log as a scanner hands it over.
class Record {
 public:
  Record(LogPosition position, uint32_t number, uint64_t offset,
         const std::vector<FurtherQueue>& further = {}, RecordType type = RecordType::kMessage) {
    MessageParts parts;
    parts.further_queues = static_cast<uint32_t>(further.size());
    const auto bytes = static_cast<uint32_t>(RecordBytes(EncodedPartsBytes(parts), 0));
    memory_.resize(bytes / 8);
    char* const record = reinterpret_cast<char*>(memory_.data());
    WriteStamp(record, {.bytes = bytes,
                        .type = type,
                        .flags = FlagsOf(parts),
                        .queue_number = number,
                        .queue_offset = offset});
    if (!further.empty()) WriteFurtherQueueCount(record, parts.further_queues);
    for (uint32_t i = 0; i < further.size(); ++i) WriteFurtherQueue(record, i, further[i]);
    if (type == RecordType::kMessage) WriteParts(record, parts, /*filter=*/77, 0);
    Publish(record, Seal(record, position, 1));
    scanned_ = {.position = position, .bytes = record, .header = LoadHeader(record)};
  }

  operator const ScannedRecord&() const { return scanned_; }  // NOLINT
  uint32_t bytes() const { return scanned_.header.bytes(); }

 private:
  std::vector<uint64_t> memory_;
  ScannedRecord scanned_;
};

// Positions in memory from `offset` on; a hole is 0.
std::vector<uint64_t> Positions(const Queues& all, uint32_t number, uint64_t offset = 0) {
  QueueEntry entries[64];
  const size_t count = all.queues.queue(number).CopyEntries(offset, 64, entries);
  std::vector<uint64_t> positions;
  for (size_t i = 0; i < count; ++i) {
    positions.push_back(entries[i].is_hole() ? 0 : entries[i].position.value());
  }
  return positions;
}

TEST_CASE("queues exist from their creation on, and up to a limit that is kept") {
  Queues all(1);
  CHECK(all.queues.has(0));
  CHECK_FALSE(all.queues.has(1));
  REQUIRE(all.queues.Add(5, 3).ok());
  CHECK(all.queues.size() == 4);
  CHECK(all.queues.queue(7).end() == 0);
  for (const uint32_t number : {1u, 4u, 8u, 4096u, 100'000'000u, ~0u}) {
    CHECK_FALSE(all.queues.has(number));
  }

  REQUIRE(all.queues.Add(0, 7).ok());  // some of them once more
  CHECK(all.queues.size() == 8);
  CHECK(all.queues.end() == 8);
  constexpr uint32_t kMax = ConsumeQueues::kQueuesMax;
  for (const auto& [first, count] : std::vector<std::pair<uint32_t, uint32_t>>{
           {kMax, 1}, {kMax - 1, 2}, {0, kMax + 1}, {0xFFFFFFFF, 0xFFFFFFFF}, {0xFFFFFFFF, 2}}) {
    CHECK(absl::IsResourceExhausted(all.queues.Add(first, count)));
  }
  CHECK(all.queues.size() == 8);
  CHECK(all.queues.end() == 8);
}

TEST_CASE("a queue that is added once more keeps what is in it") {
  Queues all(3);
  REQUIRE(all.queues.Apply(Record(LogPosition(8), 1, 0)).ok());

  REQUIRE(all.queues.Add(0, 70).ok());

  CHECK(all.queues.size() == 70);
  CHECK(Positions(all, 1) == std::vector<uint64_t>{8});
  CHECK(all.queues.queue(69).end() == 0);
}

TEST_CASE("queues far behind the others cost memory for themselves and not for what lies between") {
  Queues all(3);
  const uint64_t bytes = all.queues.memory_bytes();
  constexpr uint32_t kFar = ConsumeQueues::kQueuesMax - 1;
  REQUIRE(all.queues.Add(kFar, 1).ok());
  REQUIRE(all.queues.Add(100'000, 9'000).ok());
  CHECK(all.queues.memory_bytes() <= 6 * bytes);
  CHECK(all.queues.end() == kFar + 1);
  CHECK(all.queues.size() == 9'004);
  CHECK(all.queues.queue(kFar).end() == 0);
  CHECK(all.queues.queue(108'999).end() == 0);
  // Nobody could find a message there: it is told, and not put away.
  for (const uint32_t between : {3u, 99'999u, 109'000u, 50'000'000u, kFar - 1}) {
    CHECK(absl::IsDataLoss(all.queues.Apply(Record(LogPosition(128), between, 0))));
  }

  // Who walks over them meets each once and nothing else.
  std::vector<uint32_t> numbers;
  for (uint32_t number = all.queues.Next(0); number < all.queues.end();
       number = all.queues.Next(number + 1)) {
    CHECK(all.queues.has(number));
    numbers.push_back(number);
  }
  REQUIRE(numbers.size() == 9'004);
  CHECK(numbers[2] == 2);
  CHECK(numbers[3] == 100'000);
  CHECK(numbers[9'002] == 108'999);
  CHECK(numbers[9'003] == kFar);
  CHECK(all.queues.Next(kFar) == kFar);
  CHECK(all.queues.Next(kFar + 1) == all.queues.end());
}

TEST_CASE("room that was made is enough for as many entries, and made in proportion") {
  Queues all(2);
  all.queues.MakeRoom(1, 3000);
  CHECK(all.queues.queue(1).room() >= 3000);
  CHECK(all.queues.queue(0).room() == 0);

  // One by one the chunks double: the memory stays in proportion to what is in it.
  uint64_t grown = 0;
  for (uint64_t i = 0; i < 20'000; ++i) {
    const uint64_t before = all.queues.memory_bytes();
    all.queues.MakeRoom(0, 1);
    grown += all.queues.memory_bytes() > before;
    MutexLock lock(all.append_lock);
    all.queues.queue(0).Enter({.position = LogPosition(i * 8)});
  }
  CHECK(grown < 40);
  CHECK(all.queues.queue(0).room() <= 1024);
}

TEST_CASE("a record is entered in its queue and in every further one, a void as well") {
  Queues all(12);
  const Record message(LogPosition(128), 3, 0, {{5, 0}, {9, 0}});
  REQUIRE(all.queues.Apply(message).ok());
  REQUIRE(all.queues.Apply(Record(LogPosition(256), 3, 1, {{5, 1}}, RecordType::kVoid)).ok());

  CHECK(Positions(all, 3) == std::vector<uint64_t>{128, 256});
  CHECK(Positions(all, 5) == std::vector<uint64_t>{128, 256});
  CHECK(Positions(all, 9) == std::vector<uint64_t>{128});
  QueueEntry entry;
  REQUIRE(all.queues.queue(9).CopyEntries(0, 1, &entry) == 1);
  CHECK(entry.filter == 77);
  CHECK(entry.record_bytes == message.bytes());
}

TEST_CASE("what belongs to no queue is entered nowhere") {
  Queues all(2);
  REQUIRE(all.queues.Apply(Record(LogPosition(128), kNoQueue, 0)).ok());
  REQUIRE(all.queues.Apply(Record(LogPosition(256), 0, 0, {}, RecordType::kMark)).ok());
  REQUIRE(all.queues.Apply(Record(LogPosition(384), 0, 0, {}, RecordType::kGroup)).ok());
  CHECK(all.queues.queue(0).end() == 0);
}

TEST_CASE("a record that is applied twice is there once") {
  Queues all(2);
  for (int times = 0; times < 2; ++times) {
    REQUIRE(all.queues.Apply(Record(LogPosition(128), 0, 0, {{1, 0}})).ok());
    REQUIRE(all.queues.Apply(Record(LogPosition(256), 0, 1)).ok());
  }
  CHECK(Positions(all, 0) == std::vector<uint64_t>{128, 256});
  CHECK(Positions(all, 1) == std::vector<uint64_t>{128});
}

TEST_CASE("of two records with one number the second is refused by name, and the first stays") {
  Queues all(2);
  REQUIRE(all.queues.Apply(Record(LogPosition(128), 0, 0)).ok());
  const absl::Status second = all.queues.Apply(Record(LogPosition(256), 0, 0));
  CHECK(absl::IsDataLoss(second));
  CHECK(second.message().find("queue 0 has another record at offset 0") == 0);
  CHECK(Positions(all, 0) == std::vector<uint64_t>{128});
}

TEST_CASE("offsets whose record was not found are holes, and those behind keep their numbers") {
  Queues all(2);
  REQUIRE(all.queues.Apply(Record(LogPosition(128), 0, 2)).ok());
  REQUIRE(all.queues.Apply(Record(LogPosition(256), 0, 4)).ok());
  CHECK(Positions(all, 0) == std::vector<uint64_t>{0, 0, 128, 0, 256});
  CHECK(all.queues.queue(0).first() == 0);
}

TEST_CASE("if the log's begin was dropped, a queue begins with the first message that is left") {
  Queues all(2);
  all.queues.set_knows_begin(false);
  REQUIRE(all.queues.Apply(Record(LogPosition(128), 0, 50)).ok());
  REQUIRE(all.queues.Apply(Record(LogPosition(256), 0, 52)).ok());
  CHECK(all.queues.queue(0).first() == 50);
  CHECK(Positions(all, 0, 50) == std::vector<uint64_t>{128, 0, 256});
}

TEST_CASE("a record that makes no sense is an error, and no reason to take all memory there is") {
  Queues all(2);
  CHECK(absl::IsDataLoss(all.queues.Apply(Record(LogPosition(128), 2, 0))));
  CHECK(absl::IsDataLoss(all.queues.Apply(Record(LogPosition(128), 0, uint64_t{1} << 40))));
  CHECK(absl::IsDataLoss(all.queues.Apply(Record(LogPosition(128), 1, 0, {{9, 0}}))));
  CHECK(all.queues.queue(0).end() == 0);
}

TEST_CASE("a record whose further queues reach behind its end is an error") {
  Queues all(2);
  const Record record(LogPosition(128), 0, 0, {{1, 0}});
  ScannedRecord hostile = record;
  std::string bytes(hostile.bytes, record.bytes());
  WriteFurtherQueueCount(bytes.data(), 1'000'000);
  hostile.bytes = bytes.data();
  CHECK(absl::IsDataLoss(all.queues.Apply(hostile)));
  CHECK(all.queues.queue(1).end() == 0);
}

TEST_CASE("a record below what a queue has in memory is known already: an index file has it") {
  Queues all(1);
  all.queues.queue(0).Restore(0, 5, {LogPosition(4096), QueueOffset(3)});
  CHECK(all.queues.Apply(Record(LogPosition(128), 0, 4)).ok());
  CHECK(all.queues.queue(0).end() == 5);
}

TEST_CASE("of a queue with nothing in memory forgetting changes where the rest is found") {
  Queues all(1);
  const RunLink tail{LogPosition(4096), QueueOffset(0)};
  const uint64_t bytes = all.queues.memory_bytes();
  all.queues.ForgetBelow(0, 0, tail);
  CHECK(all.queues.queue(0).tail() == tail);
  CHECK(all.queues.memory_bytes() == bytes);
  REQUIRE(all.queues.Apply(Record(LogPosition(128), 0, 0)).ok());
  CHECK(Positions(all, 0) == std::vector<uint64_t>{128});
}

TEST_CASE("a saved queue that begins behind its end is damage") {
  std::string saved;
  for (const uint64_t first : {4u, 5u}) {
    saved.clear();
    AppendValue(saved, uint32_t{0});
    AppendValue(saved, first);
    AppendValue(saved, uint64_t{4});
    AppendValue(saved, kNoLink.segment_begin.value());
    AppendValue(saved, uint64_t{0});
    Queues all(1);
    CHECK(all.queues.Load(saved).ok() == (first == 4));
  }
}

TEST_CASE("a queue whose begin was raised beyond what is saved of it begins there with its end") {
  Queues all(1);
  for (uint64_t i = 0; i < 10; ++i) {
    REQUIRE(all.queues.Apply(Record(LogPosition(64 * (i + 1)), 0, i)).ok());
  }
  all.queues.queue(0).RaiseFirst(8);
  const SealedRun run{.number = 0, .end = 5, .link = {LogPosition(0), QueueOffset(0)}};

  Queues again(1);
  REQUIRE(again.queues.Load(all.queues.Save({&run, 1})).ok());
  CHECK(again.queues.queue(0).first() == 5);
  CHECK(again.queues.queue(0).end() == 5);
}

TEST_CASE("saved queues come back as they were, those that were never used cost nothing") {
  Queues all(300);
  all.queues.queue(7).Restore(2, 40, {LogPosition(4096), QueueOffset(30)});
  all.queues.queue(299).Restore(0, 1, {LogPosition(0), QueueOffset(0)});
  const std::string saved = all.queues.Save({});
  CHECK(saved.size() < 100);

  Queues again(300);
  REQUIRE(again.queues.Load(saved).ok());
  CHECK(again.queues.queue(7).first() == 2);
  CHECK(again.queues.queue(7).end() == 40);
  CHECK(again.queues.queue(7).memory_first() == 40);
  CHECK(again.queues.queue(7).tail() == RunLink{LogPosition(4096), QueueOffset(30)});
  CHECK(again.queues.queue(299).end() == 1);
  CHECK(again.queues.queue(0).end() == 0);
  CHECK_FALSE(again.queues.queue(0).tail().exists());

  for (const size_t size : {size_t{1}, saved.size() - 1}) {
    Queues other(300);
    CHECK(absl::IsDataLoss(other.queues.Load({saved.data(), size})));
  }
  // Of a queue whose topic comes later.
  Queues fewer(200);
  REQUIRE(fewer.queues.Load(saved).ok());
  CHECK(fewer.queues.queue(7).end() == 40);
  CHECK_FALSE(fewer.queues.has(299));
}

TEST_CASE(
    "queues are saved as they are behind the seal that is to be: its runs are in files then") {
  Queues all(3);
  const RunLink old_tail{LogPosition(4096), QueueOffset(30)};
  for (const uint32_t number : {0u, 2u}) all.queues.queue(number).Restore(2, 40, old_tail);
  for (const uint32_t number : {1u, 2u}) {
    for (int i = 0; i < 5; ++i) {
      all.queues.MakeRoom(number, 1);
      MutexLock lock(all.append_lock);
      all.queues.queue(number).Enter({.position = LogPosition(8192)});
    }
  }
  const SealedRun run{.number = 2, .end = 43, .link = {LogPosition(8192), QueueOffset(40)}};

  Queues again(3);
  REQUIRE(again.queues.Load(all.queues.Save({&run, 1})).ok());
  CHECK(again.queues.queue(0).end() == 40);
  CHECK(again.queues.queue(0).tail() == old_tail);
  CHECK(again.queues.queue(1).end() == 0);  // what is in memory only is not saved
  CHECK(again.queues.queue(2).first() == 2);
  CHECK(again.queues.queue(2).end() == 43);
  CHECK(again.queues.queue(2).tail() == run.link);
}

TEST_CASE("memory of forgotten entries serves again, however often; readers are waited for") {
  Queues all(1);
  ConsumeQueue& queue = all.queues.queue(0);
  const auto round = [&] {
    for (int i = 0; i < 1000; ++i) {
      all.queues.MakeRoom(0, 1);
      MutexLock lock(all.append_lock);
      queue.Enter({.position = LogPosition(queue.end() * 8)});
    }
    all.queues.ForgetBelow(0, queue.end(), {LogPosition(0), QueueOffset(0)});
    all.queues.Reuse();
  };
  round();
  const uint64_t bytes = all.queues.memory_bytes();
  for (int i = 0; i < 20; ++i) round();
  CHECK(all.queues.memory_bytes() == bytes);

  const ReaderSlots::Guard guard(all.readers);
  round();
  round();
  CHECK(all.queues.memory_bytes() > bytes);
}

TEST_CASE("who reads without a lock sees whole entries only, while others enter and forget") {
  constexpr uint64_t kEntries = 100'000;
  Queues all(1);
  ConsumeQueue& queue = all.queues.queue(0);
  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> seen{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      QueueEntry entries[16];
      for (uint64_t end = 0; end < kEntries;) {
        end = queue.end();
        const uint64_t from = std::max(queue.memory_first(), end < 10 ? 0 : end - 10);
        const ReaderSlots::Guard guard(all.readers);
        const size_t count = queue.CopyEntries(from, 16, entries);
        for (size_t i = 0; i < count; ++i) {
          wrong += entries[i].position != LogPosition((from + i) * 8) ||
                   entries[i].filter != static_cast<uint32_t>(from + i);
        }
        seen += count;
      }
    });
  }
  std::thread forgetter([&] {
    for (uint64_t end = 0; end < kEntries;) {
      end = queue.end();
      if (end < queue.memory_first() + 500 && end < kEntries) continue;
      all.queues.ForgetBelow(0, end - 5, {LogPosition(0), QueueOffset(0)});
      all.queues.Reuse();
    }
  });
  for (uint64_t i = 0; i < kEntries; ++i) {
    for (bool entered = false; !entered;) {
      all.queues.MakeRoom(0, 1);
      MutexLock lock(all.append_lock);
      entered = queue.room() > 0;  // it may have been forgotten meanwhile
      if (entered)
        queue.Enter({.position = LogPosition(i * 8), .filter = static_cast<uint32_t>(i)});
    }
  }
  for (std::thread& reader : readers) reader.join();
  forgetter.join();

  CHECK(wrong == 0);
  CHECK(seen > 0);
  CHECK(Positions(all, 0, kEntries - 5).size() == 5);
}

}  // namespace
}  // namespace weir::internal
