// A host that treats its store badly: a clock that jumps, callbacks that throw, a disk that hangs,
// a fork in the middle.

#ifndef WEIR_TESTS_KERNEL_HOSTILE_HOSTS_H_
#define WEIR_TESTS_KERNEL_HOSTILE_HOSTS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "kernel/workplace.h"

namespace weir::kernel {

// The wall clock jumps by up to 50 years in both directions between and in calls: nobody waits
// longer for it, and store times do not go back.
absl::Status JumpClock(const Workplace& workplace, uint64_t seed);

// Each callback and each call of the listener throws; all of them are called, and the store goes
// on.
absl::Status ThrowAlways(const Workplace& workplace, uint64_t seed);

// A sync that does not return stops neither readers, of this process and of others, nor kProcess
// producers, until unsynced_bytes_max; then who has a deadline is told so when it has passed, and
// who has none goes on with the sync.
absl::Status HangSync(const Workplace& workplace, uint64_t seed);

// The host forks under load: the child is refused everything, the parent notices nothing.
absl::Status ForkInTheMiddle(const Workplace& workplace, uint64_t seed);

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_HOSTILE_HOSTS_H_
