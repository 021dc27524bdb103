#include "index/snapshots.h"

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
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
    Indexed store(disk, clock);
    store.words.saves_nonsense = true;
    store.AppendNumbered(1, 0, 100);
    words = store.words.words;
    store.Close();
  }
  Indexed again(disk, clock);
  CHECK_FALSE(again.report.notes.empty());
  CHECK(again.words.words == words);
  CHECK(again.words.applied == 100);  // each once
  CHECK(again.report.damage.empty());
}

// A store with so many queues that files after the first have their changes only: in those that
// follow stand runs of many queues, and in the third of one that is new.
struct ManyQueues {
  static constexpr uint32_t kCount = 2000;
  FaultFileSystem disk;
  ManualClock clock;
  uint64_t ends = 0;  // of the queues, together
  uint64_t sealed = 0;

  ManyQueues() {
    Indexed store(disk, clock, kCount);
    std::vector<uint32_t> further;
    for (uint32_t number = 1; number < 65; ++number) further.push_back(number);
    for (uint64_t segment = 0; segment < 4; ++segment) {
      if (segment == 2) store.Append(kCount - 1, "new");
      while (store.log->front().claimed_end() < LogPosition((segment + 1) * kSegment)) {
        store.Append(0, "to all of them", further);
      }
    }
    store.SealAll();
    sealed = SealedSegments(store);
    REQUIRE(KindIn(store, 0, "queues") == SavedKind::kFull);
    for (uint64_t segment = 1; segment < sealed; ++segment) {
      REQUIRE(KindIn(store, segment, "queues") == std::nullopt);
    }
    ends = Ends(store);
    REQUIRE(store.log->Close().ok());
  }
  static uint64_t Ends(const Indexed& store) {
    uint64_t sum = 0;
    for (uint32_t number = 0; number < store.queues.end(); ++number) {
      sum += store.queues.queue(number).end();
    }
    return sum;
  }
};

TEST_CASE("queues come back from a full state and the runs behind it, new ones too") {
  ManyQueues many;
  Indexed again(many.disk, many.clock, ManyQueues::kCount);
  CHECK(again.report.notes.empty());
  CHECK(ManyQueues::Ends(again) == many.ends);
  CHECK(again.queues.queue(ManyQueues::kCount - 1).end() == 1);
  CHECK(again.indexer.sealed_end() == LogPosition(many.sealed * kSegment));
}

TEST_CASE("a file without a state of the queues has none either when it is computed again") {
  ManyQueues many;
  const std::string before = many.disk.ReadFile(IndexPath(1));
  Indexed again(many.disk, many.clock, ManyQueues::kCount);
  REQUIRE(again.indexer.Rebuild(LogPosition(kSegment)).ok());
  CHECK(many.disk.ReadFile(IndexPath(1)) == before);
}

TEST_CASE("runs that make no sense, or a block of them that is damaged, are read from the log") {
  ManyQueues many;
  SECTION("a queue that nobody knows") {
    Indexed again(many.disk, many.clock, ManyQueues::kCount - 1);
    REQUIRE(again.report.notes.size() >= 1);
    CHECK(absl::StrContains(again.report.notes[0], "unknown queue 1999"));
    CHECK(ManyQueues::Ends(again) == many.ends - 1);
    CHECK(again.queues.queue(0).memory_first() == 0);
  }
  SECTION("a damaged block") {
    const std::string path = IndexPath(many.sealed - 1);
    std::string bytes = many.disk.ReadFile(path);
    const size_t in_runs = kIndexHeaderBytes + 2 * sizeof(uint64_t) + 5;
    bytes[in_runs] = static_cast<char>(bytes[in_runs] ^ 1);
    many.disk.WriteFile(path, bytes);
    Indexed again(many.disk, many.clock, ManyQueues::kCount);
    CHECK(again.report.notes.size() == 1);
    CHECK(ManyQueues::Ends(again) == many.ends);
    CHECK(again.indexer.sealed_end() == LogPosition((many.sealed - 1) * kSegment));
  }
}

TEST_CASE("what a file tells of a segment that cannot be read is known all the same") {
  FaultFileSystem disk;
  ManualClock clock;
  std::map<uint64_t, std::string> words;
  uint64_t newest = 0;
  {
    Indexed store(disk, clock);
    store.AppendNumbered(1, 0, 40);
    store.SealAll();
    words = store.words.words;
    newest = SealedSegments(store) - 1;
    REQUIRE(store.log->Close().ok());
  }
  disk.WriteFile(FileOf(LogPosition(newest * kSegment)), "nothing of a segment");

  Indexed again(disk, clock);

  CHECK(again.words.words == words);
  CHECK(again.queues.queue(1).end() == 40);
  CHECK(again.indexer.sealed_end() == LogPosition((newest + 1) * kSegment));
}

TEST_CASE("an index file whose name lies between two segments is none") {
  Changed changed(/*rebuild=*/false);
  changed.disk.WriteFile("/store/" + IndexFileName(LogPosition(kSegment + 8)),
                         changed.disk.ReadFile(IndexPath(changed.changes_only)));
  Indexed again(changed.disk, changed.clock);
  CHECK(again.report.notes.empty());
  CHECK(again.words.words == changed.words);
}

TEST_CASE("a state is put together from files that follow one another, else it is read anew") {
  Changed changed(/*rebuild=*/false);
  const uint64_t newest = changed.changes_only;
  const auto from = [&](LogPosition sealed_end) {
    Indexed again(changed.disk, changed.clock);
    CHECK(again.words.words == changed.words);
    CHECK(again.queues.queue(1).end() == 400);
    CHECK(again.indexer.sealed_end() == sealed_end);
  };

  SECTION("one between the changes and the full state is missing") {
    // The words' changes behind it are of no use then; the files before it are.
    changed.disk.RemoveFile(IndexPath(newest - 1));
    from(LogPosition((newest - 1) * kSegment));
  }
  SECTION("no file has everything whole") {
    for (uint64_t segment = 0; segment < newest; ++segment) {
      changed.disk.RemoveFile(IndexPath(segment));
    }
    from(LogPosition(0));
  }
}

TEST_CASE("changes are the whole state where no segment is left that they build on") {
  Changed changed(/*rebuild=*/false);
  for (uint64_t segment = 0; segment < changed.changes_only; ++segment) {
    changed.disk.RemoveFile(IndexPath(segment));
    changed.disk.RemoveFile(FileOf(LogPosition(segment * kSegment)));
  }
  Indexed again(changed.disk, changed.clock);
  for (const auto& [position, word] : again.words.words) CHECK(changed.words.at(position) == word);
  CHECK(again.queues.queue(1).end() == 400);
  CHECK(again.indexer.sealed_end() > LogPosition(changed.changes_only * kSegment));
}

}  // namespace
}  // namespace weir::testing
