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
    REQUIRE(journal->Close().ok());

    journal = OpenJournal(SmallOptions(disk, clock));
    damaged += journal->recovery().damage.empty() ? 0 : 1;
  }
  CHECK(damaged == 0);
}

}  // namespace
}  // namespace weir::testing
