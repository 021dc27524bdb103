#include "log/lost_ranges.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>

namespace weir::internal {
namespace {

std::string At(const LostRanges& lost, uint64_t begin, uint64_t end) {
  const auto range = lost.Touching(LogPosition(begin), LogPosition(end));
  return range ? range->reason : "";
}

TEST_CASE("a range touches what has a byte of it, and nothing beside it") {
  LostRanges lost;
  CHECK(At(lost, 0, ~uint64_t{0}).empty());
  lost.Add({LogPosition(1000), LogPosition(2000), "a hole"});

  CHECK(At(lost, 0, 1000).empty());
  CHECK(At(lost, 0, 1001) == "a hole");
  CHECK(At(lost, 1999, 2008) == "a hole");
  CHECK(At(lost, 2000, 3000).empty());
  CHECK(At(lost, 1500, 1508) == "a hole");
  CHECK(At(lost, 0, 5000) == "a hole");
}

TEST_CASE("every range is known, in whatever order they were found") {
  LostRanges lost;
  lost.Add({LogPosition(5000), LogPosition(6000), "later"});
  lost.Add({LogPosition(1000), LogPosition(2000), "earlier"});
  lost.Add({LogPosition(1500), LogPosition(2500), "across"});

  CHECK(At(lost, 1000, 1008) == "earlier");
  CHECK(At(lost, 2400, 2408) == "across");
  CHECK(At(lost, 5992, 7000) == "later");
  CHECK(At(lost, 2500, 5000).empty());
  const auto range = lost.Touching(LogPosition(5500), LogPosition(5508));
  REQUIRE(range);
  CHECK(range->begin == LogPosition(5000));
  CHECK(range->end == LogPosition(6000));
}

TEST_CASE("a range that one thread added is found by the others") {
  constexpr uint64_t kRanges = 2000;
  LostRanges lost;
  std::atomic<uint64_t> added{0};
  std::atomic<uint64_t> not_found{0};
  std::thread reader([&] {
    for (uint64_t seen = 0; seen < kRanges;) {
      seen = added.load(std::memory_order_acquire);
      if (seen > 0 && At(lost, (seen - 1) * 8, seen * 8) != "gone") not_found += 1;
    }
  });
  for (uint64_t i = 0; i < kRanges; ++i) {
    lost.Add({LogPosition(i * 8), LogPosition(i * 8 + 8), "gone"});
    added.store(i + 1, std::memory_order_release);
  }
  reader.join();

  CHECK(not_found == 0);
}

}  // namespace
}  // namespace weir::internal
