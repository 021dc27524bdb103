// Somebody lays hands on the files of a store while a process writes it.

#ifndef WEIR_TESTS_KERNEL_HOSTILE_FILES_H_
#define WEIR_TESTS_KERNEL_HOSTILE_FILES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "kernel/workplace.h"

namespace weir::kernel {

// So many pairs of a file and what is done to it.
uint32_t Mischiefs();
std::string MischiefName(uint32_t mischief);

// The file is hit at a moment that `seed` chooses; the writer goes on for a while and is killed or
// closes. It must not die of it, nor may the next open; that open says so if anything is gone, and
// what a link led to is untouched.
absl::Status DoMischief(const Workplace& workplace, uint32_t mischief, uint64_t seed);

// A live store is copied; the copy is a store beside it. Linked instead, both are refused from the
// next open on, and the reason names the links.
absl::Status CopyLiveStore(const Workplace& workplace, uint64_t seed);
absl::Status LinkLiveStore(const Workplace& workplace, uint64_t seed);

// A victim under a storm of signals is refused nothing and loses nothing.
absl::Status InterruptAlways(const Workplace& workplace, uint64_t seed);

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_HOSTILE_FILES_H_
