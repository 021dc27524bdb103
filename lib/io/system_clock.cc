// The real Clock; the only place that reads the time of the machine.

#include <cstdint>
#include <ctime>

#include "weir/clock.h"

namespace weir {
namespace internal {
namespace {

class SystemClock final : public Clock {
 public:
  int64_t WallNanos() override { return Nanos(CLOCK_REALTIME); }
  int64_t MonotonicNanos() override { return Nanos(CLOCK_MONOTONIC); }

 private:
  static int64_t Nanos(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);  // cannot fail for these two
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }
};

}  // namespace
}  // namespace internal

Clock* Clock::System() {
  static auto* const clock = new internal::SystemClock;  // outlives static destructors
  return clock;
}

}  // namespace weir
