// The time that ages are measured by.

#include "store/retention_clock.h"

#include <catch2/catch.hpp>

#include "log/small_log.h"
#include "support/manual_clock.h"

namespace weir::testing {
namespace {

using internal::RetentionClock;
using internal::StateAppender;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kWall = ManualClock::kDefaultWallNanos;

TEST_CASE("a clock that runs as it should is followed to the nanosecond") {
  ManualClock clock;
  RetentionClock time(&clock, nullptr);
  CHECK(time.Now(0) == kWall);
  clock.Advance(absl::Seconds(5));
  CHECK(time.Now(0) == kWall + 5 * kSecond);
}

TEST_CASE("a jump is believed as fast again as time passes, and no faster") {
  ManualClock clock;
  RetentionClock time(&clock, nullptr);
  CHECK(time.Now(0) == kWall);
  clock.SetWallNanos(kWall + 1'000'000 * kSecond);
  CHECK(time.Now(0) == kWall);
  clock.Advance(absl::Seconds(10));
  CHECK(time.Now(0) == kWall + 20 * kSecond);
  // It comes back: time stands still until the clock has caught up.
  clock.SetWallNanos(kWall + 10 * kSecond);
  CHECK(time.Now(0) == kWall + 20 * kSecond);
  clock.Advance(absl::Seconds(5));
  CHECK(time.Now(0) == kWall + 20 * kSecond);
  clock.Advance(absl::Seconds(7));
  CHECK(time.Now(0) == kWall + 22 * kSecond);
}

TEST_CASE("where no earlier life is known time begins with the newest record, or with the clock") {
  ManualClock clock;
  CHECK(RetentionClock(&clock, nullptr).Now(kWall - 7 * kSecond) == kWall - 7 * kSecond);
  CHECK(RetentionClock(&clock, nullptr).Now(kWall + 7 * kSecond) == kWall);
}

TEST_CASE("the next life goes on where the log says that the last one was") {
  FaultFileSystem disk;
  ManualClock clock;
  const auto log = OpenLog(SmallLog(disk, clock));
  StateAppender appender(log.get(), RetentionClock::kName);
  RetentionClock time(&clock, &appender);
  CHECK(time.Now(0) == kWall);
  const auto carried = time.Carry(LogPosition(0));
  REQUIRE(carried.ok());
  CHECK(*carried > 0);
  const LogPosition end = log->front().claimed_end();
  const std::string saved = time.SaveAll(end);
  CHECK(saved.size() == 16);
  // Of what is said further on the file of an older segment knows nothing.
  CHECK(time.SaveAll(LogPosition(0)).empty());
  CHECK(time.SaveChanges(end, end + 100).empty());

  clock.SetWallNanos(kWall + 1'000'000 * kSecond);
  RetentionClock next(&clock, nullptr);
  REQUIRE(next.Load(saved).ok());
  // Whatever records say that were stamped while the clock was wrong.
  CHECK(next.Now(kWall + 1'000'000 * kSecond) == kWall);
  CHECK(absl::IsDataLoss(next.Load(saved.substr(0, 9))));
}

}  // namespace
}  // namespace weir::testing
