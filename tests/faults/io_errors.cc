// Fails every call that small programs make of the file system, in every way, once and for ever,
// and asks the oracle what became of the promises.
//
//   io_errors [--count=N] [--seed=S] [--program=NAME]
//   io_errors --program=NAME --seed=S --call=K --fault=V      one failure, told in full
//
// Rounds over all programs, calls and kinds of failure, each round with its own seed. Of a count
// smaller than a round every so-and-so-many-th case is taken.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "faults/aftermath.h"
#include "faults/fault_case.h"
#include "faults/fault_kinds.h"
#include "faults/sandbox.h"
#include "faults/trial.h"
#include "support/random.h"
#include "torture/report.h"

namespace weir::testing {
namespace {

constexpr absl::string_view kName = "io_errors";

// The violations of one case; `failed_calls` is how often the fault was met.
std::vector<std::string> RunCase(const FaultCase& which, uint64_t* failed_calls) {
  const Fault& fault = which.fault_kind().fault;
  Trial trial(which.program->shape, which.seed, Injection{.call = which.call, .fault = fault});
  const bool front_is_private = !which.program->shape.front_directory.empty();
  const Durability survives_death =
      MayTakeFromDead(front_is_private, fault) ? Durability::kDisk : Durability::kProcess;
  trial.SetSurvivesDeath(survives_death);
  which.program->run(trial);
  *failed_calls = trial.failed_calls();
  std::vector<std::string> told = CheckAftermath(
      trial, Random::Mix(which.seed, which.call, which.fault),
      {.may_be_read_only = MayEndWriting(which.kind, fault), .survives_death = survives_death});
  for (const std::string& problem : trial.problems()) {
    told.push_back(absl::StrCat("in the run: ", problem));
  }
  if (*failed_calls == 0) told.emplace_back("the call that was to fail was never made");
  return told;
}

// All cases of a round. What goes wrong without any fault is told as well.
std::vector<FaultCase> CasesOf(const std::vector<const TrialProgram*>& programs, uint64_t seed,
                               std::vector<std::string>& told) {
  std::vector<FaultCase> cases;
  for (const TrialProgram* const program : programs) {
    Trial trial(program->shape, seed, std::nullopt);
    program->run(trial);
    const std::vector<OperationKind> calls = trial.calls();
    std::vector<std::string> problems = CheckAftermath(trial, seed, {});
    for (const std::string& problem : trial.problems()) problems.push_back(problem);
    for (const std::string& problem : problems) {
      told.push_back(absl::StrCat(program->name, " without a fault: ", problem));
    }
    for (const FaultCase& which : FaultCasesOf(*program, seed, calls)) cases.push_back(which);
  }
  return cases;
}

int Torture(const FaultFlags& flags, const std::vector<const TrialProgram*>& programs) {
  SandboxCounts* const counts = Sandbox::Share();
  if (counts == nullptr) return ReportSkipped("no memory to share");
  for (uint64_t round = 0; round == 0 || (counts->injected < flags.count && round < 1000);
       ++round) {
    std::vector<std::string> told;
    const uint64_t seed = flags.seed + round;
    const std::vector<FaultCase> all = CasesOf(programs, seed, told);
    if (!told.empty())
      PrintViolations(*counts, told, absl::StrCat("io_errors --count=1 --seed=", seed));
    const uint64_t wanted = flags.count - counts->injected;
    const uint64_t stride = std::max<uint64_t>(1, all.size() / std::max<uint64_t>(1, wanted));
    std::vector<FaultCase> cases;
    for (size_t i = static_cast<size_t>(seed % stride); i < all.size(); i += stride) {
      cases.push_back(all[i]);
    }
    Sandbox::Run(
        *counts, cases.size(),
        [&](uint64_t i) {
          const FaultCase& which = cases[static_cast<size_t>(i)];
          uint64_t failed_calls = 0;
          std::vector<std::string> violations = RunCase(which, &failed_calls);
          counts->failed_calls += failed_calls;
          if (failed_calls > 0) ++counts->injected;
          if (violations.empty()) return;
          violations.insert(violations.begin(), which.ToString());
          PrintViolations(*counts, violations, which.Reproduction(kName));
        },
        [&](uint64_t i, const std::string& why) {
          const FaultCase& which = cases[static_cast<size_t>(i)];
          PrintViolations(*counts, {absl::StrCat(which.ToString(), ": ", why)},
                          which.Reproduction(kName));
        });
  }
  std::printf("%llu calls failed in all\n",
              static_cast<unsigned long long>(counts->failed_calls.load()));
  return ReportTorture("failures of calls", counts->injected, flags.count, counts->violations);
}

int Reproduce(const FaultCase& which) {
  uint64_t failed_calls = 0;
  const std::vector<std::string> violations = RunCase(which, &failed_calls);
  for (const std::string& text : violations) std::printf("VIOLATION %s\n", text.c_str());
  return ReportTorture("failures of calls", failed_calls > 0 ? 1 : 0, 1, violations.size());
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) {
  return weir::testing::RunFaultHarness({.name = weir::testing::kName,
                                         .count = 50'000,
                                         .torture = weir::testing::Torture,
                                         .reproduce = weir::testing::Reproduce},
                                        argc, argv);
}
