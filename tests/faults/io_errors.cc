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
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "faults/aftermath.h"
#include "faults/fault_kinds.h"
#include "faults/sandbox.h"
#include "faults/trial.h"
#include "faults/trial_programs.h"
#include "support/random.h"
#include "torture/report.h"

namespace weir::testing {
namespace {

constexpr uint64_t kPrintedMax = 2000;

struct Flags {
  uint64_t count = 50'000;
  uint64_t seed = 1;
  std::string program;  // empty: all
  std::optional<uint64_t> call;
  uint64_t fault = 0;
};

std::optional<Flags> ParseFlags(int argc, char** argv) {
  Flags flags;
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

struct Case {
  const TrialProgram* program = nullptr;
  uint64_t seed = 0;
  uint64_t call = 0;
  OperationKind kind = OperationKind::kOpen;
  uint64_t fault = 0;

  const FaultKind& fault_kind() const { return FaultKindsOf(kind)[static_cast<size_t>(fault)]; }
  std::string ToString() const {
    return absl::StrCat(program->name, ", call ", call, " (", OperationKindName(kind),
                        "): ", fault_kind().name);
  }
  std::string Reproduction() const {
    return absl::StrCat("io_errors --program=", program->name, " --seed=", seed, " --call=", call,
                        " --fault=", fault);
  }
};

// The violations of one case; `failed_calls` is how often the fault was met.
std::vector<std::string> RunCase(const Case& which, uint64_t* failed_calls) {
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
std::vector<Case> CasesOf(const std::vector<const TrialProgram*>& programs, uint64_t seed,
                          std::vector<std::string>& told) {
  std::vector<Case> cases;
  for (const TrialProgram* const program : programs) {
    Trial trial(program->shape, seed, std::nullopt);
    program->run(trial);
    const std::vector<OperationKind> calls = trial.calls();
    std::vector<std::string> problems = CheckAftermath(trial, seed, {});
    for (const std::string& problem : trial.problems()) problems.push_back(problem);
    for (const std::string& problem : problems) {
      told.push_back(absl::StrCat(program->name, " without a fault: ", problem));
    }
    for (uint64_t call = 0; call < calls.size(); ++call) {
      const OperationKind kind = calls[static_cast<size_t>(call)];
      for (uint64_t fault = 0; fault < FaultKindsOf(kind).size(); ++fault) {
        cases.push_back(
            {.program = program, .seed = seed, .call = call, .kind = kind, .fault = fault});
      }
    }
  }
  return cases;
}

void Print(SandboxCounts& counts, const std::vector<std::string>& told,
           const std::string& reproduction) {
  if (counts.violations++ >= kPrintedMax) return;
  for (const std::string& text : told) std::printf("VIOLATION %s\n", text.c_str());
  std::printf("reproduce: %s\n", reproduction.c_str());
  std::fflush(stdout);
}

int Torture(const Flags& flags, const std::vector<const TrialProgram*>& programs) {
  SandboxCounts* const counts = Sandbox::Share();
  if (counts == nullptr) return ReportSkipped("no memory to share");
  for (uint64_t round = 0; round == 0 || (counts->injected < flags.count && round < 1000);
       ++round) {
    std::vector<std::string> told;
    const uint64_t seed = flags.seed + round;
    const std::vector<Case> all = CasesOf(programs, seed, told);
    if (!told.empty()) Print(*counts, told, absl::StrCat("io_errors --count=1 --seed=", seed));
    const uint64_t wanted = flags.count - counts->injected;
    const uint64_t stride = std::max<uint64_t>(1, all.size() / std::max<uint64_t>(1, wanted));
    std::vector<Case> cases;
    for (size_t i = static_cast<size_t>(seed % stride); i < all.size(); i += stride) {
      cases.push_back(all[i]);
    }
    Sandbox::Run(
        *counts, cases.size(),
        [&](uint64_t i) {
          const Case& which = cases[static_cast<size_t>(i)];
          uint64_t failed_calls = 0;
          std::vector<std::string> violations = RunCase(which, &failed_calls);
          counts->failed_calls += failed_calls;
          if (failed_calls > 0) ++counts->injected;
          if (violations.empty()) return;
          violations.insert(violations.begin(), which.ToString());
          Print(*counts, violations, which.Reproduction());
        },
        [&](uint64_t i, const std::string& why) {
          const Case& which = cases[static_cast<size_t>(i)];
          Print(*counts, {absl::StrCat(which.ToString(), ": ", why)}, which.Reproduction());
        });
  }
  std::printf("%llu calls failed in all\n",
              static_cast<unsigned long long>(counts->failed_calls.load()));
  return ReportTorture("failures of calls", counts->injected, flags.count, counts->violations);
}

int Reproduce(const Flags& flags, const TrialProgram& program) {
  Trial counted(program.shape, flags.seed, std::nullopt);
  program.run(counted);
  if (*flags.call >= counted.calls().size()) return 2;
  const Case which{.program = &program,
                   .seed = flags.seed,
                   .call = *flags.call,
                   .kind = counted.calls()[static_cast<size_t>(*flags.call)],
                   .fault = flags.fault};
  if (flags.fault >= FaultKindsOf(which.kind).size()) return 2;
  std::printf("%s\n", which.ToString().c_str());
  uint64_t failed_calls = 0;
  const std::vector<std::string> violations = RunCase(which, &failed_calls);
  for (const std::string& text : violations) std::printf("VIOLATION %s\n", text.c_str());
  return ReportTorture("failures of calls", failed_calls > 0 ? 1 : 0, 1, violations.size());
}

int Main(int argc, char** argv) {
  const std::optional<Flags> flags = ParseFlags(argc, argv);
  std::vector<const TrialProgram*> programs;
  for (const TrialProgram& program : TrialPrograms()) {
    if (flags.has_value() && (flags->program.empty() || flags->program == program.name)) {
      programs.push_back(&program);
    }
  }
  if (programs.empty() || (flags->call.has_value() && programs.size() != 1)) {
    std::fprintf(stderr,
                 "io_errors [--count=N] [--seed=S] [--program=NAME]\n"
                 "io_errors --program=NAME --seed=S --call=K --fault=V\nprograms:");
    for (const TrialProgram& program : TrialPrograms()) {
      std::fprintf(stderr, " %s", std::string(program.name).c_str());
    }
    std::fprintf(stderr, "\n");
    return 2;
  }
  return flags->call.has_value() ? Reproduce(*flags, *programs.front()) : Torture(*flags, programs);
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) { return weir::testing::Main(argc, argv); }
