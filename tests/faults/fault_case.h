// One failure of one call of one program, how it is asked for on a command line, and what is common
// to the harnesses that go through all of them.

#ifndef WEIR_TESTS_FAULTS_FAULT_CASE_H_
#define WEIR_TESTS_FAULTS_FAULT_CASE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "faults/fault_kinds.h"
#include "faults/trial_programs.h"

namespace weir::testing {

struct FaultCase {
  const TrialProgram* program = nullptr;
  uint64_t seed = 0;
  uint64_t call = 0;   // or the allocation
  uint64_t calls = 0;  // of a run without a fault
  uint64_t fault = 0;
  std::string what;  // both in words
  OperationKind kind = OperationKind::kOpen;

  // Of a call of the file system.
  const FaultKind& fault_kind() const { return FaultKindsOf(kind)[static_cast<size_t>(fault)]; }
  std::string ToString() const;
  std::string Reproduction(absl::string_view harness) const;
};

// All failures of calls of the file system in a program, whose run without one made these.
std::vector<FaultCase> FaultCasesOf(const TrialProgram& program, uint64_t seed,
                                    const std::vector<OperationKind>& calls);

struct CaseOutcome {
  std::vector<std::string> violations;
  uint64_t injected = 0;  // what the harness counts
  uint64_t failures = 0;  // how often the fault was met
};

// A harness with the flags --count, --seed and --program, and with --call and --fault for one case.
struct FaultHarness {
  absl::string_view name;
  absl::string_view counted;
  uint64_t count = 0;  // unless told
  // Of one program; what goes wrong in it without a fault is told.
  std::function<std::vector<FaultCase>(const TrialProgram&, uint64_t seed,
                                       std::vector<std::string>& told)>
      cases;
  std::function<CaseOutcome(const FaultCase&)> run;
  // Besides those of trial_programs.h, programs that this harness knows how to run.
  std::vector<const TrialProgram*> more = {};
  // In which order the cases of all programs are gone through; without it, in theirs, and of a
  // round that has more than are wanted a part, evenly spread.
  std::function<void(std::vector<FaultCase>&, uint64_t seed)> shuffle = nullptr;
};
int RunFaultHarness(const FaultHarness& harness, int argc, char** argv);

}  // namespace weir::testing

#endif  // WEIR_TESTS_FAULTS_FAULT_CASE_H_
