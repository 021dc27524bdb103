// Two processes open one store at the same moment.

#ifndef WEIR_TESTS_KERNEL_OPENERS_H_
#define WEIR_TESTS_KERNEL_OPENERS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "kernel/workplace.h"

namespace weir::kernel {

// So many times. Each time one of them has the store, and the other is told the process id of the
// first. Counts into *raced.
absl::Status RaceOpeners(const Workplace& workplace, uint64_t seed, uint64_t races,
                         uint64_t* raced);

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_OPENERS_H_
