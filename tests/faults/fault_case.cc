#include "faults/fault_case.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "faults/sandbox.h"
#include "torture/report.h"

namespace weir::testing {
namespace {

using Programs = std::vector<const TrialProgram*>;

constexpr uint64_t kPrintedMax = 2000;

struct FaultFlags {
  uint64_t count = 0;
  uint64_t seed = 1;
  std::string program;  // empty: all
  std::optional<uint64_t> call;
  uint64_t fault = 0;
};

std::optional<FaultFlags> ParseFlags(uint64_t count, int argc, char** argv) {
  FaultFlags flags{.count = count};
  for (int i = 1; i < argc; ++i) {
    const std::pair<absl::string_view, absl::string_view> flag =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    uint64_t number = 0;
    if (flag.first == "--program") {
      flags.program = std::string(flag.second);
    } else if (!absl::SimpleAtoi(flag.second, &number)) {
      return std::nullopt;
    } else if (flag.first == "--count") {
      flags.count = number;
    } else if (flag.first == "--seed") {
      flags.seed = number;
    } else if (flag.first == "--call") {
      flags.call = number;
    } else if (flag.first == "--fault") {
      flags.fault = number;
    } else {
      return std::nullopt;
    }
  }
  return flags;
}

Programs ProgramsOf(const FaultHarness& harness) {
  Programs programs;
  for (const TrialProgram& program : TrialPrograms()) programs.push_back(&program);
  programs.insert(programs.end(), harness.more.begin(), harness.more.end());
  return programs;
}

int PrintUsage(const FaultHarness& harness) {
  const std::string name(harness.name);
  std::fprintf(stderr,
               "%s [--count=N] [--seed=S] [--program=NAME]\n"
               "%s --program=NAME --seed=S --call=K --fault=V\nprograms:",
               name.c_str(), name.c_str());
  for (const TrialProgram* const program : ProgramsOf(harness)) {
    std::fprintf(stderr, " %s", std::string(program->name).c_str());
  }
  std::fprintf(stderr, "\n");
  return 2;
}

void PrintViolations(SandboxCounts& counts, const std::vector<std::string>& told,
                     const std::string& reproduction) {
  if (counts.violations++ >= kPrintedMax) return;
  for (const std::string& text : told) std::printf("VIOLATION %s\n", text.c_str());
  std::printf("reproduce: %s\n", reproduction.c_str());
  std::fflush(stdout);
}

// The cases of one round: of all programs, as many as are still wanted.
std::vector<FaultCase> CasesOf(const FaultHarness& harness, const Programs& programs, uint64_t seed,
                               uint64_t wanted, SandboxCounts& counts) {
  std::vector<FaultCase> all;
  for (const TrialProgram* const program : programs) {
    std::vector<std::string> told;
    for (FaultCase& which : harness.cases(*program, seed, told)) all.push_back(std::move(which));
    if (told.empty()) continue;
    told.insert(told.begin(), absl::StrCat(program->name, " without a fault"));
    PrintViolations(
        counts, told,
        absl::StrCat(harness.name, " --count=1 --program=", program->name, " --seed=", seed));
  }
  if (harness.shuffle != nullptr) {
    harness.shuffle(all, seed);
    return all;
  }
  // A round that is only a little larger is gone through as a whole.
  if (all.size() <= wanted + wanted / 4) return all;
  const uint64_t count = std::max<uint64_t>(1, wanted);
  std::vector<FaultCase> cases;
  for (uint64_t i = 0; i < count; ++i) {
    cases.push_back(
        std::move(all[static_cast<size_t>((i * all.size() / count + seed) % all.size())]));
  }
  return cases;
}

int Torture(const FaultHarness& harness, const FaultFlags& flags, const Programs& programs) {
  SandboxCounts* const counts = Sandbox::Share();
  if (counts == nullptr) return ReportSkipped("no memory to share");
  for (uint64_t round = 0; round == 0 || (counts->injected < flags.count && round < 1000);
       ++round) {
    const std::vector<FaultCase> cases =
        CasesOf(harness, programs, flags.seed + round, flags.count - counts->injected, *counts);
    if (cases.empty()) break;
    Sandbox::Run(
        *counts, cases.size(),
        [&](uint64_t i) {
          // Who shuffles goes only as far as he must.
          if (harness.shuffle != nullptr && counts->injected >= flags.count) return;
          const FaultCase& which = cases[static_cast<size_t>(i)];
          CaseOutcome outcome = harness.run(which);
          counts->failures += outcome.failures;
          counts->injected += outcome.injected;
          if (outcome.violations.empty()) return;
          outcome.violations.insert(outcome.violations.begin(), which.ToString());
          PrintViolations(*counts, outcome.violations, which.Reproduction(harness.name));
        },
        [&](uint64_t i, const std::string& why) {
          const FaultCase& which = cases[static_cast<size_t>(i)];
          PrintViolations(*counts, {absl::StrCat(which.ToString(), ": ", why)},
                          which.Reproduction(harness.name));
        });
  }
  std::printf("%llu failures in all\n", static_cast<unsigned long long>(counts->failures.load()));
  return ReportTorture(std::string(harness.counted), counts->injected, flags.count,
                       counts->violations);
}

int Reproduce(const FaultHarness& harness, const FaultCase& which) {
  std::printf("%s\n", which.ToString().c_str());
  const CaseOutcome outcome = harness.run(which);
  for (const std::string& text : outcome.violations) std::printf("VIOLATION %s\n", text.c_str());
  return ReportTorture(std::string(harness.counted), outcome.injected, 1,
                       outcome.violations.size());
}

}  // namespace

std::string FaultCase::ToString() const { return absl::StrCat(program->name, ", ", what); }

std::string FaultCase::Reproduction(absl::string_view harness) const {
  return absl::StrCat(harness, " --program=", program->name, " --seed=", seed, " --call=", call,
                      " --fault=", fault);
}

std::vector<FaultCase> FaultCasesOf(const TrialProgram& program, uint64_t seed,
                                    const std::vector<OperationKind>& calls) {
  std::vector<FaultCase> cases;
  for (uint64_t call = 0; call < calls.size(); ++call) {
    const OperationKind kind = calls[static_cast<size_t>(call)];
    const std::vector<FaultKind>& faults = FaultKindsOf(kind);
    for (uint64_t fault = 0; fault < faults.size(); ++fault) {
      cases.push_back({.program = &program,
                       .seed = seed,
                       .call = call,
                       .calls = calls.size(),
                       .fault = fault,
                       .what = absl::StrCat("call ", call, " (", OperationKindName(kind),
                                            "): ", faults[static_cast<size_t>(fault)].name),
                       .kind = kind});
    }
  }
  return cases;
}

int RunFaultHarness(const FaultHarness& harness, int argc, char** argv) {
  const std::optional<FaultFlags> flags = ParseFlags(harness.count, argc, argv);
  if (!flags.has_value()) return PrintUsage(harness);
  Programs programs = ProgramsOf(harness);
  std::erase_if(programs, [&](const TrialProgram* program) {
    return !flags->program.empty() && flags->program != program->name;
  });
  if (programs.empty() || (flags->call.has_value() && programs.size() != 1)) {
    return PrintUsage(harness);
  }
  if (!flags->call.has_value()) return Torture(harness, *flags, programs);
  std::vector<std::string> told;
  for (const FaultCase& which : harness.cases(*programs.front(), flags->seed, told)) {
    if (which.call == *flags->call && which.fault == flags->fault) return Reproduce(harness, which);
  }
  std::fprintf(stderr, "the program makes no such call, or it has no such failure\n");
  return 2;
}

}  // namespace weir::testing
