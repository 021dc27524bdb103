// Rebuilding: an index file that is gone, damaged or stale is computed again from the log.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "index/indexer.h"
#include "index/small_indexer.h"

namespace weir::testing {
namespace {

// Makes an index file of the same shape that belongs to another content of its segment.
std::string Stale(const std::string& bytes) {
  auto header = DecodeIndexHeader({bytes.data(), kIndexHeaderBytes});
  REQUIRE(header.ok());
  header->identity.incarnation ^= 1;
  return EncodeIndexHeader(*header) + bytes.substr(kIndexHeaderBytes);
}

struct Sealed {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store{disk, clock, 30};
  std::vector<Indexed::Runs> files;

  Sealed() {
    for (size_t i = 0; i < 100; ++i) {
      if (i % 7 == 0) store.Append(2, Numbered(i, 60), {5, 29});
      if (i == 40) store.AppendNumbered(3, 0, 1);
      store.AppendNumbered(1, i, 1);
    }
    store.SealAll();
    for (uint64_t segment = 0; segment < 5; ++segment) files.push_back(store.InFile(segment));
  }

  // Index files that are not in use are closed; the next look goes to the disk.
  void CloseFile(uint64_t segment) { store.files.Forget(LogPosition(segment * kSegment)); }
};

TEST_CASE("an index file that is computed again says what the sealed one said") {
  Sealed sealed;
  for (uint64_t segment = 0; segment < 5; ++segment) {
    sealed.disk.RemoveFile(IndexPath(segment));
    sealed.CloseFile(segment);
  }
  // Oldest first: links of the newer ones lead into the older ones.
  for (uint64_t segment = 0; segment < 5; ++segment) {
    CAPTURE(segment);
    REQUIRE(sealed.store.indexer.Rebuild(LogPosition(segment * kSegment)).ok());
    CHECK(sealed.store.InFile(segment) == sealed.files[segment]);
    CHECK(sealed.store.indexer.rebuilt() == segment + 1);
  }
}

TEST_CASE("what is gone, damaged or stale is found and computed again, what is sound stays") {
  Sealed sealed;
  for (uint64_t segment = 0; segment < 5; ++segment) sealed.CloseFile(segment);
  const std::string sound = sealed.disk.ReadFile(IndexPath(4));
  sealed.disk.RemoveFile(IndexPath(0));
  std::string flipped = sealed.disk.ReadFile(IndexPath(1));
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  sealed.disk.WriteFile(IndexPath(1), flipped);
  sealed.disk.WriteFile(IndexPath(2), Stale(sealed.disk.ReadFile(IndexPath(2))));
  sealed.disk.WriteFile(IndexPath(3), "");

  REQUIRE(sealed.store.indexer.RebuildDamaged().ok());

  CHECK(sealed.store.indexer.rebuilt() == 4);
  for (uint64_t segment = 0; segment < 5; ++segment) {
    CAPTURE(segment);
    CHECK(sealed.store.InFile(segment) == sealed.files[segment]);
  }
  CHECK(sealed.disk.ReadFile(IndexPath(4)) == sound);
  REQUIRE(sealed.store.indexer.RebuildDamaged().ok());
  CHECK(sealed.store.indexer.rebuilt() == 4);
}

TEST_CASE("a damaged file that was computed again serves at the next open") {
  Sealed sealed;
  sealed.CloseFile(1);
  sealed.disk.WriteFile(IndexPath(1), "nothing of an index");
  REQUIRE(sealed.store.indexer.RebuildDamaged().ok());
  const std::map<uint64_t, std::string> words = sealed.store.words.words;
  sealed.store.Close();

  Indexed again(sealed.disk, sealed.clock, 30);
  CHECK(again.report.notes.empty());
  CHECK(again.InFile(1) == sealed.files[1]);
  CHECK(again.words.words == words);
}

TEST_CASE("there is nothing to compute where no segment is, and not before it is sealed") {
  Sealed sealed;
  const LogPosition active = sealed.store.indexer.sealed_end();
  CHECK(absl::IsNotFound(sealed.store.indexer.Rebuild(active)));
  CHECK(absl::IsOutOfRange(sealed.store.indexer.Rebuild(LogPosition(1000 * kSegment))));
  CHECK(sealed.store.indexer.rebuilt() == 0);
}

TEST_CASE("a full disk stops a rebuild, which succeeds when there is room") {
  Sealed sealed;
  sealed.CloseFile(2);
  sealed.disk.RemoveFile(IndexPath(2));
  sealed.disk.Inject(DiskFull({.kind = OperationKind::kWrite, .name_contains = ".index"}));
  CHECK(absl::IsResourceExhausted(sealed.store.indexer.RebuildDamaged()));
  CHECK_FALSE(sealed.disk.FileExists(IndexPath(2)));
  CHECK(sealed.store.indexer.rebuilt() == 0);

  REQUIRE(sealed.store.indexer.RebuildDamaged().ok());
  CHECK(sealed.store.InFile(2) == sealed.files[2]);
}

TEST_CASE("an error that may pass is no reason to compute an index file again") {
  Sealed sealed;
  sealed.CloseFile(2);
  const std::string sound = sealed.disk.ReadFile(IndexPath(2));
  sealed.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen, .name_contains = ".index"}));
  CHECK(absl::IsUnavailable(sealed.store.indexer.RebuildDamaged()));
  CHECK(sealed.store.indexer.rebuilt() == 0);
  CHECK(sealed.disk.ReadFile(IndexPath(2)) == sound);
  CHECK(sealed.store.indexer.RebuildDamaged().ok());
  CHECK(sealed.store.indexer.rebuilt() == 0);
}

