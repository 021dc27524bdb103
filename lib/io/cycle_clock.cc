#include "io/cycle_clock.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace weir::internal {
namespace {

constexpr int64_t kFreshNanos = 1'000'000;
// A rate is measured over at least so long, or reading the clock is too much of it; and at most so
// long, or the machine may have slept in between.
constexpr int64_t kMeasureNanosMin = 1'000'000;
constexpr int64_t kMeasureNanosMax = 4'000'000'000;
// Whoever is interrupted between his looks at counter and clock knows nothing of their relation.
constexpr uint64_t kLookCyclesMax = 10'000;

#if defined(__x86_64__)
uint64_t TimeStampCounter() { return __rdtsc(); }

bool RunsEvenly() {
  // AMD64 Architecture Programmer's Manual, volume 3, CPUID Fn8000_0007_EDX: TscInvariant.
  constexpr unsigned kPowerManagement = 0x80000007;
  constexpr unsigned kInvariant = 1u << 8;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(kPowerManagement, &eax, &ebx, &ecx, &edx) != 0 && (edx & kInvariant) != 0;
}

bool KernelKeepsTimeByIt() {
  constexpr char kPath[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(kPath, "re"), std::fclose);
  char name[32] = {};
  return file != nullptr && std::fgets(name, sizeof name, file.get()) != nullptr &&
         std::strcmp(name, "tsc\n") == 0;
}
#endif

}  // namespace

uint64_t (*CycleClock::TrustedCounter())() {
#if defined(__x86_64__)
  if (RunsEvenly() && KernelKeepsTimeByIt()) return TimeStampCounter;
#endif
  return nullptr;
}

uint64_t CycleClock::MeasureRate(uint64_t cycles, int64_t monotonic) {
  const int64_t nanos = monotonic - monotonic_;
  const uint64_t since = cycles - cycles_.load(std::memory_order_relaxed);
  if (monotonic_ == 0 || nanos > kMeasureNanosMax || since == 0) return 0;
  const auto rate = static_cast<uint64_t>(static_cast<double>(nanos) * (uint64_t{1} << kRateBits) /
                                          static_cast<double>(since));
  // Twice the same within a thousandth: else the counter was set anew, or the machine moved.
  const uint64_t before = measured_rate_;
  measured_rate_ = rate;
  const uint64_t apart = std::max(rate, before) - std::min(rate, before);
  return apart <= before / 1024 ? rate : 0;
}

int64_t CycleClock::LookAndAnchor() {
  if (is_held_.exchange(true, std::memory_order_acquire)) return source_.wall_nanos();
  const uint64_t cycles = source_.cycles();
  const int64_t wall = source_.wall_nanos();
  const int64_t monotonic = source_.monotonic_nanos();
  const bool was_interrupted = source_.cycles() - cycles > kLookCyclesMax;
  if (!was_interrupted && (monotonic_ == 0 || monotonic - monotonic_ >= kMeasureNanosMin)) {
    const uint64_t rate = MeasureRate(cycles, monotonic);
    const uint32_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    cycles_.store(cycles, std::memory_order_relaxed);
    wall_.store(wall, std::memory_order_relaxed);
    rate_.store(rate, std::memory_order_relaxed);
    fresh_cycles_.store(rate == 0 ? 0 : (uint64_t{kFreshNanos} << kRateBits) / rate,
                        std::memory_order_relaxed);
    version_.store(version + 2, std::memory_order_release);
    monotonic_ = monotonic;
  }
  is_held_.store(false, std::memory_order_release);
  return wall;
}

}  // namespace weir::internal
