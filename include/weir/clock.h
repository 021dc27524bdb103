// The clock: one of the two objects through which a store sees the world.
//
//   class ManualClock final : public weir::Clock { ... };
//   weir::MessageStore::Open({.directory = "data", .clock = &manual_clock});

#ifndef WEIR_CLOCK_H_
#define WEIR_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"

namespace weir {

// All functions may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Nanoseconds since the Unix epoch. May jump in both directions; nothing but store times and
  // deliveries at a time rests on it.
  virtual int64_t WallNanos() = 0;

  // Nanoseconds since some fixed moment. Never goes back. Deadlines and intervals rest on it.
  virtual int64_t MonotonicNanos() = 0;

  // The real clock. Lives for ever.
  static Clock* System();
};

}  // namespace weir

#endif  // WEIR_CLOCK_H_
