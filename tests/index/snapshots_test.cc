#include "index/snapshots.h"

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "index/small_indexer.h"

namespace weir::testing {
namespace {

std::optional<SavedKind> KindIn(Indexed& store, uint64_t segment, absl::string_view name) {
  const auto file = store.files.Get(LogPosition(segment * kSegment));
  REQUIRE(file.ok());
  const auto saved = (*file)->Saved(name);
  REQUIRE(saved.ok());
  if (!saved->has_value()) return std::nullopt;
  return (*saved)->kind;
}

uint64_t SealedSegments(Indexed& store) { return store.indexer.sealed_end().value() / kSegment; }

TEST_CASE("a small state stands in every file, whole; a large one every now and then") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  store.AppendNumbered(1, 0, 800);
  store.SealAll();
  const uint64_t count = SealedSegments(store);
  REQUIRE(count > 50);
  uint64_t since = 0;
  uint64_t full_words = 0;
  for (uint64_t segment = 0; segment < count; ++segment) {
    CAPTURE(segment);
    CHECK(KindIn(store, segment, "queues") == SavedKind::kFull);  // four queues
    const bool is_full = KindIn(store, segment, "words") == SavedKind::kFull;
    full_words += is_full;
    since = is_full ? 0 : since + 1;
    CHECK(since < Snapshots::kFilesPerFull);
    if (segment < 5) CHECK(is_full);
  }
  CHECK(full_words < count / 2);
}

TEST_CASE("a state that does not change is whole again in time: an open looks at few files") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock, 4);
  for (int i = 0; i < 100; ++i) store.words.words[1] = std::string(5000, 'x');  // large for ever
  store.AppendNumbered(1, 0, 1);
  const size_t known = store.words.words.size();
  while (store.log->front().claimed_end() < LogPosition(60 * kSegment)) {
    store.AppendNumbered(1, 1, 1);
    while (store.words.words.size() > known) store.words.words.erase(--store.words.words.end());
  }
  store.Close();
  uint64_t since = 0;
  for (uint64_t segment = 0; segment < SealedSegments(store); ++segment) {
    since = KindIn(store, segment, "words") == SavedKind::kFull ? 0 : since + 1;
    CHECK(since < Snapshots::kFilesPerFull);
  }
  CHECK(since > 0);
  uint64_t opened = 0;
  disk.SetHook([&](const Operation& operation) {
    opened += operation.kind == OperationKind::kOpen &&
              operation.name.find(".index") != std::string::npos;
  });
  Indexed again(disk, clock, 4);
  disk.SetHook(nullptr);
  CHECK(opened <= Snapshots::kFilesPerFull);
  CHECK(again.words.words.at(1).size() == 5000);
}

// A store whose words are large, with the newest index file that has changes only.
struct Changed {
  FaultFileSystem disk;
  ManualClock clock;
  std::map<uint64_t, std::string> words;
  uint64_t changes_only = 0;

  explicit Changed(bool rebuild) {
    Indexed store(disk, clock);
    store.AppendNumbered(1, 0, 400);
    store.SealAll();
    words = store.words.words;
    for (uint64_t segment = SealedSegments(store); segment-- > 0;) {
      if (KindIn(store, segment, "words") != SavedKind::kChange) continue;
      changes_only = segment;
      break;
    }
    REQUIRE(changes_only > SealedSegments(store) - 4);
    if (rebuild) {
      store.files.Forget(LogPosition(changes_only * kSegment));  // not open: as after 64 others
      disk.RemoveFile(IndexPath(changes_only));
      REQUIRE(store.indexer.RebuildDamaged().ok());
      CHECK(store.indexer.rebuilt() == 1);
    }
    REQUIRE(store.log->Close().ok());
  }
};

TEST_CASE("an index file that was computed again takes nothing from the next open") {
  Changed changed(/*rebuild=*/true);
  Indexed again(changed.disk, changed.clock);
  for (const auto& [position, word] : changed.words) {
    CAPTURE(position);
    CHECK(again.words.words[position] == word);
  }
  CHECK(again.queues.queue(1).end() == 400);
  // What the open had to read from the log is sealed again, and the next one has it at hand.
  again.SealAll();
  again.AppendNumbered(1, 400, 40);
  again.Close();
  Indexed third(changed.disk, changed.clock);
  CHECK(third.report.notes.empty());
  CHECK(third.words.applied < 40);
  CHECK(third.words.words.size() >= changed.words.size());
}

