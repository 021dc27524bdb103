#include <catch2/catch.hpp>
#include <cstdint>

#include "absl/time/clock.h"
#include "weir/clock.h"

namespace weir {
namespace {

TEST_CASE("the system clock tells the time of day in nanoseconds") {
  const int64_t before = absl::GetCurrentTimeNanos();
  const int64_t now = Clock::System()->WallNanos();

  // Abseil computes its time from another clock; a second is far beyond what they differ.
  CHECK(now > before - 1'000'000'000);
  CHECK(now < before + 60'000'000'000);
}

TEST_CASE("the time of day is the machine's to a millisecond, however often one looks") {
  for (int i = 0; i < 100'000; ++i) {
    const int64_t before = absl::GetCurrentTimeNanos();
    const int64_t now = Clock::System()->WallNanos();
    const int64_t after = absl::GetCurrentTimeNanos();
    REQUIRE(now > before - 2'000'000);
    REQUIRE(now < after + 2'000'000);
  }
}

TEST_CASE("monotonic time never goes back, and moves") {
  Clock& clock = *Clock::System();
  const int64_t first = clock.MonotonicNanos();
  int64_t last = first;
  while (last < first + 1000) {
    const int64_t now = clock.MonotonicNanos();
    REQUIRE(now >= last);
    last = now;
  }
}

}  // namespace
}  // namespace weir
