// Opening: every index comes back from the newest index files and the log behind them.

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "index/indexer.h"
#include "index/small_indexer.h"
#include "log/followed_log.h"

namespace weir::testing {
namespace {

// What is saved about the words in a segment's index file.
SavedKind WordsKindIn(Indexed& store, uint64_t segment) {
  const auto file = store.files.Get(LogPosition(segment * kSegment));
  REQUIRE(file.ok());
  const auto saved = (*file)->Saved("words");
  REQUIRE(saved.ok());
  REQUIRE(saved->has_value());
  return (*saved)->kind;
}

TEST_CASE("what an open reads is the newest full state, the changes behind it and the log's end") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> one;
  std::vector<LogPosition> two;
  std::map<uint64_t, std::string> words;
  std::vector<Indexed::Runs> files;
  {
    Indexed store(disk, clock);
    for (size_t i = 0; i < 400; ++i) {
      (i % 5 == 0 ? two : one).push_back(store.Append(i % 5 == 0 ? 2 : 1, Numbered(i, 200)));
    }
    words = store.words.words;
    store.Close();
    const uint64_t count = store.indexer.sealed_end().value() / kSegment;
    for (uint64_t segment = 0; segment < count; ++segment) files.push_back(store.InFile(segment));
  }
  Indexed store(disk, clock);

  size_t full = 0;
  size_t changes_behind = 0;
  for (uint64_t segment = 0; segment < files.size(); ++segment) {
    const bool is_full = WordsKindIn(store, segment) == SavedKind::kFull;
    full += is_full;
    changes_behind = is_full ? 0 : changes_behind + 1;
  }
  CHECK(full >= 2);                 // an open reads no more than a part of all changes
  CHECK(full <= files.size() / 2);  // and sealing does not write everything each time
  CAPTURE(files.size(), full);
  CHECK(changes_behind >= 1);  // else this test says nothing of changes
  CHECK(store.report.notes.empty());
  CHECK(store.report.damage.empty());
  CHECK(store.report.bytes_read < 4 * kSegment);
  CHECK(store.words.applied < 40);
  CHECK(store.words.words == words);
  CHECK(store.AllPositions(1) == Values(one));
  CHECK(store.AllPositions(2) == Values(two));
  for (uint64_t segment = 0; segment < files.size(); ++segment) {
    CHECK(store.InFile(segment) == files[segment]);
  }
}

TEST_CASE("whatever index files are gone or damaged at an open, all comes back, and that is said") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> one;
  std::map<uint64_t, std::string> words;
  std::vector<Indexed::Runs> files;
  {
    Indexed store(disk, clock);
    one = store.AppendNumbered(1, 0, 200);
    store.Append(3, "once");
    words = store.words.words;
    store.Close();
    for (uint64_t segment = 0; segment < 10; ++segment) files.push_back(store.InFile(segment));
  }
  uint64_t newest = 0;
  while (disk.FileExists(IndexPath(newest + 1))) ++newest;
  REQUIRE(newest >= 10);
  const auto damage =
      GENERATE(as<std::string>(), "all gone", "oldest gone", "newest gone", "newest two bad",
               "header flipped", "saved flipped", "cut short", "garbage");
  CAPTURE(damage);
  const auto flip = [&](uint64_t segment, size_t from_end) {
    std::string bytes = disk.ReadFile(IndexPath(segment));
    char& byte = bytes[bytes.size() - from_end];
    byte = static_cast<char>(byte ^ 4);
    disk.WriteFile(IndexPath(segment), bytes);
  };
  if (damage == "all gone") {
    for (uint64_t segment = 0; segment <= newest; ++segment) disk.RemoveFile(IndexPath(segment));
  } else if (damage == "oldest gone" || damage == "newest gone") {
    disk.RemoveFile(IndexPath(damage == "oldest gone" ? 0 : newest));
  } else if (damage == "newest two bad") {
    disk.RemoveFile(IndexPath(newest));
    flip(newest - 1, disk.ReadFile(IndexPath(newest - 1)).size() - 20);
  } else if (damage == "header flipped") {
    flip(newest, disk.ReadFile(IndexPath(newest)).size() - 20);
  } else if (damage == "saved flipped") {
    for (uint64_t segment = 7; segment <= newest; ++segment) flip(segment, 1);
  } else {
    disk.WriteFile(IndexPath(newest), damage == "cut short" ? "short" : std::string(5000, 'x'));
  }
  Indexed store(disk, clock);
  CHECK(store.report.damage.empty());
  CHECK_FALSE(store.report.notes.empty());
  CHECK(store.log->health().state() == StoreState::kHealthy);
  CHECK(store.words.words == words);
  CHECK(store.queues.queue(1).end() == 200);

  store.SealAll();
  // What an open does not need it does not look at; who reads it has it computed again.
  REQUIRE(store.indexer.RebuildDamaged().ok());
  CHECK(store.AllPositions(1) == Values(one));
  CHECK(store.AllPositions(3).size() == 1);
  for (uint64_t segment = 0; segment < 10; ++segment) {
    CAPTURE(segment);
    CHECK(store.InFile(segment) == files[segment]);
  }
}

