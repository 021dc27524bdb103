// Runs many cases in a process of their own: one that dies or hangs is a violation, and the next
// one goes on.

#ifndef WEIR_TESTS_FAULTS_SANDBOX_H_
#define WEIR_TESTS_FAULTS_SANDBOX_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace weir::testing {

// What the cases count, in memory that the processes share.
struct SandboxCounts {
  std::atomic<uint64_t> next;      // the case that runs
  std::atomic<uint64_t> injected;  // faults that were met, or states that were examined
  std::atomic<uint64_t> failures;  // calls and allocations that failed
  std::atomic<uint64_t> violations;
};

class Sandbox {
 public:
  // Null: out of memory.
  static SandboxCounts* Share();

  // Calls `run` for all cases below `cases`, and `died(case, why)` in this process for those that
  // did not come back.
  static void Run(SandboxCounts& counts, uint64_t cases, const std::function<void(uint64_t)>& run,
                  const std::function<void(uint64_t, const std::string&)>& died);
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_FAULTS_SANDBOX_H_