TEST_CASE("a process that only reads keeps what it computed in memory, and writes nothing") {
  Sealed sealed;
  sealed.store.Close();
  sealed.disk.RemoveFile(IndexPath(1));
  sealed.disk.WriteFile(IndexPath(2), "nothing of an index");
  IndexFiles files(&sealed.store.log->directory(), &sealed.store.log->cache());
  Indexer reader(&sealed.store.view, &sealed.store.queues, &sealed.store.digests, &files,
                 {&sealed.store.words}, /*observer=*/nullptr, &sealed.store.log->health());
  files.SetResolver([&](LogPosition begin) { return reader.IdentityOf(begin); });
  Indexer::Report report;
  REQUIRE(reader.Restore(sealed.store.log->front().durable_end(), {}, &report).ok());
  uint64_t changes = 0;
  sealed.disk.SetHook([&](const Operation& operation) {
    changes += operation.kind != OperationKind::kOpen && operation.kind != OperationKind::kRead &&
               operation.kind != OperationKind::kStat;
  });
  REQUIRE(reader.RebuildDamaged().ok());
  CHECK(reader.rebuilt() == 2);
  REQUIRE(reader.RebuildDamaged().ok());
  CHECK(reader.rebuilt() == 2);
  sealed.disk.SetHook(nullptr);
  CHECK(changes == 0);
  CHECK_FALSE(sealed.disk.FileExists(IndexPath(1)));
  for (const uint64_t segment : {1u, 2u}) {
    for (const auto& [queue, run] : sealed.files[segment]) {
      const auto found = files.FindRun(LogPosition(segment * kSegment), queue);
      REQUIRE(found.ok());
      REQUIRE(found->has_value());
      CHECK((*found)->run.first == QueueOffset(run.first));
      CHECK((*found)->run.links == run.links);
      CHECK((*found)->run.count == run.positions.size());
    }
  }
}

TEST_CASE("what no segment begins at has no index file, and none is made for it") {
  Sealed sealed;
  const LogPosition inside(kSegment + 8);
  CHECK(absl::IsOutOfRange(sealed.store.indexer.IdentityOf(inside).status()));
  CHECK(absl::IsOutOfRange(sealed.store.indexer.Rebuild(inside)));
  CHECK_FALSE(sealed.disk.FileExists("/store/" + IndexFileName(inside)));
}

TEST_CASE("whichever call of a rebuild meets an error that may pass, nothing is written") {
  Sealed sealed;
  const std::string sound = sealed.disk.ReadFile(IndexPath(4));
  const OperationKind kind = GENERATE(OperationKind::kOpen, OperationKind::kRead);
  uint64_t met = 0;
  for (uint64_t nth = 1;; ++nth) {
    CAPTURE(OperationKindName(kind), nth);
    for (uint64_t segment = 0; segment < 5; ++segment) sealed.CloseFile(segment);
    std::vector<DamagedRange> missing;  // nor is a segment open
    REQUIRE(sealed.store.log->segments().Load(LogPosition(0), LogPosition(0), &missing).ok());
    const uint64_t failures = sealed.disk.failures();
    sealed.disk.Inject(TooManyOpenFiles({.kind = kind, .nth = nth}));
    const absl::Status rebuilt = sealed.store.indexer.Rebuild(LogPosition(4 * kSegment));
    sealed.disk.ClearFaults();
    if (rebuilt.ok()) {
      CHECK(sealed.store.InFile(4) == sealed.files[4]);
      if (sealed.disk.failures() == failures) break;
      continue;  // of what was saved in the file before, which can do without
    }
    CHECK(absl::IsUnavailable(rebuilt));
    CHECK(sealed.disk.ReadFile(IndexPath(4)) == sound);
    ++met;
  }
  CHECK(met >= 3);
}

TEST_CASE("what cannot be searched without links today may be tomorrow") {
  Sealed sealed;
  for (uint64_t segment = 0; segment < 5; ++segment) sealed.CloseFile(segment);
  sealed.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen, .name_contains = ".index"}));
  const auto find = [&] { return sealed.store.indexer.FindWithoutLinks(1, QueueOffset(0)); };
  CHECK(absl::IsUnavailable(find().status()));
  REQUIRE(find().ok());
  CHECK(find()->run.has_value());
}

TEST_CASE(
    "every file of a log that is sealed to its end is looked at, and what is lost passed by") {
  Sealed sealed;
  const LogPosition end = sealed.store.indexer.sealed_end();
  const uint64_t last = end.value() / kSegment - 1;
  sealed.store.log->segments().TakeFrom(end);
  for (const uint64_t segment : {uint64_t{2}, last}) {
    sealed.CloseFile(segment);
    sealed.disk.RemoveFile(IndexPath(segment));
  }
  std::vector<DamagedRange> missing;
  REQUIRE(sealed.store.log->segments().Load(LogPosition(0), LogPosition(0), &missing).ok());
  sealed.store.log->segments().TakeFrom(end);
  sealed.disk.WriteFile(FileOf(LogPosition(2 * kSegment)), "nothing of a segment");

  REQUIRE(sealed.store.indexer.RebuildDamaged().ok());

  CHECK(sealed.store.indexer.rebuilt() == 1);
  CHECK_FALSE(sealed.disk.FileExists(IndexPath(2)));
  CHECK(sealed.disk.FileExists(IndexPath(last)));
}

}  // namespace
}  // namespace weir::testing
