#include "io/wake_word.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

#include "weir/clock.h"

namespace weir::internal {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) &&
                  std::atomic<uint32_t>::is_always_lock_free,
              "the kernel looks at the word itself");

// Both without FUTEX_PRIVATE_FLAG, which would keep the other processes out. The results tell
// nothing that a caller, who looks again, could use.

void WaitOnWord(std::atomic<uint32_t>& word, uint32_t expected, absl::Duration timeout) {
  if (timeout <= absl::ZeroDuration()) return;
  const bool has_end = timeout != absl::InfiniteDuration();
  const timespec rest = has_end ? absl::ToTimespec(timeout) : timespec{};
  syscall(SYS_futex, &word, FUTEX_WAIT, expected, has_end ? &rest : nullptr, nullptr, 0);
}

void WakeAll(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void WaitOnOwnWord(std::atomic<uint32_t>& word, uint32_t expected, uint32_t kinds,
                   absl::Duration timeout) {
  if (timeout <= absl::ZeroDuration()) return;
  const bool has_end = timeout != absl::InfiniteDuration();
  timespec end{};
  if (has_end) {
    // This operation takes the moment of the monotonic clock at which it ends.
    const int64_t now = Clock::System()->MonotonicNanos();
    end = absl::ToTimespec(absl::Nanoseconds(now) + timeout);
  }
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, has_end ? &end : nullptr, nullptr,
          kinds);
}

void WakeOwn(std::atomic<uint32_t>& word, uint32_t kinds, int count) {
  syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, count, nullptr, nullptr, kinds);
}

}  // namespace weir::internal
