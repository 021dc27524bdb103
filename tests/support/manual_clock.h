// A clock that stands still until a test moves it, or that moves by a fixed step at every look.

#ifndef WEIR_TESTS_SUPPORT_MANUAL_CLOCK_H_
#define WEIR_TESTS_SUPPORT_MANUAL_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "weir/clock.h"

namespace weir::testing {

class ManualClock final : public Clock {
 public:
  // Some day in 2023, and a machine that has been up for an hour.
  static constexpr int64_t kDefaultWallNanos = 1'700'000'000'000'000'000;
  static constexpr int64_t kDefaultMonotonicNanos = 3'600'000'000'000;

  explicit ManualClock(int64_t wall_nanos = kDefaultWallNanos,
                       int64_t monotonic_nanos = kDefaultMonotonicNanos)
      : wall_nanos_(wall_nanos), monotonic_nanos_(monotonic_nanos) {}

  int64_t WallNanos() override { return wall_nanos_.fetch_add(step_nanos_) + step_nanos_; }
  int64_t MonotonicNanos() override {
    return monotonic_nanos_.fetch_add(step_nanos_) + step_nanos_;
  }

  // Moves both.
  void Advance(absl::Duration duration) {
    wall_nanos_ += absl::ToInt64Nanoseconds(duration);
    monotonic_nanos_ += absl::ToInt64Nanoseconds(duration);
  }

  // The wall clock may jump, in both directions, while monotonic time goes on.
  void SetWallNanos(int64_t nanos) { wall_nanos_ = nanos; }
  void SetMonotonicNanos(int64_t nanos) { monotonic_nanos_ = nanos; }

  // From now on every look moves the hand looked at by `step`: waits with a timeout end although
  // nobody moves the clock.
  void AdvanceAtEveryLook(absl::Duration step) { step_nanos_ = absl::ToInt64Nanoseconds(step); }

 private:
  std::atomic<int64_t> wall_nanos_;
  std::atomic<int64_t> monotonic_nanos_;
  std::atomic<int64_t> step_nanos_{0};
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_MANUAL_CLOCK_H_
