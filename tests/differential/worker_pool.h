// Runs programs in forked processes, so that one that crashes or hangs is named and the others go
// on.

#ifndef WEIR_TESTS_DIFFERENTIAL_WORKER_POOL_H_
#define WEIR_TESTS_DIFFERENTIAL_WORKER_POOL_H_

#include <cstdint>
#include <functional>
#include <string>

namespace weir::testing {

struct ProgramResult {
  uint64_t operations = 0;
  std::string mismatch;  // empty: none
};

struct PoolResult {
  uint64_t operations = 0;
  uint64_t programs = 0;
  uint64_t failures = 0;
};

// Runs programs 0, 1, 2, ... until `operations` of them were done, or too many programs failed.
// `report` hears of each failure, in this process.
PoolResult RunPrograms(uint64_t operations,
                       const std::function<ProgramResult(uint64_t program)>& run,
                       const std::function<void(uint64_t program, const std::string&)>& report);

}  // namespace weir::testing

#endif  // WEIR_TESTS_DIFFERENTIAL_WORKER_POOL_H_
