#include "faults/fault_case.h"

#include <cstdio>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "faults/trial.h"

namespace weir::testing {
namespace {

constexpr uint64_t kPrintedMax = 2000;

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

int PrintUsage(absl::string_view name) {
  const std::string harness(name);
  std::fprintf(stderr,
               "%s [--count=N] [--seed=S] [--program=NAME]\n"
               "%s --program=NAME --seed=S --call=K --fault=V\nprograms:",
               harness.c_str(), harness.c_str());
  for (const TrialProgram& program : TrialPrograms()) {
    std::fprintf(stderr, " %s", std::string(program.name).c_str());
  }
  std::fprintf(stderr, "\n");
  return 2;
}

}  // namespace

std::string FaultCase::ToString() const {
  return absl::StrCat(program->name, ", call ", call, " (", OperationKindName(kind),
                      "): ", fault_kind().name);
}

std::string FaultCase::Reproduction(absl::string_view harness) const {
  return absl::StrCat(harness, " --program=", program->name, " --seed=", seed, " --call=", call,
                      " --fault=", fault);
}

std::vector<FaultCase> FaultCasesOf(const TrialProgram& program, uint64_t seed,
                                    const std::vector<OperationKind>& calls) {
  std::vector<FaultCase> cases;
  for (uint64_t call = 0; call < calls.size(); ++call) {
    const OperationKind kind = calls[static_cast<size_t>(call)];
    for (uint64_t fault = 0; fault < FaultKindsOf(kind).size(); ++fault) {
      cases.push_back({.program = &program,
                       .seed = seed,
                       .call = call,
                       .calls = calls.size(),
                       .kind = kind,
                       .fault = fault});
    }
  }
  return cases;
}

void PrintViolations(SandboxCounts& counts, const std::vector<std::string>& told,
                     const std::string& reproduction) {
  if (counts.violations++ >= kPrintedMax) return;
  for (const std::string& text : told) std::printf("VIOLATION %s\n", text.c_str());
  std::printf("reproduce: %s\n", reproduction.c_str());
  std::fflush(stdout);
}

int RunFaultHarness(const FaultHarness& harness, int argc, char** argv) {
  const std::optional<FaultFlags> flags = ParseFlags(harness.count, argc, argv);
  if (!flags.has_value()) return PrintUsage(harness.name);
  std::vector<const TrialProgram*> programs;
  for (const TrialProgram& program : TrialPrograms()) {
    if (flags->program.empty() || flags->program == program.name) programs.push_back(&program);
  }
  if (programs.empty() || (flags->call.has_value() && programs.size() != 1)) {
    return PrintUsage(harness.name);
  }
  if (!flags->call.has_value()) return harness.torture(*flags, programs);
  const TrialProgram& program = *programs.front();
  Trial counted(program.shape, flags->seed, std::nullopt);
  program.run(counted);
  for (const FaultCase& which : FaultCasesOf(program, flags->seed, counted.calls())) {
    if (which.call != *flags->call || which.fault != flags->fault) continue;
    std::printf("%s\n", which.ToString().c_str());
    return harness.reproduce(which);
  }
  std::fprintf(stderr, "the program makes no such call, or it has no such failure\n");
  return 2;
}

}  // namespace weir::testing
