// Fails every call that small programs make of the file system, in every way, once and for ever,
// and asks the oracle what became of the promises.
//
//   io_errors [--count=N] [--seed=S] [--program=NAME]
//   io_errors --program=NAME --seed=S --call=K --fault=V      one failure, told in full
//
// Rounds over all programs, calls and kinds of failure, each round with its own seed. Of a round
// that has more than are wanted a part is taken, evenly spread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "faults/aftermath.h"
#include "faults/fault_case.h"
#include "faults/fault_kinds.h"
#include "faults/trial.h"
#include "support/random.h"

namespace weir::testing {
namespace {

CaseOutcome RunCase(const FaultCase& which) {
  const Fault& fault = which.fault_kind().fault;
  Trial trial(which.program->shape, which.seed, Injection{.call = which.call, .fault = fault});
  const bool front_is_private = !which.program->shape.front_directory.empty();
  const Durability survives_death =
      MayTakeFromDead(front_is_private, fault) ? Durability::kDisk : Durability::kProcess;
  trial.SetSurvivesDeath(survives_death);
  which.program->run(trial);
  CaseOutcome outcome{.injected = 1, .failures = trial.failed_calls()};
  outcome.violations = CheckAftermath(
      trial, Random::Mix(which.seed, which.call, which.fault),
      {.may_be_read_only = MayEndWriting(which.kind, fault), .survives_death = survives_death});
  if (outcome.failures == 0) {
    outcome.injected = 0;
    outcome.violations.emplace_back("the call that was to fail was never made");
  }
  return outcome;
}

std::vector<FaultCase> CasesOf(const TrialProgram& program, uint64_t seed,
                               std::vector<std::string>& told) {
  Trial trial(program.shape, seed, std::nullopt);
  program.run(trial);
  const std::vector<OperationKind> calls = trial.calls();
  told = CheckAftermath(trial, seed, {});
  return FaultCasesOf(program, seed, calls);
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) {
  return weir::testing::RunFaultHarness({.name = "io_errors",
                                         .counted = "failures of calls",
                                         .count = 50'000,
                                         .cases = weir::testing::CasesOf,
                                         .run = weir::testing::RunCase},
                                        argc, argv);
}
