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

// Fills the segment that the log is in with what is no message.
void FillWithVoids(CommitLog& log) {
  const LogPosition begin = log.segments().BeginOf(log.front().claimed_end());
  while (log.segments().BeginOf(log.front().claimed_end()) == begin) log.Abandon(Claim(log, 900));
}

TEST_CASE("segments without a message have no times, and no time is found in them") {
  FaultFileSystem disk;
  ManualClock clock;
  Searched searched(disk, clock);
  const bool is_sealed = GENERATE(false, true);
  const auto bounds_are = [&](int64_t first, int64_t last) {
    const auto bounds = searched.times.Bounds();
    REQUIRE(bounds.ok());
    CHECK(bounds->first == first);
    CHECK(bounds->last == last);
  };
  FillWithVoids(*searched.store.log);
  if (is_sealed) searched.store.SealAll();
  REQUIRE(searched.store.indexer.DigestTo(searched.end()).ok());
  CHECK(searched.times.Bounds()->is_empty);
  CHECK(Find(searched, std::numeric_limits<int64_t>::min()) == searched.end());

  const LogPosition first = searched.Append(0, "k");
  FillWithVoids(*searched.store.log);
  FillWithVoids(*searched.store.log);
  clock.Advance(absl::Nanoseconds(10));
  const LogPosition second = searched.Append(0, "k");
  if (is_sealed) searched.store.SealAll();

  CHECK(Find(searched, std::numeric_limits<int64_t>::min()) == first);
  CHECK(Find(searched, kFirst) == first);
  CHECK(Find(searched, kFirst + 1) == second);
  bounds_are(kFirst, kFirst + 10);
  // Who asks for what lies before a position is not led behind it.
  CHECK(*searched.times.FirstNotOlder(kFirst + 1, second) == second);
  CHECK(*searched.times.FirstNotOlder(kFirst, first) == first);
}

TEST_CASE("what is in no queue, and what is damaged, is not what a time begins at") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> messages;
  {
    Searched searched(disk, clock);
    for (int i = 0; i < 4; ++i) {
      messages.push_back(searched.Append(0, "k"));
      clock.Advance(absl::Nanoseconds(10));
      testing::Append(*searched.store.log, "in no queue");
    }
    CHECK(Find(searched, kFirst + 1) == messages[1]);
    SyncNow(*searched.store.log);
    searched.store.log->Stop();
    REQUIRE(searched.store.log->Close().ok());
  }
  Searched searched(disk, clock);
  REQUIRE(searched.store.indexer.DigestTo(searched.end()).ok());
  Damage(disk, messages[1]);
  CHECK(Find(searched, kFirst + 1) == messages[2]);
  CHECK(Find(searched, kFirst) == messages[0]);
}

TEST_CASE("whatever call a look for a time fails in, it says so or is right, and so is the next") {
  const auto fault = GENERATE(&TooManyOpenFiles, &InputOutputError);
  const bool is_for_ever = GENERATE(false, true);
  const bool has_looked = GENERATE(false, true);
  int told = 0;
  bool is_met = true;
  for (uint64_t nth = 1; is_met; ++nth) {
    CAPTURE(is_for_ever, has_looked, nth);
    FaultFileSystem disk;
    ManualClock clock;
    Searched searched(disk, clock);
    for (int i = 0; i < 60; ++i) {
      clock.Advance(absl::Nanoseconds(10));
      searched.Append(0, "k");
    }
    searched.store.SealAll();
    REQUIRE(searched.sealed_segments() >= 2);
    if (has_looked) REQUIRE(searched.times.Bounds().ok());
    for (uint64_t i = 0; i < searched.sealed_segments(); ++i) {
      searched.store.files.Forget(LogPosition(i * kSegment));
    }
    const int64_t time = kFirst + 95;
    const LogPosition wanted = searched.SearchTime(time);
    disk.Inject(fault({.nth = nth, .times = is_for_ever ? Fault::kForEver : 1}));
    const auto found = searched.times.FirstNotOlder(time, searched.end());
    const auto bounds = searched.times.Bounds();
    is_met = disk.failures() > 0;
    disk.ClearFaults();

    if (found.ok()) {
      CHECK(*found == wanted);
    } else {
      ++told;
      CHECK_FALSE(found.status().message().empty());
    }
    if (bounds.ok()) CHECK(bounds->first == searched.messages.front().time);
    CHECK(Find(searched, time) == wanted);
    CHECK(searched.times.Bounds()->last == searched.messages.back().time);
  }
  if (is_for_ever) CHECK(told >= 1);
}

TEST_CASE("a segment that is lost with its index file is looked into by who asks for its times") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<Searched::Message> messages;
  {
    Searched searched(disk, clock);
    for (int i = 0; i < 80; ++i) {
      clock.Advance(absl::Nanoseconds(10));
      searched.Append(0, "k");
    }
    messages = searched.messages;
    searched.store.Close();
  }
  const uint64_t lost = GENERATE(uint64_t{0}, 1);
  const LogPosition begin(lost * kSegment);
  disk.WriteFile(FileOf(begin), std::string(kSegment, '\0'));
  disk.RemoveFile(IndexPath(lost));
  Searched searched(disk, clock);
  const auto first_from = [&](LogPosition at) {
    return *std::find_if(messages.begin(), messages.end(),
                         [&](const Searched::Message& one) { return one.position >= at; });
  };
  const Searched::Message in_it = first_from(begin);
  const Searched::Message behind = first_from(begin + kSegment);

  CHECK(Find(searched, in_it.time) == behind.position);
  CHECK(Find(searched, behind.time) == behind.position);
  const auto stretch = searched.times.StretchOf(in_it.time, searched.end());
  REQUIRE(stretch.ok());
  CHECK(stretch->begin == begin);
  const auto bounds = searched.times.Bounds();
  REQUIRE(bounds.ok());
  CHECK(bounds->first == (lost == 0 ? behind.time : messages.front().time));
  CHECK(bounds->last == messages.back().time);
}

TEST_CASE(
    "who asks for times that only an unreadable segment can tell is told that, and no others") {
  const size_t count = GENERATE(size_t{20}, 60);
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<Searched::Message> messages;
  {
    Searched searched(disk, clock);
    for (size_t i = 0; i < count; ++i) {
      clock.Advance(absl::Nanoseconds(10));
      searched.Append(0, "k");
    }
    messages = searched.messages;
    searched.store.Close();
  }
  Searched searched(disk, clock);
  const LogPosition end = searched.end();
  const uint64_t sealed = searched.sealed_segments();
  REQUIRE((count == 20) == (sealed == 1));
  REQUIRE(searched.store.indexer.DigestTo(end).ok());
  searched.store.files.Forget(LogPosition(0));
  disk.Inject(InputOutputError({.name_contains = SegmentFileName({}), .times = Fault::kForEver}));

  const auto is_told = [](const absl::Status& status) {
    return absl::IsDataLoss(status) && absl::StrContains(status.message(), "Input/output error");
  };
  CHECK(is_told(searched.times.Bounds().status()));
  CHECK(is_told(searched.times.FirstNotOlder(kFirst, end).status()));
  const Searched::Message last = messages.back();
  const auto found = searched.times.FirstNotOlder(last.time, end);
  CHECK(*found == last.position);
  disk.ClearFaults();
  CHECK(searched.times.Bounds()->first == messages.front().time);
  CHECK(Find(searched, kFirst) == messages.front().position);
}

}  // namespace
}  // namespace weir::testing
