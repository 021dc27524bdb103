// Wall time by the processor's cycle counter, between two looks at the machine's clock.
//
// Every append has a store time, and a look at the machine's clock costs as much as the copy, the
// checksum and the lock of a small one together. The counter is believed for a millisecond at most
// and only where the kernel itself keeps time by it, so an adjustment or a jump of the clock is
// seen at most a millisecond late, and an error of the measured rate is below a microsecond.

#ifndef WEIR_IO_CYCLE_CLOCK_H_
#define WEIR_IO_CYCLE_CLOCK_H_

#include <atomic>
#include <cstdint>

namespace weir::internal {

class CycleClock final {
 public:
  // What the world is asked for; tests have a world of their own.
  struct Source {
    uint64_t (*cycles)();
    int64_t (*wall_nanos)();
    int64_t (*monotonic_nanos)();
  };
  // `source.cycles` may be null: then every answer is a look at the clock.
  explicit CycleClock(const Source& source) : source_(source) {}

  // The counter of this processor; null unless the kernel keeps time by it.
  static uint64_t (*TrustedCounter())();

  // Nanoseconds since the Unix epoch. Any thread.
  int64_t WallNanos() {
    if (source_.cycles == nullptr) return source_.wall_nanos();
    const uint32_t version = version_.load(std::memory_order_acquire);
    const uint64_t since = source_.cycles() - cycles_.load(std::memory_order_relaxed);
    const uint64_t rate = rate_.load(std::memory_order_relaxed);
    const int64_t wall = wall_.load(std::memory_order_relaxed);
    const uint64_t fresh = fresh_cycles_.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    const bool is_whole = version % 2 == 0 && version_.load(std::memory_order_relaxed) == version;
    if (!is_whole || since >= fresh) return LookAndAnchor();
    return wall + static_cast<int64_t>((since * rate) >> kRateBits);
  }

 private:
  static constexpr int kRateBits = 32;

  int64_t LookAndAnchor();
  // The rate since the last anchor, if it is believed; else 0.
  uint64_t MeasureRate(uint64_t cycles, int64_t monotonic);

  const Source source_;

  // The anchor: at `cycles_` it was `wall_`; `rate_` is nanoseconds in 2^32 cycles. Read by
  // anybody; odd versions are being written.
  std::atomic<uint32_t> version_{0};
  std::atomic<uint64_t> cycles_{0};
  std::atomic<int64_t> wall_{0};
  std::atomic<uint64_t> rate_{0};
  std::atomic<uint64_t> fresh_cycles_{0};  // how long it is believed

  // Whoever holds the flag writes the anchor; others look at the clock meanwhile.
  std::atomic<bool> is_held_{false};
  int64_t monotonic_ = 0;
  uint64_t measured_rate_ = 0;
};

}  // namespace weir::internal

#endif  // WEIR_IO_CYCLE_CLOCK_H_