TEST_CASE("a segment that ends in a cut is sealed up to the cut, and the chain goes on behind it") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> survived;
  {
    Indexed store(disk, clock);
    survived = store.AppendNumbered(1, 0, 25);
    SyncNow(*store.log);
    store.AppendNumbered(1, 25, 3);  // the power loss takes them
    store.log->WriteStep();
  }
  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  Indexed store(after, clock);
  REQUIRE(store.queues.queue(1).end() == 25);
  const auto found = store.log->segments().EntryAt(survived.back());
  REQUIRE(found.has_value());
  REQUIRE(found->cut.has_value());
  const SegmentEntry cut = *found;
  const uint64_t number = cut.begin().value() / kSegment;
  const std::vector<LogPosition> more = store.AppendNumbered(1, 25, 20);
  const uint64_t next = more[0].value() / kSegment;
  REQUIRE(next > number + 1);
  survived.insert(survived.end(), more.begin(), more.end());
  store.SealAll();

  CHECK(store.AllPositions(1) == Values(survived));
  CHECK(store.InFile(next, 1).links.previous ==
        RunLink{cut.begin(), QueueOffset(store.InFile(number, 1).first)});
  const auto file = store.files.Get(cut.begin());
  REQUIRE(file.ok());
  CHECK((*file)->header().identity.records_end == *cut.cut);
  CHECK((*file)->header().identity.segment_end == cut.limit);

  // The same content when it is computed from the log alone.
  const Indexed::Runs sealed = store.InFile(number);
  after.RemoveFile(IndexPath(number));
  REQUIRE(store.indexer.Rebuild(cut.begin()).ok());
  CHECK(store.InFile(number) == sealed);
  CHECK(store.InFile(number, 1).positions.back() < cut.cut->value());
  store.Close();
  Indexed again(after, clock);
  CHECK(again.AllPositions(1) == Values(survived));
}

TEST_CASE("a record that makes no sense to an index is left out and told of; the others are fed") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> one;
  LogPosition strange;
  {
    Indexed store(disk, clock, 9);
    one = store.AppendNumbered(1, 0, 5);
    strange = store.Append(8, "strange");
    const std::vector<LogPosition> more = store.AppendNumbered(1, 5, 5);
    one.insert(one.end(), more.begin(), more.end());
    SyncNow(*store.log);
  }
  FaultFileSystem after(disk.ProcessDeath());
  disk.Kill();
  Indexed store(after, clock, 4);  // knows no queue 8

  REQUIRE(store.report.damage.size() == 1);
  CHECK(store.report.damage[0].begin == strange);
  CHECK(absl::StrContains(store.report.damage[0].reason, "queue 8"));
  CHECK(store.AllPositions(1) == Values(one));
  CHECK(store.words.words.count(strange.value()) == 1);
}

TEST_CASE("a record that cannot be read leaves a hole, in memory as in the index file") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> one;
  {
    Indexed store(disk, clock);
    one = store.AppendNumbered(1, 0, 40);
    SyncNow(*store.log);
    REQUIRE(store.log->Close().ok());  // nothing is sealed
  }
  Damage(disk, one[3]);
  Indexed store(disk, clock);
  std::vector<uint64_t> expected = Values(one);
  expected[3] = 0;
  CHECK(store.AllPositions(1) == expected);
  REQUIRE(store.report.damage.size() == 1);
  CHECK(store.report.damage[0].begin == one[3]);
  CHECK(store.report.damage[0].end == one[4]);

  store.SealAll();
  CHECK(store.InFile(0, 1).positions[3] == 0);
  CHECK(store.AllPositions(1) == expected);
  const Indexed::Runs sealed = store.InFile(0);
  REQUIRE(store.indexer.Rebuild(LogPosition(0)).ok());
  CHECK(store.InFile(0) == sealed);
}

TEST_CASE("without a segment its offsets are holes, and those around it are found without links") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<uint64_t> firsts;  // of each segment
  {
    Indexed store(disk, clock);
    store.AppendNumbered(1, 0, 100);
    store.Close();
    for (uint64_t segment = 0; segment < 5; ++segment) {
      firsts.push_back(store.InFile(segment, 1).first);
    }
  }
  disk.RemoveFile(FileOf(LogPosition(2 * kSegment)));
  Indexed store(disk, clock);
  CHECK(store.queues.queue(1).end() == 100);

  const auto place = [&](uint64_t offset) {
    const auto found = store.indexer.FindWithoutLinks(1, QueueOffset(offset));
    INFO(found.status());
    REQUIRE(found.ok());
    return *found;
  };
  for (uint64_t offset = 0; offset < firsts[4]; ++offset) {
    CAPTURE(offset);
    const Indexer::Place found = place(offset);
    const bool is_lost = offset >= firsts[2] && offset < firsts[3];
    REQUIRE(found.run.has_value() != is_lost);
    if (is_lost) {
      CHECK(found.holes_end == QueueOffset(firsts[3]));
    } else {
      CHECK(found.run->run.first <= QueueOffset(offset));
      CHECK(found.run->run.end() > QueueOffset(offset));
    }
  }
  CHECK(absl::IsOutOfRange(store.indexer.IdentityOf(LogPosition(2 * kSegment)).status()));
}

