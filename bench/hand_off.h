// From one thread to another: how long until what one thread makes is seen by the other.

#ifndef WEIR_BENCH_HAND_OFF_H_
#define WEIR_BENCH_HAND_OFF_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "base/histogram.h"
#include "workspace.h"

namespace weir::bench {

// `make(i, now)` makes thing i on this thread and is told the time at which it was called; `see(i)`
// runs on a second thread, waits for thing i and returns that time. `nanos` gets the time between
// the two for each of `count` things. A thing is made two microseconds after the one before it was
// seen: then the second thread spins again, for reference and store alike.
template <typename Make, typename See>
void HandOff(size_t count, internal::Histogram* nanos, Make make, See see) {
  alignas(64) std::atomic<size_t> seen = 0;
  std::thread consumer([&] {
    for (size_t i = 0; i < count; ++i) {
      const int64_t made = see(i);
      // Clocks of two cores may differ by a few nanoseconds.
      nanos->Record(static_cast<uint64_t>(std::max<int64_t>(0, NowNanos() - made)));
      seen.store(i + 1, std::memory_order_release);
    }
  });
  for (size_t i = 0; i < count; ++i) {
    while (seen.load(std::memory_order_acquire) < i) {
    }
    const int64_t start = NowNanos() + 2'000;
    int64_t now = NowNanos();
    while (now < start) now = NowNanos();
    make(i, now);
  }
  consumer.join();
}

// ref_handoff: one cache line from one thread to the other.
inline void RefHandOff(size_t count, internal::Histogram* nanos) {
  struct alignas(64) Line {
    std::atomic<int64_t> made = 0;
  };
  Line line;
  int64_t last = 0;
  HandOff(
      count, nanos,
      [&line](size_t, int64_t now) { line.made.store(now, std::memory_order_release); },
      [&line, &last](size_t) {
        int64_t made = last;
        while (made == last) made = line.made.load(std::memory_order_acquire);
        return last = made;
      });
}

}  // namespace weir::bench

#endif  // WEIR_BENCH_HAND_OFF_H_
