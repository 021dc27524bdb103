// What only a journal has: it is trimmed while others use it, and read as a whole.

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/small_store.h"
#include "weir/commit_log.h"

namespace weir::testing {
namespace {

std::unique_ptr<CommitLog> OpenJournal(const StoreOptions& options) {
  auto journal = CommitLog::Open(options);
  INFO(journal.status());
  REQUIRE(journal.ok());
  return *std::move(journal);
}

// Appends and syncs so many records, several in a segment.
std::vector<LogPosition> AppendMany(CommitLog& journal, size_t count) {
  std::vector<LogPosition> places;
  for (size_t i = 0; i < count; ++i) {
    const auto receipt = journal.Append(Numbered(i, 900));
    REQUIRE(receipt.ok());
    places.push_back(receipt->position);
  }
  REQUIRE(journal.Flush().ok());
  return places;
}

// A journal of many segments, none of which was read since it was opened. Everything up to the
// place of one record in the middle is dropped as soon as somebody reads `file`.
struct Dropping {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> places = AppendMany(*OpenJournal(SmallOptions(disk, clock)), 30);
  std::unique_ptr<CommitLog> journal = OpenJournal(SmallOptions(disk, clock));
  LogPosition kept{places[20].value() / kSegment * kSegment};
  bool is_dropped = false;

  explicit Dropping(LogPosition read) {
    const std::string file = FileOf(read).substr(std::string("/store/").size());
    disk.SetHook([this, file](const Operation& operation) {
      if (operation.kind != OperationKind::kRead || operation.name != file) return;
      if (std::exchange(is_dropped, true)) return;
      REQUIRE(journal->TrimTo(kept).ok());
    });
  }
};

TEST_CASE("who reads a journal while what he has read is dropped is told so by the next read") {
  Dropping dropping{LogPosition(kSegment)};
  const auto& places = dropping.places;

  const auto read = dropping.journal->Read(places[0], 1000);

  REQUIRE(dropping.is_dropped);
  REQUIRE(read.ok());
  CHECK(read->damage.empty());
  // What he had before it went, and not a word of what stands behind the gap.
  REQUIRE_FALSE(read->empty());
  CHECK(read->entries.front().position == places[0]);
  CHECK(read->entries.back().position < LogPosition(2 * kSegment));
  CHECK(absl::IsOutOfRange(dropping.journal->Read(read->next, 1000).status()));
}

TEST_CASE("who reads a journal while what he asks for is dropped is told so, and of no damage") {
  Dropping dropping{LogPosition(0)};

  CHECK(absl::IsOutOfRange(dropping.journal->Read(dropping.places[0], 1000).status()));

  REQUIRE(dropping.is_dropped);
}

TEST_CASE("who reads a journal from its begin while that is dropped begins where it begins then") {
  Dropping dropping{LogPosition(0)};

  const auto read = dropping.journal->Read(LogPosition(0), 1000);

  REQUIRE(dropping.is_dropped);
  REQUIRE(read.ok());
  CHECK(read->damage.empty());
  REQUIRE_FALSE(read->empty());
  CHECK(read->entries.front().position.value() / kSegment * kSegment == dropping.kept.value());
  CHECK(read->entries.back().position == dropping.places.back());
}

TEST_CASE("who reads a journal is told of a range that a failed sync lost") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.segment_bytes = 16 * kSegment;
  options.front_bytes = 8192;
  options.sync_interval = absl::InfiniteDuration();
  const auto journal = OpenJournal(options);
  std::vector<LogPosition> places;
  // Three times the ring, so of the first ones nobody has the bytes any more but the kernel.
  for (size_t i = 0; i < 30; ++i) {
    const auto receipt = journal->Append(Numbered(i, 900));
    REQUIRE(receipt.ok());
    places.push_back(receipt->position);
  }
  disk.Inject(InputOutputError({.kind = OperationKind::kSync,
                                .name_contains = "00000000000000000000",
                                .pages = PagesAfterFailure::kReverted}));
  REQUIRE(absl::IsDataLoss(journal->Flush()));

  const auto read = journal->Read(LogPosition(0), 1000);

  REQUIRE(read.ok());
  REQUIRE_FALSE(read->empty());
  REQUIRE(read->damage.size() == 1);
  CHECK(read->damage[0].begin <= places[0]);
  CHECK(read->damage[0].end <= read->entries.front().position);
  CHECK(read->damage[0].reason != "");
  CHECK(read->entries.back().position == places.back());
}

TEST_CASE("a step that another thread is in makes no file in a journal that is closed") {
  constexpr int kRaces = 2000;
  int left_behind = 0;
  for (int race = 0; race < kRaces; ++race) {
    FaultFileSystem disk;
    ManualClock clock;
    const auto journal = OpenJournal(SmallOptions(disk, clock));
    REQUIRE(journal->Append("one").ok());
    std::atomic<int> steps{0};
    std::vector<std::thread> steppers;
    for (int i = 0; i < 2; ++i) {
      steppers.emplace_back([&] {
        while (journal->state() != StoreState::kClosed) {
          journal->RunOnce();
          ++steps;
        }
      });
    }
    while (steps < 20) std::this_thread::yield();
    REQUIRE(journal->Close().ok());
    for (std::thread& stepper : steppers) stepper.join();
    // LOCK, superblock, and the segment.
    left_behind += disk.ListFiles("/store").size() == 3 ? 0 : 1;
  }
  CHECK(left_behind == 0);
}

TEST_CASE("two threads that trim a journal leave one that opens without a gap") {
  constexpr int kRaces = 300;
  int damaged = 0;
  for (int race = 0; race < kRaces; ++race) {
    FaultFileSystem disk;
    ManualClock clock;
    auto journal = OpenJournal(SmallOptions(disk, clock));
    const auto places = AppendMany(*journal, 20);
    std::atomic<int> ready{0};
    const auto trim = [&](LogPosition position) {
      ++ready;
      while (ready < 2) std::this_thread::yield();
      static_cast<void>(journal->TrimTo(position));
    };
    std::thread far([&] { trim(places[15]); });
    std::thread near([&] { trim(places[8]); });
    far.join();
    near.join();
    const absl::Status closed = journal->Close();
    INFO(closed);
    REQUIRE(closed.ok());

    journal = OpenJournal(SmallOptions(disk, clock));
    damaged += journal->recovery().damage.empty() ? 0 : 1;
  }
  CHECK(damaged == 0);
}

}  // namespace
}  // namespace weir::testing
