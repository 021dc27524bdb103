#include "index/run_chain.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "index/sample_index.h"

namespace weir::testing {
namespace {

constexpr uint32_t kQueue = 7;

// Segments in which a queue has a run each, made as an indexer makes them.
class Chain {
 public:
  void Add(uint64_t segment, QueueOffset first, uint32_t count) {
    const auto links = LinksForNewRun(files, kQueue, tail, log_begin);
    INFO(links.status());
    REQUIRE(links.ok());
    Write(segment, first, count, *links);
    tail = {SampleIdentity(segment).segment_begin, first};
  }

  void Write(uint64_t segment, QueueOffset first, uint32_t count, const RunLinks& links,
             uint32_t queue = kQueue) {
    const IndexIdentity identity = SampleIdentity(segment);
    std::vector<IndexEntry> entries(count);
    IndexFileWriter writer(identity);
    REQUIRE(writer.AddRun(queue, first, links, entries).ok());
    REQUIRE(writer.WriteTo(*directory, IndexFileName(identity.segment_begin)).ok());
    files.Register(identity.segment_begin, identity);
  }

  void DropBelow(uint64_t segment) {
    for (uint64_t i = log_begin.value() / kSegmentBytes; i < segment; ++i) {
      const LogPosition begin(i * kSegmentBytes);
      files.Forget(begin);
      REQUIRE(directory->Remove(IndexFileName(begin)).ok());
    }
    log_begin = LogPosition(segment * kSegmentBytes);
  }

  absl::StatusOr<std::optional<RunLocation>> Find(uint64_t offset) {
    return FindRunOf(files, kQueue, tail, QueueOffset(offset), log_begin);
  }

  FaultFileSystem file_system;
  std::unique_ptr<Directory> directory = OpenStore(file_system);
  BlockCache cache{16 << 20};
  IndexFiles files{directory.get(), &cache};
  RunLink tail = kNoLink;
  LogPosition log_begin;
};

TEST_CASE("any offset of 1,000 single-entry runs is found in at most 25 probes") {
  Chain chain;
  uint64_t probes_to_add = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    const uint64_t before = chain.files.probes();
    chain.Add(i, QueueOffset(i), 1);
    probes_to_add = std::max(probes_to_add, chain.files.probes() - before);
  }

  uint64_t worst = 0;
  const uint64_t start = chain.files.probes();
  for (uint64_t offset = 0; offset < 1000; ++offset) {
    const uint64_t before = chain.files.probes();
    const auto found = chain.Find(offset);
    INFO(found.status());
    REQUIRE(found.ok());
    REQUIRE(found->has_value());
    CHECK((*found)->segment_begin == LogPosition(offset * kSegmentBytes));
    CHECK((*found)->run.first == QueueOffset(offset));
    worst = std::max(worst, chain.files.probes() - before);
  }

