// Keys and store times: taken from the log behind who appends, and sealed.

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "index/indexer.h"
#include "index/small_indexer.h"

namespace weir::testing {
namespace {

// Messages with keys in a few queues, each a topic of its own, and where they are.
class Keyed {
 public:
  Keyed(FaultFileSystem& disk, ManualClock& clock) : store(disk, clock), clock_(clock) {}

  void Append(size_t count) {
    for (size_t i = 0; i < count; ++i, ++next_) {
      const auto queue = static_cast<uint32_t>(next_ % 3);
      const std::string key = absl::StrCat("k", next_ % 11);
      const std::string own = absl::StrCat("own", next_);
      const LogPosition at = store.Append(queue, Numbered(next_, 150), {}, {key, own});
      where[{at.value() / kSegment, queue, key}].push_back(at.value());
      where[{at.value() / kSegment, queue, own}].push_back(at.value());
      clock_.Advance(absl::Seconds(1));
    }
  }
  // All keys of the segments [0, end) are found where `find` looks, and nowhere else.
  template <typename Find>
  void CheckAll(uint64_t end, Find&& find) {
    for (const auto& [what, positions] : where) {
      const auto& [segment, queue, key] = what;
      if (segment >= end) continue;
      CAPTURE(segment, queue, key);
      REQUIRE(find(segment, queue, key) == positions);
      REQUIRE(find(segment, (queue + 1) % 3, absl::StrCat("not ", key)).empty());
    }
  }
  uint64_t sealed() const { return store.indexer.sealed_end().value() / kSegment; }

  Indexed store;
  std::map<std::tuple<uint64_t, uint32_t, std::string>, std::vector<uint64_t>> where;