// A store whose log another indexer reads, with indexes and queues of its own.
struct ReadAgain {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store{disk, clock, 9};
  std::vector<LogPosition> one = store.AppendNumbered(1, 0, 5);
  LogPosition strange = store.Append(8, "strange");
  ConsumeQueues queues{&store.log->front().reader_slots(), &store.log->front().append_lock()};
  Digests digests{Indexed::kHashSeed, OwnTopic};
  IndexFiles files{&store.log->directory(), &store.log->cache()};
  ScriptedIndex first{"first"};
  ScriptedIndex second{"second"};
  Indexer indexer{&store.view,         &queues, &digests, &files, {&first, &second}, nullptr,
                  &store.log->health()};
  Indexer::Report report;

  ReadAgain() {
    REQUIRE(queues.Add(0, 4).ok());  // no queue 8
    files.SetResolver([this](LogPosition begin) { return indexer.IdentityOf(begin); });
  }
  absl::Status Restore() { return indexer.Restore(store.log->front().PublishedEnd(), {}, &report); }
};

TEST_CASE("of what makes no sense to several indexes the first one's reason is told") {
  ReadAgain again;
  again.first.applied = absl::DataLossError("the first reason");
  again.second.applied = absl::DataLossError("the second reason");

  REQUIRE(again.Restore().ok());

  REQUIRE(again.report.damage.size() == 1);
  CHECK(again.report.damage[0].begin == again.one[0]);
  CHECK(again.report.damage[0].end > again.strange);
  CHECK(absl::StrContains(again.report.damage[0].reason, "the first reason"));
  CHECK_FALSE(absl::StrContains(again.report.damage[0].reason, "the second reason"));
  // The queues have it all the same, as far as there is one.
  CHECK(again.queues.queue(1).end() == 5);
}

TEST_CASE("an error of an index that is no damage ends the open") {
  ReadAgain again;
  again.second.applied = absl::ResourceExhaustedError("no memory");

  CHECK(absl::IsResourceExhausted(again.Restore()));
}

TEST_CASE("a saved state that an index does not take is read from the log, or ends the open") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  store.AppendNumbered(1, 0, 40);
  store.SealAll();
  ConsumeQueues queues(&store.log->front().reader_slots(), &store.log->front().append_lock());
  REQUIRE(queues.Add(0, 4).ok());
  Digests digests(Indexed::kHashSeed, OwnTopic);
  ScriptedIndex words("words");
  Indexer indexer(&store.view, &queues, &digests, &store.files, {&words}, nullptr,
                  &store.log->health());
  Indexer::Report report;
  const auto restore = [&] {
    return indexer.Restore(store.log->front().PublishedEnd(), {}, &report);
  };

  words.loaded = absl::UnavailableError("too many open files");
  CHECK(absl::IsUnavailable(restore()));
  words.loaded = absl::DataLossError("makes no sense");
  REQUIRE(restore().ok());
  REQUIRE(report.notes.size() == 1);
  CHECK(absl::StrContains(report.notes[0], "makes no sense"));
  CHECK(queues.queue(1).memory_first() == 0);
  CHECK(queues.queue(1).end() == 40);
}

TEST_CASE("of a log without any segment nothing is known, and that is no error") {
  FaultFileSystem disk;
  ManualClock clock;
  { Indexed(disk, clock).Close(); }
  for (const std::string& name : disk.ListFiles("/store")) {
    if (ParseSegmentFileName(name)) disk.RemoveFile("/store/" + name);
  }
  const auto log = FollowedLog::Open(SmallLog(disk, clock));
  INFO(log.status());
  REQUIRE(log.ok());
  Mutex append_lock;
  ConsumeQueues queues(&(*log)->reader_slots(), &append_lock);
  Digests digests(Indexed::kHashSeed, OwnTopic);
  IndexFiles files(&(*log)->directory(), &(*log)->cache());
  Indexer indexer(log->get(), &queues, &digests, &files, {}, nullptr, &(*log)->health());
  Indexer::Report report;
  const LogPosition end = (*log)->ContiguousVisibleEnd();

  REQUIRE(indexer.Restore(end, {}, &report).ok());

  CHECK(indexer.fed_end() == end);
  CHECK(report.damage.empty());
}

TEST_CASE("what has the name of an index file of no segment is left alone") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> positions;
  {
    Indexed store(disk, clock);
    positions = store.AppendNumbered(1, 0, 60);
    store.Close();
  }
  const std::string stray = "/store/" + IndexFileName(LogPosition(kSegment + 8));
  disk.WriteFile(stray, disk.ReadFile(IndexPath(1)));

  Indexed store(disk, clock);

  CHECK(store.report.damage.empty());
  CHECK(store.AllPositions(1) == Values(positions));
  CHECK(disk.FileExists(stray));
}

}  // namespace
}  // namespace weir::testing