TEST_CASE("the first file after one was computed again has everything whole") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  store.AppendNumbered(1, 0, 400);
  store.SealAll();
  uint64_t next = SealedSegments(store);
  while (KindIn(store, next - 1, "words") == SavedKind::kFull ||
         KindIn(store, next - 2, "words") == SavedKind::kFull) {
    store.AppendNumbered(1, store.queues.queue(1).end(), 1);
    store.SealAll();
    next = SealedSegments(store);
  }
  REQUIRE(store.indexer.Rebuild(LogPosition(3 * kSegment)).ok());
  while (SealedSegments(store) == next) {
    store.AppendNumbered(1, store.queues.queue(1).end(), 1);
    store.SealAll();
  }
  CHECK(KindIn(store, next, "words") == SavedKind::kFull);
}

TEST_CASE("what a damaged file had saved and can still be read goes into the one in its place") {
  Changed changed(/*rebuild=*/false);
  const std::string before = changed.disk.ReadFile(IndexPath(changed.changes_only));
  Indexed store(changed.disk, changed.clock);
  REQUIRE(store.indexer.Rebuild(LogPosition(changed.changes_only * kSegment)).ok());
  CHECK(changed.disk.ReadFile(IndexPath(changed.changes_only)) == before);
}

TEST_CASE("states of several indexes are loaded whichever files they are whole in") {
  // The queues are whole in every file and the words in few: a damage between leaves both right.
  Changed changed(/*rebuild=*/false);
  std::string bytes = changed.disk.ReadFile(IndexPath(changed.changes_only));
  bytes[bytes.size() - 1] = static_cast<char>(bytes[bytes.size() - 1] ^ 1);
  changed.disk.WriteFile(IndexPath(changed.changes_only), bytes);
  Indexed again(changed.disk, changed.clock);
  CHECK(again.report.notes.size() == 1);
  CHECK(again.words.words == changed.words);
  CHECK(again.queues.queue(1).end() == 400);
  CHECK(again.indexer.sealed_end() <= LogPosition(changed.changes_only * kSegment));
  again.SealAll();
  for (uint64_t segment = 0; segment < SealedSegments(again); ++segment) again.InFile(segment);
}

TEST_CASE("the index file of a number that a cut skipped tells nothing") {
  FaultFileSystem disk;
  ManualClock clock;
  size_t kept = 0;
  uint64_t skipped = 0;
  {
    Indexed store(disk, clock);
    kept = store.AppendNumbered(1, 0, 25).size();
    SyncNow(*store.log);
    skipped = store.log->front().durable_end().value() / kSegment + 1;
  }
  FaultFileSystem other(disk.PowerLoss(LossPlan::LoseEverything()));
  std::string stranger;
  {
    // The log as it might have gone on.
    Indexed store(disk, clock);
    store.AppendNumbered(1, 25, 60);
    store.SealAll();
    stranger = disk.ReadFile(IndexPath(skipped));
  }
  for (int opens = 0; opens < 2; ++opens) {
    other.WriteFile(IndexPath(skipped), stranger);
    Indexed store(other, clock);
    REQUIRE_FALSE(store.log->segments().EntryAt(LogPosition(skipped * kSegment)));
    CHECK(store.queues.queue(1).end() == kept);
    CHECK(store.words.words.size() == kept);
    store.AppendNumbered(1, kept, 1);
    ++kept;
    SyncNow(*store.log);
    REQUIRE(store.log->Close().ok());  // nothing is sealed
  }
}

TEST_CASE("a saved state that makes no sense is left out whole, and the log is read instead") {
  FaultFileSystem disk;
  ManualClock clock;
  std::map<uint64_t, std::string> words;
  {
    Indexed store(disk, clock, 9);
    store.AppendNumbered(8, 0, 100);
    words = store.words.words;
    store.Close();
  }
  Indexed again(disk, clock, 4);  // knows no queue 8
  CHECK_FALSE(again.report.notes.empty());
  CHECK(again.words.words == words);
  CHECK(again.words.applied == 100);  // each once
  CHECK(again.report.damage.size() <= 2);
}

}  // namespace
}  // namespace weir::testing
