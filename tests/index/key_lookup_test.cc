#include "index/key_lookup.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "index/small_lookup.h"
#include "support/random.h"

namespace weir::testing {
namespace {

KeyLookup::Wanted All(uint32_t queue, absl::string_view key) {
  return {.first_queue = queue, .key = key, .end = LogPosition(~uint64_t{0})};
}

TEST_CASE(
    "a key is found wherever its messages lie, in either order, in any window and any pages") {
  FaultFileSystem disk;
  ManualClock clock;
  Searched searched(disk, clock);
  Random random(GENERATE(uint64_t{1}, 2));
  for (int round = 0; round < 60; ++round) {
    for (uint64_t i = random.Below(30); i > 0; --i) {
      // Keys of one segment, of many, and of all.
      const uint64_t kind = random.Below(3);
      const std::string key = kind == 0   ? "everywhere"
                              : kind == 1 ? absl::StrCat("round", round)
                                          : absl::StrCat("some", random.Below(40));
      searched.Append(static_cast<uint32_t>(random.Below(2)), key);
    }
    if (random.OneIn(3)) searched.store.SealAll();
    const LogPosition end = searched.end();
    for (int asked = 0; asked < 12; ++asked) {
      const std::string keys[] = {"everywhere", absl::StrCat("round", random.Below(60)),
                                  absl::StrCat("some", random.Below(40)), "nowhere"};
      const KeyLookup::Wanted wanted{
          .first_queue = static_cast<uint32_t>(random.Below(2)),
          .key = keys[random.Below(4)],
          .begin = LogPosition(random.OneIn(2) ? 0 : random.Below(end.value())),
          .end = random.OneIn(2) ? end : LogPosition(random.Below(end.value() + 100)),
          .newest_first = random.OneIn(2)};
      CAPTURE(round, wanted.first_queue, std::string(wanted.key), wanted.begin.value(),
              wanted.end.value(), wanted.newest_first);
      REQUIRE(searched.Find(wanted, 1 + random.Below(9)) == searched.SearchAll(wanted));
    }
  }
  CHECK(searched.sealed_segments() >= 20);
}

TEST_CASE("a key that is in few segments costs few looks into files, over a thousand segments") {
  FaultFileSystem disk;
  ManualClock clock;
  Searched searched(disk, clock);
  for (uint64_t i = 0; searched.sealed_segments() < 1'000; ++i) {
    searched.Append(0, absl::StrCat("key", i), 400);
    if (i % 50 == 0) searched.store.SealAll();
  }
  const auto looks = [&] {
    return searched.store.log->cache().hits() + searched.store.log->cache().misses();
  };
  REQUIRE(searched.Find(All(0, "key7"), 10).size() == 1);  // now the filters are in memory
  uint64_t before = looks();
  constexpr uint64_t kAbsent = 300;
  for (uint64_t i = 0; i < kAbsent; ++i) {
    REQUIRE(searched.Find(All(0, absl::StrCat("absent", i)), 10).empty());
  }
  CAPTURE(looks() - before);
  CHECK(looks() - before <= kAbsent * 1'000 / 200);    // 0.5 %
  CHECK(looks() - before >= kAbsent * 1'000 / 1'000);  // it is they that are looked at

  before = looks();
  uint64_t opens = 0;
  disk.SetHook([&](const Operation& operation) {
    opens += operation.kind == OperationKind::kOpen && absl::StrContains(operation.name, ".index");
  });
  constexpr uint64_t kThere = 300;
  for (uint64_t i = 0; i < kThere; ++i) {
    REQUIRE(searched.Find(All(0, absl::StrCat("key", i * 13)), 10).size() == 1);
  }
  disk.SetHook(nullptr);
  CAPTURE(looks() - before, opens);
  CHECK(looks() - before <= kThere + kThere * 1'000 / 200);
  CHECK(opens <= kThere + kThere * 1'000 / 200);
}

TEST_CASE("an index file that is gone or damaged is computed again for who looks for a key") {
  FaultFileSystem disk;
  ManualClock clock;
  Searched searched(disk, clock);
  for (int i = 0; i < 80; ++i) searched.Append(0, absl::StrCat("k", i % 5));
  searched.store.SealAll();
  REQUIRE(searched.sealed_segments() >= 3);
  const bool was_looked_at = GENERATE(false, true);
  if (was_looked_at) CHECK(searched.Find(All(0, "k1"), 100).size() == 16);
  searched.store.files.Forget(LogPosition(0));
  searched.store.files.Forget(LogPosition(kSegment));
  disk.RemoveFile(IndexPath(0));
  std::string bytes = disk.ReadFile(IndexPath(1));
  const auto header = DecodeIndexHeader(bytes);
  REQUIRE(header.ok());
  const size_t at = header->body_at() + header->keys_at() + 3;
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  disk.WriteFile(IndexPath(1), bytes);

  for (int i = 0; i < 5; ++i) {
    const std::string key = absl::StrCat("k", i);
    CHECK(searched.Find(All(0, key), 7) == searched.SearchAll(All(0, key)));
  }
  CHECK(disk.FileExists(IndexPath(0)));
  CHECK(searched.store.indexer.rebuilt() == 2);
}

TEST_CASE(
    "where a segment and its index file are gone, what may be missing is told, and the rest "
    "found") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<Searched::Message> messages;
  {
    Searched searched(disk, clock);
    for (int i = 0; i < 80; ++i) searched.Append(0, "k");
    messages = searched.messages;
    searched.store.Close();
  }
  disk.WriteFile(FileOf(LogPosition(kSegment)), std::string(kSegment, '\0'));
  disk.RemoveFile(IndexPath(1));
  Searched searched(disk, clock);
  const auto found = searched.keys.Find({.key = "k", .end = searched.end(), .max = 1'000});
  REQUIRE(found.ok());
  REQUIRE(found->unreadable.size() == 1);
  CHECK(found->unreadable[0].begin == LogPosition(kSegment));
  CHECK(found->unreadable[0].end == LogPosition(2 * kSegment));
  CHECK_FALSE(found->unreadable[0].reason.empty());
  std::vector<LogPosition> expected;
  for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
    if (searched.store.log->segments().BeginOf(message->position) != LogPosition(kSegment)) {
      expected.push_back(message->position);
    }
  }
  CHECK(found->positions == expected);
}

TEST_CASE("an error that may pass is the answer, and the next look-up answers") {
  FaultFileSystem disk;
  ManualClock clock;
  Searched searched(disk, clock);
  for (int i = 0; i < 40; ++i) searched.Append(0, "k");
  searched.store.SealAll();
  searched.store.files.Forget(LogPosition(0));
  disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen, .name_contains = ".index"}));
  CHECK(absl::IsUnavailable(
      searched.keys.Find({.key = "k", .end = searched.end(), .max = 100}).status()));
  CHECK(searched.Find(All(0, "k"), 100).size() == 40);
  CHECK(searched.store.indexer.rebuilt() == 0);
}

TEST_CASE("no message is missing while its segment is being sealed") {
  FaultFileSystem disk;
  ManualClock clock;
  Searched searched(disk, clock);
  std::atomic<bool> is_over{false};
  std::atomic<uint64_t> looks{0};
  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> appended{0};
  std::thread looker([&] {
    while (!is_over.load()) {
      const uint64_t least = appended.load();
      const auto found = searched.keys.Find(
          {.key = "k", .end = LogPosition(~uint64_t{0}), .newest_first = false, .max = 100'000});
      const bool is_right = found.ok() && found->unreadable.empty() &&
                            found->positions.size() >= least &&
                            std::is_sorted(found->positions.begin(), found->positions.end()) &&
                            std::adjacent_find(found->positions.begin(), found->positions.end()) ==
                                found->positions.end();
      if (!is_right) wrong.fetch_add(1);
      looks.fetch_add(1);
    }
  });
  for (uint64_t i = 1; i <= 400 || looks.load() < 50; ++i) {
    searched.Append(0, "k");
    REQUIRE(searched.store.indexer.DigestTo(searched.end()).ok());
    appended.store(i);
    if (i % 16 == 0) searched.store.SealAll();
  }
  is_over.store(true);
  looker.join();
  CHECK(wrong.load() == 0);
  CHECK(searched.sealed_segments() >= 10);
}

}  // namespace
}  // namespace weir::testing