  CHECK(worst <= 25);
  CHECK(chain.files.probes() - start <= 18'000);  // 18 on the average
  CHECK(probes_to_add <= 2);
  CHECK_FALSE(chain.Find(1000)->has_value());
  // A queue that never was: one probe, and an answer that says so.
  const auto other = FindRunOf(chain.files, 8, chain.tail, QueueOffset(3), chain.log_begin);
  CHECK(absl::IsDataLoss(other.status()));
}

TEST_CASE("runs of any length, with segments that do not know the queue between them") {
  Chain chain;
  std::vector<std::pair<uint64_t, uint64_t>> segment_of_run;  // first offset, segment
  uint64_t offset = 100;
  for (uint64_t segment = 3; segment < 300; segment += 1 + segment % 5) {
    const uint32_t count = 1 + static_cast<uint32_t>(segment * 7 % 40);
    chain.Add(segment, QueueOffset(offset), count);
    segment_of_run.emplace_back(offset, segment);
    offset += count;
  }

  size_t run = 0;
  for (uint64_t i = 100; i < offset; ++i) {
    if (run + 1 < segment_of_run.size() && segment_of_run[run + 1].first <= i) ++run;
    const auto found = chain.Find(i);
    REQUIRE(found.ok());
    REQUIRE(found->has_value());
    REQUIRE((*found)->segment_begin == LogPosition(segment_of_run[run].second * kSegmentBytes));
    REQUIRE(((*found)->run.first <= QueueOffset(i) && QueueOffset(i) < (*found)->run.end()));
  }
  CHECK_FALSE(chain.Find(99)->has_value());
  CHECK_FALSE(chain.Find(offset)->has_value());
}

TEST_CASE("links into dropped segments end the chain, and it goes on growing") {
  Chain chain;
  uint64_t next = 0;
  for (; next < 100; ++next) chain.Add(next, QueueOffset(next), 1);

  for (const uint64_t begin : {1u, 2u, 31u, 64u, 90u}) {
    chain.DropBelow(begin);
    for (int i = 0; i < 20; ++i, ++next) chain.Add(next, QueueOffset(next), 1);

    for (uint64_t offset = 0; offset < next; ++offset) {
      const uint64_t before = chain.files.probes();
      const auto found = chain.Find(offset);
      INFO(offset << " with the log from " << begin << ": " << found.status());
      REQUIRE(found.ok());
      REQUIRE(found->has_value() == (offset >= begin));
      if (found->has_value()) CHECK((*found)->run.first == QueueOffset(offset));
      CHECK(chain.files.probes() - before <= 25);
    }
  }

  // The tail itself is gone: a new chain.
  chain.DropBelow(next);
  CHECK_FALSE(chain.Find(next - 1)->has_value());
  CHECK(*LinksForNewRun(chain.files, kQueue, chain.tail, chain.log_begin) == RunLinks{});
}

TEST_CASE("where a jump leads into a dropped segment the next run has none, and is found") {
  Chain chain;
  for (uint64_t i = 0; i < 63; ++i) chain.Add(i, QueueOffset(i), 1);
  const RunLink jump =
      chain.files.FindRun(LogPosition(62 * kSegmentBytes), kQueue)->value().run.links.jump;
  REQUIRE(jump.segment_begin == LogPosition(31 * kSegmentBytes));
  chain.DropBelow(40);

  chain.Add(63, QueueOffset(63), 1);

  const QueueRun run = chain.files.FindRun(LogPosition(63 * kSegmentBytes), kQueue)->value().run;
  CHECK(run.links.previous.exists());
  CHECK_FALSE(run.links.jump.exists());
  CHECK(chain.Find(40)->has_value());
  CHECK_FALSE(chain.Find(39)->has_value());
}

TEST_CASE("a jump whose target is lost is passed by; an error that may pass is told") {
  Chain chain;
  for (uint64_t i = 0; i < 63; ++i) chain.Add(i, QueueOffset(i), 1);
  const LogPosition target(31 * kSegmentBytes);
  chain.files.Forget(target);
  absl::Status trouble;
  chain.files.SetResolver([&](LogPosition) { return trouble; });
  const auto links = [&] {
    return LinksForNewRun(chain.files, kQueue, chain.tail, chain.log_begin);
  };

  for (const auto& lost : {absl::OutOfRangeError("dropped"), absl::DataLossError("damaged")}) {
    trouble = lost;
    REQUIRE(links().ok());
    CHECK(links()->previous == chain.tail);
    CHECK_FALSE(links()->jump.exists());
  }
  trouble = absl::UnavailableError("too many open files");
  CHECK(absl::IsUnavailable(links().status()));
}

TEST_CASE("a queue without a run has no links and holds nothing") {
  Chain chain;

  CHECK(*LinksForNewRun(chain.files, kQueue, kNoLink, LogPosition(0)) == RunLinks{});
  CHECK_FALSE(FindRunOf(chain.files, kQueue, kNoLink, QueueOffset(0), LogPosition(0))->has_value());
  CHECK(chain.files.probes() == 0);
}

TEST_CASE("an index file that is not there is an error of its own") {
  Chain chain;
  for (uint64_t i = 0; i < 4; ++i) chain.Add(i, QueueOffset(i), 1);
  chain.files.Forget(LogPosition(kSegmentBytes));

  CHECK(absl::IsNotFound(chain.Find(1).status()));
  CHECK(chain.Find(2).ok());
}

TEST_CASE("a link that lies is damage, never a loop and never another run") {
  Chain chain;
  const RunLink first{LogPosition(0), QueueOffset(10)};
  chain.Write(0, QueueOffset(10), 5, {});
  const auto status_with = [&](uint64_t first_offset, const RunLinks& links) {
    chain.Write(1, QueueOffset(first_offset), 1, links);
    chain.tail = {LogPosition(kSegmentBytes), QueueOffset(first_offset)};
    return chain.Find(12).status();
  };

  CHECK(status_with(15, {.depth = 1, .previous = first, .jump = first}).ok());
  SECTION("the run begins elsewhere") {
    const RunLink wrong{LogPosition(0), QueueOffset(11)};
    CHECK(absl::IsDataLoss(status_with(15, {.depth = 1, .previous = wrong, .jump = wrong})));
  }
  SECTION("there is no such run") {
    chain.Write(0, QueueOffset(10), 5, {}, kQueue + 1);
    CHECK(absl::IsDataLoss(status_with(15, {.depth = 1, .previous = first, .jump = first})));
  }
  SECTION("the run reaches into a newer one") {
    CHECK(absl::IsDataLoss(status_with(14, {.depth = 1, .previous = first, .jump = first})));
  }
  SECTION("the depth does not become smaller") {
    chain.Write(2, QueueOffset(16), 1,
                {.depth = 1, .previous = {LogPosition(kSegmentBytes), QueueOffset(15)}});
    chain.tail = {LogPosition(2 * kSegmentBytes), QueueOffset(16)};
    CHECK(absl::IsDataLoss(chain.Find(15).status()));
  }
  SECTION("a gap in the queue") {
    chain.Write(1, QueueOffset(20), 1, {.depth = 1, .previous = first, .jump = first});
    chain.tail = {LogPosition(kSegmentBytes), QueueOffset(20)};
    CHECK(chain.Find(14)->has_value());
    CHECK(absl::IsDataLoss(chain.Find(15).status()));
    CHECK(absl::IsDataLoss(chain.Find(19).status()));
  }
  SECTION("the tail in memory is not what the file says") {
    chain.tail.first = QueueOffset(16);
    CHECK(absl::IsDataLoss(chain.Find(12).status()));
    CHECK(
        absl::IsDataLoss(LinksForNewRun(chain.files, kQueue, chain.tail, LogPosition(0)).status()));
  }
  SECTION("a depth that no chain has") {
    CHECK(status_with(15, {.depth = 0xFFFFFFFF, .previous = first, .jump = first}).ok());
    CHECK(
        absl::IsDataLoss(LinksForNewRun(chain.files, kQueue, chain.tail, LogPosition(0)).status()));
  }
}

}  // namespace
}  // namespace weir::testing
