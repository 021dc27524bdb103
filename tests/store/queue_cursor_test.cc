#include "store/queue_cursor.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "store/small_engine.h"

namespace weir::testing {
namespace {

using internal::QueueCursor;
using internal::QueueEntry;
using Outcome = QueueCursor::Outcome;

// A queue that lies in index files for the most part, and in memory at its end.
struct LongQueue {
  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<Engine> engine = OpenEngine(SmallOptions(disk, clock));
  std::vector<Receipt> receipts;

  explicit LongQueue(size_t sealed = 150, size_t in_memory = 100) {
    receipts = weir::testing::AppendNumbered(*engine, 0, sealed, 200);
    SealAll(*engine);
    for (const Receipt& receipt : weir::testing::AppendNumbered(*engine, sealed, in_memory, 60)) {
      receipts.push_back(receipt);
    }
  }

  uint32_t number() { return Find(*engine, "t").first_queue; }
  internal::ConsumeQueue& queue() { return engine->queues().queue(number()); }
  QueueCursor CursorAt(uint64_t offset) {
    return QueueCursor({.log = &engine->view(),
                        .queues = &engine->queues(),
                        .files = &engine->index_files(),
                        .indexer = &engine->indexer()},
                       number(), offset);
  }
};

Outcome Get(QueueCursor& cursor, QueueEntry* entry) {
  const auto outcome = cursor.Get(entry);
  INFO(outcome.status());
  REQUIRE(outcome.ok());
  return *outcome;
}

TEST_CASE("a cursor walks over all entries, out of the index files into memory, to the end") {
  LongQueue long_queue;
  REQUIRE(long_queue.queue().memory_first() > 100);
  REQUIRE(long_queue.queue().memory_first() < 200);
  for (const uint64_t from : {0u, 1u, 63u, 64u, 120u, 249u}) {
    QueueCursor cursor = long_queue.CursorAt(from);
    QueueEntry entry;
    for (uint64_t offset = from; offset < 250; ++offset, cursor.Next()) {
      CHECK(cursor.offset() == offset);
      REQUIRE(Get(cursor, &entry) == Outcome::kEntry);
      REQUIRE(entry.position == long_queue.receipts[offset].position);
      REQUIRE(Get(cursor, &entry) == Outcome::kEntry);  // looking twice does not move
    }
    CHECK(Get(cursor, &entry) == Outcome::kEnd);
  }
}

TEST_CASE("a cursor goes anywhere, also backwards, and sees what is appended meanwhile") {
  LongQueue long_queue;
  QueueCursor cursor = long_queue.CursorAt(0);
  QueueEntry entry;
  for (uint64_t i = 0, offset = 7; i < 500; ++i, offset = (offset * 37 + 11) % 250) {
    cursor.MoveTo(offset);
    REQUIRE(Get(cursor, &entry) == Outcome::kEntry);
    REQUIRE(entry.position == long_queue.receipts[offset].position);
  }
  for (uint64_t offset = 250; offset-- > 0;) {
    cursor.MoveTo(offset);
    REQUIRE(Get(cursor, &entry) == Outcome::kEntry);
    REQUIRE(entry.position == long_queue.receipts[offset].position);
  }
  cursor.MoveTo(250);
  REQUIRE(Get(cursor, &entry) == Outcome::kEnd);
  const Receipt more = Append(*long_queue.engine, {.topic = "t", .queue_id = 0, .body = "more"});
  REQUIRE(Get(cursor, &entry) == Outcome::kEntry);
  CHECK(entry.position == more.position);
}

TEST_CASE("entries that are sealed under a cursor are found in their file") {
  LongQueue long_queue(10, 150);
  QueueCursor cursor = long_queue.CursorAt(0);
  QueueEntry entry;
  REQUIRE(Get(cursor, &entry) == Outcome::kEntry);
  SealAll(*long_queue.engine);
  REQUIRE(long_queue.queue().memory_first() > 70);
  for (uint64_t offset = 0; offset < 160; ++offset, cursor.Next()) {
    REQUIRE(Get(cursor, &entry) == Outcome::kEntry);
    REQUIRE(entry.position == long_queue.receipts[offset].position);
  }
}

TEST_CASE("seeking a position finds the first message that begins there or behind it") {
  LongQueue long_queue;
  const std::vector<Receipt>& receipts = long_queue.receipts;
  const auto seek = [&](LogPosition position) {
    QueueCursor cursor = long_queue.CursorAt(0);
    const auto offset = cursor.SeekPosition(position);
    REQUIRE(offset.ok());
    CHECK(cursor.offset() == *offset);
    return *offset;
  };
  CHECK(seek(LogPosition(0)) == 0);
  for (uint64_t i = 0; i < receipts.size(); ++i) {
    REQUIRE(seek(receipts[i].position) == i);
    REQUIRE(seek(receipts[i].position + 1) == i + 1);
    REQUIRE(seek(receipts[i].position - 1) == i);
  }
  CHECK(seek(LogPosition(~uint64_t{0})) == receipts.size());
}

TEST_CASE("an entry that was dropped is too small, and those that are left are found") {
  LongQueue long_queue;
  const LogPosition keep(5 * kSegment);
  REQUIRE(long_queue.engine->log().TrimTo(keep).ok());
  QueueEntry entry;
  for (uint64_t offset = 0; offset < 250; ++offset) {
    QueueCursor cursor = long_queue.CursorAt(offset);
    const bool is_left = long_queue.receipts[offset].position >= keep;
    CAPTURE(offset);
    REQUIRE(Get(cursor, &entry) == (is_left ? Outcome::kEntry : Outcome::kTooSmall));
    if (is_left) CHECK(entry.position == long_queue.receipts[offset].position);
  }
  // Seeking a position that was dropped comes to the oldest message that is left.
  QueueCursor cursor = long_queue.CursorAt(0);
  const auto offset = cursor.SeekPosition(LogPosition(0));
  REQUIRE(offset.ok());
  REQUIRE(*offset < 250);
  CHECK(long_queue.receipts[*offset].position >= keep);
  CHECK(long_queue.receipts[*offset - 1].position < keep);
}

// Index files that are not in use are closed, and looked at again when somebody needs them.
void CloseIndexFiles(Engine& engine) {
  for (LogPosition begin; begin < engine.indexer().sealed_end(); begin += kSegment) {
    engine.index_files().Forget(begin);
  }
}

TEST_CASE("an index file that is gone or damaged under a cursor is computed again on the way") {
  LongQueue long_queue;
  const LogPosition begin(2 * kSegment);
  const std::string path = FileOf(begin) + ".index";
  CloseIndexFiles(*long_queue.engine);
  const bool is_gone = GENERATE(true, false);
  if (is_gone) {
    long_queue.disk.RemoveFile(path);
  } else {
    long_queue.disk.WriteFile(path, "no index");
  }
  QueueCursor cursor = long_queue.CursorAt(0);
  QueueEntry entry;
  for (uint64_t offset = 0; offset < 250; ++offset, cursor.Next()) {
    REQUIRE(Get(cursor, &entry) == Outcome::kEntry);
    REQUIRE(entry.position == long_queue.receipts[offset].position);
  }
  CHECK(long_queue.engine->indexer().rebuilt() == 1);
  CHECK(long_queue.disk.ReadFile(path).size() > 100);
}

TEST_CASE("an error that may pass is told, and the cursor goes on where it was") {
  LongQueue long_queue;
  CloseIndexFiles(*long_queue.engine);
  QueueCursor cursor = long_queue.CursorAt(5);
  QueueEntry entry;
  long_queue.disk.Inject(
      TooManyOpenFiles({.kind = OperationKind::kOpen, .name_contains = ".index"}));
  CHECK(absl::IsUnavailable(cursor.Get(&entry).status()));
  REQUIRE(Get(cursor, &entry) == Outcome::kEntry);
  CHECK(entry.position == long_queue.receipts[5].position);
  CHECK(long_queue.engine->indexer().rebuilt() == 0);
}

}  // namespace
}  // namespace weir::testing
