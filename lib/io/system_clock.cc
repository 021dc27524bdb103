// The real Clock; the only place that reads the time of the machine.

#include <cstdint>
#include <ctime>

#include "io/cycle_clock.h"
#include "weir/clock.h"

namespace weir {
namespace internal {
namespace {

int64_t Nanos(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);  // cannot fail for these two
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class SystemClock final : public Clock {
 public:
  int64_t WallNanos() override { return wall_.WallNanos(); }
  int64_t MonotonicNanos() override { return Nanos(CLOCK_MONOTONIC); }

 private:
  CycleClock wall_{{.cycles = CycleClock::TrustedCounter(),
                    .wall_nanos = [] { return Nanos(CLOCK_REALTIME); },
                    .monotonic_nanos = [] { return Nanos(CLOCK_MONOTONIC); }}};
};

}  // namespace
}  // namespace internal

Clock* Clock::System() {
  static auto* const clock = new internal::SystemClock;  // outlives static destructors
  return clock;
}

}  // namespace weir
