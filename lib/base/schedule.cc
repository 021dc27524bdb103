#include "base/schedule.h"

#if defined(WEIR_SCHEDULES)

#include <sched.h>

#include <atomic>
#include <cstdint>

namespace weir::internal {
namespace {

// Often enough that whatever takes two steps is cut in two somewhere, and seldom enough that the
// rest of a run is not made of it.
constexpr uint64_t kOneIn = 64;

}  // namespace

void MayYield() {
  // Relaxed: an order that this gave the threads would hide races from the sanitizer.
  static std::atomic<uint64_t> threads{0};
  thread_local uint64_t state =
      (threads.fetch_add(1, std::memory_order_relaxed) + 1) * 0x9e3779b97f4a7c15;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  if (state % kOneIn == 0) sched_yield();
}

}  // namespace weir::internal

#endif  // WEIR_SCHEDULES