 private:
  ManualClock& clock_;
  size_t next_ = 0;
};

TEST_CASE("keys stand in memory until their segment is sealed, and then in its file") {
  FaultFileSystem disk;
  ManualClock clock;
  Keyed keyed(disk, clock);
  keyed.Append(60);
  const LogPosition visible = keyed.store.view.ContiguousVisibleEnd();
  CHECK(keyed.store.digests.All().empty());
  REQUIRE(keyed.store.indexer.DigestTo(visible).ok());
  CHECK(keyed.store.indexer.digested_end() == visible);
  keyed.CheckAll(100, [&](uint64_t segment, uint32_t queue, const std::string& key) {
    return keyed.store.InMemory(segment, queue, key);
  });

  keyed.store.SealAll();
  REQUIRE(keyed.sealed() >= 3);
  keyed.CheckAll(keyed.sealed(), [&](uint64_t segment, uint32_t queue, const std::string& key) {
    CHECK(keyed.store.digests.Find(LogPosition(segment * kSegment)) == nullptr);
    return keyed.store.InFile(segment, queue, key);
  });
  CHECK(keyed.store.digests.All().size() == 1);
}

TEST_CASE("a segment is sealed with all its keys, whether or not anybody looked for them before") {
  FaultFileSystem disk;
  ManualClock clock;
  Keyed keyed(disk, clock);
  const bool are_looked_for = GENERATE(false, true);
  for (int i = 0; i < 20; ++i) {
    keyed.Append(7);
    if (i % 4 == 1) REQUIRE(keyed.store.SealSome().ok());
    if (are_looked_for && i % 5 == 2) {
      REQUIRE(keyed.store.indexer.DigestTo(keyed.store.view.ContiguousVisibleEnd()).ok());
    }
  }
  keyed.store.SealAll();
  REQUIRE(keyed.sealed() >= 6);
  keyed.CheckAll(keyed.sealed(), [&](uint64_t segment, uint32_t queue, const std::string& key) {
    return keyed.store.InFile(segment, queue, key);
  });
}

TEST_CASE("an index file that is computed again has the same keys, filter and times, bit by bit") {
  FaultFileSystem disk;
  ManualClock clock;
  Keyed keyed(disk, clock);
  keyed.Append(90);
  keyed.store.SealAll();
  REQUIRE(keyed.sealed() >= 4);
  for (uint64_t segment = 0; segment < keyed.sealed(); ++segment) {
    const std::string sealed = disk.ReadFile(IndexPath(segment));
    REQUIRE(keyed.store.indexer.Rebuild(LogPosition(segment * kSegment)).ok());
    CHECK(disk.ReadFile(IndexPath(segment)) == sealed);

    // Saved sections go with the file; the rest comes back without it.
    disk.RemoveFile(IndexPath(segment));
    keyed.store.files.Forget(LogPosition(segment * kSegment));
    REQUIRE(keyed.store.indexer.Rebuild(LogPosition(segment * kSegment)).ok());
    const std::string rebuilt = disk.ReadFile(IndexPath(segment));
    const auto header = DecodeIndexHeader(sealed);
    const auto again = DecodeIndexHeader(rebuilt);
    REQUIRE(header.ok());
    REQUIRE(again.ok());
    CHECK(header->first_store_time == again->first_store_time);
    CHECK(header->last_store_time == again->last_store_time);
    const auto parts = [](const std::string& bytes, const IndexHeader& of) {
      return bytes.substr(of.body_at(), of.saved_directory_at());
    };
    CHECK(parts(sealed, *header) == parts(rebuilt, *again));
  }
}

TEST_CASE("a store that is opened knows the keys of its unsealed part, and reads no more for it") {
  FaultFileSystem disk;
  ManualClock clock;
  std::map<std::tuple<uint64_t, uint32_t, std::string>, std::vector<uint64_t>> where;
  uint64_t sealed = 0;
  LogPosition end;
  {
    Keyed keyed(disk, clock);
    keyed.Append(60);
    keyed.store.SealAll();
    sealed = keyed.sealed();
    keyed.Append(40);  // not sealed
    SyncNow(*keyed.store.log);
    end = keyed.store.log->front().claimed_end();
    where = keyed.where;
    REQUIRE(keyed.store.log->Close().ok());
  }
  Keyed keyed(disk, clock);
  keyed.where = where;
  CHECK(keyed.store.indexer.digested_end() == keyed.store.indexer.fed_end());
  CHECK(keyed.store.report.bytes_read <= end.value() - sealed * kSegment + (16 << 10));
  keyed.CheckAll(100, [&](uint64_t segment, uint32_t queue, const std::string& key) {
    return segment < sealed ? keyed.store.InFile(segment, queue, key)
                            : keyed.store.InMemory(segment, queue, key);
  });
}

TEST_CASE("a step looks at some thousand records, however many there are") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.segment_bytes = 1 << 20;
  options.front_bytes = 1 << 21;
  Indexed store(options, 4);
  uint64_t records = 0;
  while (store.log->front().claimed_end() < LogPosition((1 << 20) + (1 << 19))) {
    store.Append(1, "", {}, {"k"});
    ++records;
  }
  const LogPosition end = store.view.ContiguousVisibleEnd();
  uint64_t steps = 0;
  uint64_t known = 0;
  for (bool more = true; more; ++steps) {
    more = *store.indexer.DigestSome(end);
    uint64_t now = 0;
    for (const auto& digest : store.digests.All()) now += digest->keys().Sorted().size();
    CHECK(now - known <= Indexer::kRecordsPerStep);
    known = now;
  }
  CHECK(known == records);
  CHECK(steps >= records / Indexer::kRecordsPerStep);
  CHECK_FALSE(*store.indexer.DigestSome(end));
}

TEST_CASE("what is not visible yet is not looked at, and what is given up is never found") {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store(disk, clock);
  const LogPosition first = store.Append(1, "one", {}, {"k"});
  const Reservation open = Claim(*store.log, 8);
  store.Append(1, "two", {}, {"k"});
  const LogPosition visible = store.view.ContiguousVisibleEnd();
  CHECK(visible == open.position);
  REQUIRE(store.indexer.DigestTo(visible).ok());
  CHECK(store.InMemory(0, 1, "k") == std::vector<uint64_t>{first.value()});

  store.log->Abandon(open);
  REQUIRE(store.indexer.DigestTo(store.view.ContiguousVisibleEnd()).ok());
  CHECK(store.InMemory(0, 1, "k").size() == 2);
}

TEST_CASE("what the device does not give is missing in the file, which says so until it is whole") {
  FaultFileSystem disk;
  ManualClock clock;
  Keyed keyed(disk, clock);
  keyed.Append(60);
  SyncNow(*keyed.store.log);
  // Written, and no more in the front: the front has two segments.
  keyed.Append(40);
  SyncNow(*keyed.store.log);
  const Fault refuses = InputOutputError({.kind = OperationKind::kRead,
                                          .name_contains = FileOf(LogPosition(kSegment)).substr(7),
                                          .times = Fault::kForEver});
  disk.Inject(refuses);
  REQUIRE(keyed.store.indexer.DigestTo(keyed.store.view.ContiguousVisibleEnd()).ok());
  REQUIRE(disk.failures() > 0);
  CHECK(keyed.store.log->health().Has(Condition::kDamage));
  disk.ClearFaults();
  keyed.store.SealAll();
  REQUIRE(keyed.sealed() >= 3);
  const auto is_incomplete = [&](uint64_t segment) {
    const auto file = keyed.store.files.Get(LogPosition(segment * kSegment));
    REQUIRE(file.ok());
    return (*file)->header().is_incomplete;
  };
  CHECK_FALSE(is_incomplete(0));
  CHECK(is_incomplete(1));
  CHECK_FALSE(is_incomplete(2));

  disk.Inject(refuses);
  CHECK_FALSE(keyed.store.indexer.Rebuild(LogPosition(kSegment)).ok());
  CHECK(is_incomplete(1));
  disk.ClearFaults();
  REQUIRE(keyed.store.indexer.Rebuild(LogPosition(kSegment)).ok());
  CHECK_FALSE(is_incomplete(1));
  keyed.CheckAll(keyed.sealed(), [&](uint64_t segment, uint32_t queue, const std::string& key) {
    return keyed.store.InFile(segment, queue, key);
  });
}

}  // namespace
}  // namespace weir::testing
