// Fails every allocation that small programs make inside of calls of the library, alone and with
// all that follow it, and asks the oracle what became of the promises: a call says so and throws
// nothing, no worker ends, everything that was acknowledged is there, the store is usable when
// there is memory again, and nothing is left behind.
//
//   allocation_failures [--count=N] [--seed=S] [--program=NAME]
//   allocation_failures --program=NAME --seed=S --call=K --fault=V      one, told in full
//
// The allocations of a run without a failure are counted, then each of them fails, and of half of
// them all that follow, too; V is 0 for once and 1 for ever. Memory that the fault file system and
// this program take is not counted. Where there are workers the same number may be another
// allocation in the next run.

#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "faults/aftermath.h"
#include "faults/fault_case.h"
#include "faults/real_files.h"
#include "faults/trial.h"
#include "support/failing_memory.h"
#include "support/random.h"

namespace weir::testing {
namespace {

enum : uint64_t { kOnce, kForEver };

// Runs on real files.
constexpr TrialProgram kRealFiles{.name = "real_files"};

// A run with its aftermath, in which memory fails so. `allocations`: how many were watched.
CaseOutcome Run(const TrialProgram& program, uint64_t seed, MemoryFailure failure,
                uint64_t* allocations = nullptr) {
  const int64_t before = FailingMemory::live();
  CaseOutcome outcome;
  if (program.run == nullptr) {
    outcome.violations = RunOnRealFiles(seed, failure);
    outcome.failures = FailingMemory::failures();
    if (allocations != nullptr) *allocations = FailingMemory::allocations();
  } else {
    Trial trial(program.shape, seed, std::nullopt);
    trial.FailMemory(failure);
    program.run(trial);
    outcome.failures = FailingMemory::failures();
    if (allocations != nullptr) *allocations = FailingMemory::allocations();
    outcome.violations = CheckAftermath(
        trial, Random::Mix(seed, failure.nth, failure.is_for_ever ? 1 : 0), {.is_brief = true});
  }
  if (!outcome.violations.empty()) return outcome;
  const int64_t held = FailingMemory::live() - before;
  if (held != 0)
    outcome.violations.push_back(absl::StrCat(held, " allocations are not given back"));
  return outcome;
}

CaseOutcome RunCase(const FaultCase& which) {
  // What is made once for a process is made without a failure.
  static std::pair<pid_t, const TrialProgram*> warm;
  const std::pair<pid_t, const TrialProgram*> now(getpid(), which.program);
  if (std::exchange(warm, now) != now) Run(*which.program, which.seed, {});
  CaseOutcome outcome =
      Run(*which.program, which.seed, {.nth = which.call, .is_for_ever = which.fault == kForEver});
  outcome.injected = outcome.failures > 0 ? 1 : 0;
  return outcome;
}

std::vector<FaultCase> CasesOf(const TrialProgram& program, uint64_t seed,
                               std::vector<std::string>& told) {
  Run(program, seed, {});
  uint64_t allocations = 0;
  told = Run(program, seed, {}, &allocations).violations;
  std::vector<FaultCase> cases;
  for (uint64_t nth = 0; nth < allocations; ++nth) {
    for (const uint64_t fault : {kOnce, kForEver}) {
      // From two neighbours on nearly the same fails: a seed takes the one, the next the other.
      if (fault == kForEver && (nth + seed) % 2 != 0) continue;
      cases.push_back(
          {.program = &program,
           .seed = seed,
           .call = nth,
           .calls = allocations,
           .fault = fault,
           .what = absl::StrCat("allocation ", nth, fault == kOnce ? ", once" : ", for ever")});
    }
  }
  return cases;
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) {
  return weir::testing::RunFaultHarness({.name = "allocation_failures",
                                         .counted = "failed allocations",
                                         .count = 20'000,
                                         .cases = weir::testing::CasesOf,
                                         .run = weir::testing::RunCase,
                                         .more = {&weir::testing::kRealFiles}},
                                        argc, argv);
}
