// One failure of one call of one program, how it is asked for on a command line, and what is common
// to the harnesses that go through all of them.

#ifndef WEIR_TESTS_FAULTS_FAULT_CASE_H_
#define WEIR_TESTS_FAULTS_FAULT_CASE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "faults/fault_kinds.h"
#include "faults/sandbox.h"
#include "faults/trial_programs.h"

namespace weir::testing {

struct FaultFlags {
  uint64_t count = 0;
  uint64_t seed = 1;
  std::string program;  // empty: all
  std::optional<uint64_t> call;
  uint64_t fault = 0;
};

struct FaultCase {
  const TrialProgram* program = nullptr;
  uint64_t seed = 0;
  uint64_t call = 0;
  uint64_t calls = 0;  // of a run without a fault
  OperationKind kind = OperationKind::kOpen;
  uint64_t fault = 0;

  const FaultKind& fault_kind() const { return FaultKindsOf(kind)[static_cast<size_t>(fault)]; }
  std::string ToString() const;
  std::string Reproduction(absl::string_view harness) const;
};

// All failures of a program, whose run without one made these calls.
std::vector<FaultCase> FaultCasesOf(const TrialProgram& program, uint64_t seed,
                                    const std::vector<OperationKind>& calls);

// The lines of a violation, and the one that shows it again.
void PrintViolations(SandboxCounts& counts, const std::vector<std::string>& told,
                     const std::string& reproduction);

// A harness with the flags --count, --seed and --program, and with --call and --fault for one case.
struct FaultHarness {
  absl::string_view name;
  uint64_t count = 0;  // unless told
  std::function<int(const FaultFlags&, const std::vector<const TrialProgram*>&)> torture;
  std::function<int(const FaultCase&)> reproduce;
};
int RunFaultHarness(const FaultHarness& harness, int argc, char** argv);

}  // namespace weir::testing

#endif  // WEIR_TESTS_FAULTS_FAULT_CASE_H_
