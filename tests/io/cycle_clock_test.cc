#include "io/cycle_clock.h"

#include <catch2/catch.hpp>
#include <cstdint>

namespace weir::internal {
namespace {

// A machine whose clocks a test sets. Functions without state are what the clock takes.
struct Machine {
  static inline double nanos = 0;            // since it was switched on
  static inline double cycles = 0;           // counted since then
  static inline double cycles_per_nano = 2;  // from now on
  static inline int64_t wall_ahead = 0;      // what the wall clock is set to
  static inline int looks = 0;

  static void Reset() {
    nanos = 1e9;
    cycles = 7e12;
    cycles_per_nano = 2;
    wall_ahead = 1'700'000'000'000'000'000;
    looks = 0;
  }
  static void Pass(double duration) {
    nanos += duration;
    cycles += duration * cycles_per_nano;
  }
  static int64_t Wall() { return wall_ahead + static_cast<int64_t>(nanos); }
};

CycleClock::Source MachineSource() {
  return {.cycles = [] { return static_cast<uint64_t>(Machine::cycles); },
          .wall_nanos =
              [] {
                ++Machine::looks;
                return Machine::Wall();
              },
          .monotonic_nanos = [] { return static_cast<int64_t>(Machine::nanos); }};
}

// Reads the clock often enough for it to know how fast the counter runs.
void Learn(CycleClock& clock) {
  for (int i = 0; i < 4; ++i) {
    clock.WallNanos();
    Machine::Pass(1'000'000);
  }
  clock.WallNanos();
}

int64_t Apart(CycleClock& clock) {
  const int64_t apart = clock.WallNanos() - Machine::Wall();
  return apart < 0 ? -apart : apart;
}

TEST_CASE("between two looks at the machine's clock the counter tells the time to the nanosecond") {
  Machine::Reset();
  CycleClock clock(MachineSource());
  Learn(clock);

  const int looks = Machine::looks;
  for (int i = 0; i < 900; ++i) {
    Machine::Pass(1'100);
    REQUIRE(Apart(clock) <= 1);
  }
  CHECK(Machine::looks == looks);
  for (int i = 0; i < 9'000; ++i) {
    Machine::Pass(1'100);
    REQUIRE(Apart(clock) <= 2);
  }
  CHECK(Machine::looks >= looks + 9);
}

TEST_CASE("a wall clock that is set is seen a millisecond later at most") {
  for (const int64_t jump : {int64_t{3'000'000'000}, int64_t{-50} * 365 * 86'400 * 1'000'000'000}) {
    Machine::Reset();
    CycleClock clock(MachineSource());
    Learn(clock);

    Machine::wall_ahead += jump;
    Machine::Pass(1'000'001);
    CHECK(Apart(clock) <= 2);
  }
}

TEST_CASE("a counter that changes its pace is believed again only when it is steady") {
  Machine::Reset();
  CycleClock clock(MachineSource());
  Learn(clock);

  Machine::cycles_per_nano = 3;
  Machine::Pass(900'000);
  CHECK(Apart(clock) == 0);  // more cycles than a millisecond has: it looked
  for (int i = 0; i < 5'000; ++i) {
    Machine::Pass(700);
    REQUIRE(Apart(clock) <= 2);
  }
  const int looks = Machine::looks;
  Machine::Pass(100);
  CHECK(Apart(clock) <= 2);
  CHECK(Machine::looks == looks);
}

TEST_CASE("a counter that is set back or ahead tells no wrong time") {
  for (const double jump : {-6e12, 5e15}) {
    Machine::Reset();
    CycleClock clock(MachineSource());
    Learn(clock);

    Machine::cycles += jump;
    for (int i = 0; i < 5'000; ++i) {
      Machine::Pass(700);
      REQUIRE(Apart(clock) <= 2);
    }
  }
}

TEST_CASE("a machine that slept has its rate measured anew") {
  Machine::Reset();
  CycleClock clock(MachineSource());
  Learn(clock);

  Machine::nanos += 3'600e9;  // the counter stood still
  Machine::Pass(100);
  // It cannot be known from the counter: the old anchor holds for the rest of its millisecond.
  Machine::Pass(1'000'000);
  CHECK(Apart(clock) == 0);
  for (int i = 0; i < 5'000; ++i) {
    Machine::Pass(700);
    REQUIRE(Apart(clock) <= 2);
  }
}

TEST_CASE("without a counter every time is a look at the clock") {
  Machine::Reset();
  CycleClock::Source source = MachineSource();
  source.cycles = nullptr;
  CycleClock clock(source);

  for (int i = 0; i < 10; ++i) CHECK(clock.WallNanos() == Machine::Wall());
  CHECK(Machine::looks == 10);
}

}  // namespace
}  // namespace weir::internal
