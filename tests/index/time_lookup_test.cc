#include "index/time_lookup.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "index/small_lookup.h"
#include "support/random.h"

namespace weir::testing {
namespace {

constexpr int64_t kFirst = ManualClock::kDefaultWallNanos;

LogPosition Find(Searched& searched, int64_t time) {
  REQUIRE(searched.store.indexer.DigestTo(searched.end()).ok());
  const auto found = searched.times.FirstNotOlder(time, searched.end());
  INFO(found.status());
  REQUIRE(found.ok());
  return *found;
}

TEST_CASE("a time begins at the first message that is not older, whatever is sealed") {
  FaultFileSystem disk;
  ManualClock clock;
  Searched searched(disk, clock);
  Random random(GENERATE(uint64_t{1}, 2, 3));
  CHECK(Find(searched, kFirst) == searched.end());
  for (int i = 0; i < 250; ++i) {
    // Equal stamps, one nanosecond apart, and gaps; also where segments meet.
    if (random.OneIn(2)) clock.Advance(absl::Nanoseconds(random.OneIn(3) ? 1 : 7));
    searched.Append(static_cast<uint32_t>(random.Below(3)), "k", 50 + random.Below(300));
    if (random.OneIn(30)) searched.store.SealAll();
    if (!random.OneIn(10)) continue;
    for (int64_t time = kFirst - 2; time <= clock.WallNanos() + 2; ++time) {
      CAPTURE(time - kFirst);
      REQUIRE(Find(searched, time) == searched.SearchTime(time));
    }
  }
  CHECK(searched.sealed_segments() >= 8);
  CHECK(Find(searched, std::numeric_limits<int64_t>::min()) == searched.messages.front().position);
  CHECK(Find(searched, std::numeric_limits<int64_t>::max()) == searched.end());

  const auto bounds = searched.times.Bounds();
  REQUIRE(bounds.ok());
  CHECK_FALSE(bounds->is_empty);
  CHECK(bounds->first == searched.messages.front().time);
  CHECK(bounds->last == searched.messages.back().time);

  // As a whole, from files that are gone.
  searched.store.SealAll();
  for (uint64_t segment = 0; segment < searched.sealed_segments(); segment += 2) {
    searched.store.files.Forget(LogPosition(segment * kSegment));
    disk.RemoveFile(IndexPath(segment));
  }
  for (int64_t time = kFirst - 2; time <= clock.WallNanos() + 2; ++time) {
    REQUIRE(Find(searched, time) == searched.SearchTime(time));
  }
}

TEST_CASE("the log is read between two samples, and nowhere else") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.segment_bytes = 1 << 20;
  options.front_bytes = 1 << 20;
  options.read_cache_bytes = 0;
  Indexed store(options, 2);
  SealedSegments sealed(&store.view, &store.indexer, &store.files);
  const TimeLookup times(&store.view, &sealed, &store.digests);
  std::vector<LogPosition> positions;
  while (store.log->front().claimed_end() < LogPosition(3 << 20)) {
    clock.Advance(absl::Nanoseconds(10));
    positions.push_back(store.Append(1, Numbered(positions.size(), 100)));
    if (positions.size() % 5'000 == 0) store.SealAll();
  }
  store.SealAll();
  REQUIRE(times.FirstNotOlder(0, store.view.ContiguousVisibleEnd()).ok());  // now bounds are known
  uint64_t reads = 0;
  disk.SetHook([&](const Operation& operation) {
    const bool is_log = !absl::StrContains(operation.name, ".index");
    reads += operation.kind == OperationKind::kRead && is_log;
  });
  Random random(4);
  for (int i = 0; i < 200; ++i) {
    const size_t at = random.Below(positions.size() / 2);
    const auto stretch = times.StretchOf(kFirst + 10 * static_cast<int64_t>(at + 1),
                                         store.view.ContiguousVisibleEnd());
    REQUIRE(stretch.ok());
    CHECK(stretch->end - stretch->begin <= 2 * kSampledBytes);
    reads = 0;
    const auto found = times.FirstNotOlder(kFirst + 10 * static_cast<int64_t>(at + 1),
                                           store.view.ContiguousVisibleEnd());
    REQUIRE(found.ok());
    CHECK(*found == positions[at]);
    CHECK(reads <= 4);  // pieces of 16, 32, ... KiB
  }
  disk.SetHook(nullptr);
}

}  // namespace
}  // namespace weir::testing
