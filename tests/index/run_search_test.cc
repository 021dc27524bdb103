#include "index/run_search.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "index/small_indexer.h"

namespace weir::testing {
namespace {

// Queue 1 has runs in every sealed segment, queue 2 in the first and the fifth only.
struct Searched {
  FaultFileSystem disk;
  ManualClock clock;
  Indexed store{disk, clock};
  RunSearch search{&store.view, &store.queues, &store.files};
  std::vector<uint64_t> firsts;  // of queue 1, by segment

  Searched() {
    store.AppendNumbered(2, 0, 1);
    for (size_t i = 0; i < 120; ++i) {
      const LogPosition position = store.AppendNumbered(1, i, 1)[0];
      if (position.value() / kSegment == 5 && store.queues.queue(2).end() == 1) {
        store.AppendNumbered(2, 1, 1);
      }
    }
    store.SealAll();
    const uint64_t sealed = store.indexer.sealed_end().value() / kSegment;
    REQUIRE(sealed >= 8);
    for (uint64_t i = 0; i < sealed; ++i) firsts.push_back(store.InFile(i, 1).first);
  }
  void Remove(uint64_t segment) {
    disk.RemoveFile(IndexPath(segment));
    store.files.Forget(LogPosition(segment * kSegment));
  }
  std::optional<uint64_t> NewestSegment(uint32_t queue, uint64_t below) {
    const auto found = search.Newest(queue, LogPosition(below * kSegment));
    REQUIRE(found.ok());
    if (!found->has_value()) return std::nullopt;
    return (*found)->segment_begin.value() / kSegment;
  }
};

TEST_CASE("the newest run below a segment is found, past files that cannot be read") {
  Searched searched;
  CHECK(searched.NewestSegment(1, 4) == 3);
  CHECK(searched.NewestSegment(2, 8) == 5);
  CHECK(searched.NewestSegment(2, 5) == 0);
  CHECK(searched.NewestSegment(1, 0) == std::nullopt);
  CHECK(searched.NewestSegment(3, 8) == std::nullopt);
  searched.Remove(3);
  searched.Remove(5);
  CHECK(searched.NewestSegment(1, 4) == 2);
  CHECK(searched.NewestSegment(2, 8) == 0);
}

TEST_CASE("an offset is found without links; what is lost is told from what never was") {
  Searched searched;
  const LogPosition end = searched.store.indexer.sealed_end();
  const auto find = [&](uint64_t offset) {
    auto place = searched.search.Find(1, QueueOffset(offset), end);
    REQUIRE(place.ok());
    return *std::move(place);
  };
  for (size_t i = 0; i + 1 < searched.firsts.size(); ++i) {
    CHECK(find(searched.firsts[i]).run->segment_begin == LogPosition(i * kSegment));
    CHECK(find(searched.firsts[i + 1] - 1).run->segment_begin == LogPosition(i * kSegment));
  }
  searched.Remove(4);
  CHECK_FALSE(find(searched.firsts[4]).run.has_value());
  CHECK(find(searched.firsts[4]).holes_end == QueueOffset(searched.firsts[5]));
  CHECK_FALSE(find(searched.firsts[4]).is_oldest);
  searched.Remove(0);
  CHECK_FALSE(find(0).run.has_value());
  CHECK_FALSE(find(0).is_oldest);  // who knows what stood in a file that nobody can read
}

TEST_CASE("the files around a segment say what its run was") {
  Searched searched;
  const auto around = [&](uint32_t queue, uint64_t segment) {
    const auto neighbours = searched.search.Around(queue, LogPosition(segment * kSegment));
    REQUIRE(neighbours.ok());
    return *neighbours;
  };
  for (uint64_t i = 1; i < searched.firsts.size(); ++i) {
    CAPTURE(i);
    searched.store.files.Forget(LogPosition(i * kSegment));
    CHECK(around(1, i).previous ==
          RunLink{LogPosition((i - 1) * kSegment), QueueOffset(searched.firsts[i - 1])});
    CHECK(around(1, i).first == QueueOffset(searched.firsts[i]));
  }
  CHECK(around(1, 0).first == QueueOffset(0));
  CHECK_FALSE(around(1, 0).previous.exists());
  CHECK(around(2, 5).first == QueueOffset(1));
  CHECK_FALSE(around(3, 5).previous.exists());
  // Without the file before, the one behind knows.
  searched.Remove(3);
  CHECK(around(1, 4).first == QueueOffset(searched.firsts[4]));
  // Without both there is what can be seen from afar.
  searched.Remove(5);
  CHECK(around(1, 4).first == QueueOffset(searched.firsts[3]));
}

TEST_CASE("a segment that is unreadable, or none of which is left, is searched past") {
  Searched searched;
  searched.store.Close();
  searched.disk.WriteFile(FileOf(LogPosition(3 * kSegment)), "nothing of a segment");
  Indexed again(searched.disk, searched.clock);
  const RunSearch search(&again.view, &again.queues, &again.files);

  const auto newest = search.Newest(1, LogPosition(4 * kSegment));
  REQUIRE(newest.ok());
  CHECK((*newest)->segment_begin == LogPosition(2 * kSegment));
  const auto place = search.Find(1, QueueOffset(searched.firsts[3]), again.indexer.sealed_end());
  REQUIRE(place.ok());
  CHECK_FALSE(place->run.has_value());
  CHECK(place->holes_end == QueueOffset(searched.firsts[4]));
}

TEST_CASE("a run is linked into from the next run of its queue, or from nowhere") {
  Searched searched;
  searched.store.AppendNumbered(3, 0, 1);
  searched.store.AppendNumbered(1, 120, 20);
  searched.store.SealAll();
  const uint64_t with_three =
      searched.store.queues.queue(3).tail().segment_begin.value() / kSegment;
  REQUIRE(with_three >= 7);
  const auto first_around = [&](uint32_t queue, uint64_t segment) {
    const auto neighbours = searched.search.Around(queue, LogPosition(segment * kSegment));
    REQUIRE(neighbours.ok());
    return neighbours->first.value();
  };

  // Behind the queue's last run; before its first one, which has no link; and where its last run
  // cannot be read.
  CHECK(first_around(2, 7) == 2);
  CHECK(first_around(3, 2) == 0);
  searched.Remove(5);
  CHECK(first_around(2, 3) == 1);
  // The same if nothing stands behind it.
  const uint64_t last = searched.store.indexer.sealed_end().value() / kSegment - 1;
  searched.store.log->segments().TakeFrom(LogPosition((last + 1) * kSegment));
  searched.Remove(last);
  CHECK(first_around(1, last - 1) == searched.store.InFile(last - 2, 1).first +
                                         searched.store.InFile(last - 2, 1).positions.size());
}

TEST_CASE("a link that leads before the end of the run before is not believed") {
  Searched searched;
  const LogPosition begin(4 * kSegment);
  const auto identity = searched.store.indexer.IdentityOf(begin);
  REQUIRE(identity.ok());
  IndexFileWriter lying(*identity);
  const RunLink link{LogPosition(3 * kSegment), QueueOffset(0)};
  REQUIRE(lying
              .AddRun(1, QueueOffset(searched.firsts[4]), {.depth = 1, .previous = link},
                      {IndexEntry{}})
              .ok());
  REQUIRE(lying.WriteTo(searched.store.log->directory(), IndexFileName(begin)).ok());
  searched.store.files.Register(begin, *identity);

  const auto around = searched.search.Around(1, LogPosition(3 * kSegment));

  REQUIRE(around.ok());
  CHECK(around->first == QueueOffset(searched.firsts[3]));
}

TEST_CASE("an error that may pass is told, and nothing is concluded from it") {
  Searched searched;
  for (uint64_t i = 0; i < searched.firsts.size(); ++i) {
    searched.store.files.Forget(LogPosition(i * kSegment));
  }
  searched.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen, .name_contains = ".index"}));
  CHECK(absl::IsUnavailable(searched.search.Newest(1, LogPosition(4 * kSegment)).status()));
  searched.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen, .name_contains = ".index"}));
  CHECK(absl::IsUnavailable(
      searched.search.Find(1, QueueOffset(0), searched.store.indexer.sealed_end()).status()));
  searched.disk.Inject(
      TooManyOpenFiles({.kind = OperationKind::kOpen, .name_contains = ".index", .nth = 2}));
  CHECK(absl::IsUnavailable(searched.search.Around(1, LogPosition(4 * kSegment)).status()));
  CHECK(searched.NewestSegment(1, 4) == 3);
}

}  // namespace
}  // namespace weir::testing
