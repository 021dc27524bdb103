#include "index/sealed_segments.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "index/small_lookup.h"

namespace weir::testing {
namespace {

SealedSegments::List All(SealedSegments& sealed) {
  auto list = sealed.All();
  INFO(list.status());
  REQUIRE(list.ok());
  return *std::move(list);
}

TEST_CASE("opening reads no index file for look-ups; the first look-up reads each once") {
  FaultFileSystem disk;
  ManualClock clock;
  {
    Searched searched(disk, clock);
    for (int i = 0; i < 150; ++i) searched.Append(0, absl::StrCat("k", i));
    searched.store.Close();
  }
  uint64_t opens = 0;
  disk.SetHook([&](const Operation& operation) {
    opens += operation.kind == OperationKind::kOpen && absl::StrContains(operation.name, ".index");
  });
  Searched searched(disk, clock);
  CHECK(opens <= 1);  // the newest, for what the indexes know
  const SealedSegments::List list = All(searched.sealed);
  REQUIRE(list->size() == searched.sealed_segments());
  REQUIRE(list->size() >= 8);
  CHECK(opens == list->size());
  All(searched.sealed);
  CHECK(opens == list->size());

  for (const SealedSegment& segment : *list) {
    CHECK(segment.fault.ok());
    CHECK(segment.slots != nullptr);
    CHECK(segment.limit == segment.begin + kSegment);
  }
  uint64_t bytes = 0;
  for (const SealedSegment& segment : *list) bytes += segment.filter.bytes();
  CHECK(searched.sealed.filter_bytes() == bytes);

  // One more is sealed: it alone is read.
  opens = 0;
  for (int i = 0; i < 25; ++i) searched.Append(0, "new");
  searched.store.SealAll();
  const size_t more = All(searched.sealed)->size() - list->size();
  CHECK(more >= 1);
  CHECK(opens <= more);
}

TEST_CASE("filters stay within their memory, those of the newest segments; answers do not change") {
  FaultFileSystem disk;
  ManualClock clock;
  constexpr uint64_t kMax = 400;
  Searched searched(disk, clock, kMax);
  for (int i = 0; i < 400; ++i) {
    searched.Append(0, absl::StrCat("k", i % 100));
    if (i % 40 == 0) {
      searched.store.SealAll();
      const SealedSegments::List list = All(searched.sealed);
      CHECK(searched.sealed.filter_bytes() <= kMax);
      const auto has_none = [](const SealedSegment& segment) { return segment.slots == nullptr; };
      CHECK(std::is_partitioned(list->begin(), list->end(), has_none));
    }
  }
  searched.store.SealAll();
  const SealedSegments::List list = All(searched.sealed);
  CHECK(list->front().slots == nullptr);
  CHECK(list->front().slots_memory == nullptr);
  CHECK(list->back().slots != nullptr);
  CHECK(searched.sealed.filter_bytes() > kMax / 2);
  for (int i = 0; i < 100; ++i) {
    const std::string key = absl::StrCat("k", i);
    const KeyLookup::Wanted wanted{.key = key, .end = searched.end()};
    REQUIRE(searched.Find(wanted, 3) == searched.SearchAll(wanted));
  }
}

TEST_CASE("a dropped segment takes its filter along, at once or when the log's begin is seen") {
  FaultFileSystem disk;
  ManualClock clock;
  Searched searched(disk, clock);
  for (int i = 0; i < 200; ++i) searched.Append(0, absl::StrCat("k", i));
  searched.store.SealAll();
  const size_t all = All(searched.sealed)->size();
  const uint64_t bytes = searched.sealed.filter_bytes();
  searched.sealed.Forget(LogPosition(0));
  CHECK(searched.sealed.filter_bytes() < bytes);
  CHECK(All(searched.sealed)->size() == all - 1);

  REQUIRE(searched.store.log->TrimTo(LogPosition(3 * kSegment)).ok());
  const SealedSegments::List list = All(searched.sealed);
  CHECK(list->size() == all - 3);
  CHECK(list->front().begin == LogPosition(3 * kSegment));
  CHECK(searched.Find({.key = "k1", .end = searched.end()}, 10).empty());
  CHECK(searched.Find({.key = "k199", .end = searched.end()}, 10).size() == 1);
}

TEST_CASE("a file that lacks what the device did not give is computed again when it is needed") {
  FaultFileSystem disk;
  ManualClock clock;
  Searched searched(disk, clock);
  for (int i = 0; i < 100; ++i) searched.Append(0, "k");
  SyncNow(*searched.store.log);
  const Fault refuses = InputOutputError({.kind = OperationKind::kRead,
                                          .name_contains = FileOf(LogPosition(kSegment)).substr(7),
                                          .times = Fault::kForEver});
  disk.Inject(refuses);
  REQUIRE(searched.store.indexer.DigestTo(searched.end()).ok());
  const bool stays = GENERATE(false, true);
  if (!stays) disk.ClearFaults();
  // Not sealed yet, and all the same it is told.
  auto found = searched.keys.Find({.key = "k", .end = searched.end(), .max = 1'000});
  REQUIRE(found.ok());
  CHECK(found->unreadable.size() == 1);
  CHECK(found->positions.size() < 100);
  disk.ClearFaults();
  searched.store.SealAll();
  if (stays) disk.Inject(refuses);
  found = searched.keys.Find({.key = "k", .end = searched.end(), .max = 1'000});
  REQUIRE(found.ok());
  if (stays) {
    REQUIRE(found->unreadable.size() == 1);
    CHECK(found->unreadable[0].begin == LogPosition(kSegment));
    CHECK(found->positions.size() < 100);
  } else {
    CHECK(found->unreadable.empty());
    CHECK(found->positions.size() == 100);
  }
}

}  // namespace
}  // namespace weir::testing
