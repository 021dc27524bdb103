// A small program on the real file system, while allocations and mappings fail: what the library
// takes of the machine it gives back.

#ifndef WEIR_TESTS_FAULTS_REAL_FILES_H_
#define WEIR_TESTS_FAULTS_REAL_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "support/failing_memory.h"

namespace weir::testing {

// The violations of a run in which memory fails so. It is back when this returns.
std::vector<std::string> RunOnRealFiles(uint64_t seed, MemoryFailure failure);

}  // namespace weir::testing

#endif  // WEIR_TESTS_FAULTS_REAL_FILES_H_
