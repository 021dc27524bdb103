// The torture programme: every way that we know to lose a message, tried again and again.
//
//   torture_programme [--scale=N] [--only=KIND] [--seed=S] [--json=FILE]      runs it, and prints
//   the table torture_programme --table=FILE            prints what such a FILE says as the table
//   of a Markdown document
//
// Fails if there is a violation, and if anything was injected less often than its floor says. What
// the machine does not let us do is skipped, and that is said. ./dev torture builds what it needs.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "torture/campaign.h"
#include "torture/kinds.h"
#include "torture/reliability_file.h"

ABSL_FLAG(uint64_t, scale, 1, "how many times the floors");
ABSL_FLAG(uint64_t, seed, 1, "another one tries other things");
ABSL_FLAG(std::vector<std::string>, only, {}, "run only these kinds");
ABSL_FLAG(std::vector<std::string>, except, {}, "run all but these kinds");
ABSL_FLAG(std::string, json, "", "write what was done to this file");
ABSL_FLAG(std::string, table, "", "print the table of this file, and run nothing");

namespace weir::testing {
namespace {

void PrintRow(const Outcome& outcome) {
  std::printf("%-20s %11llu %11llu %10llu %8.1f  %s\n", outcome.name.c_str(),
              static_cast<unsigned long long>(outcome.count),
              static_cast<unsigned long long>(outcome.floor),
              static_cast<unsigned long long>(outcome.violations), outcome.seconds,
              !outcome.skipped.empty() ? ("SKIPPED: " + outcome.skipped).c_str()
              : outcome.is_met()       ? outcome.injected.c_str()
                                       : "FAILED");
  for (const std::string& line : outcome.reproductions) {
    std::printf("  reproduce: %s\n", line.c_str());
  }
  std::fflush(stdout);
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A name that is none is a mistake, and not a run of nothing.
bool AreKinds(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto& kinds = Kinds();
    if (std::any_of(kinds.begin(), kinds.end(),
                    [&](const Kind& kind) { return kind.name == name; })) {
      continue;
    }
    std::fprintf(stderr, "there is no kind %s; there are", name.c_str());
    for (const Kind& kind : kinds) std::fprintf(stderr, " %s", kind.name.c_str());
    std::fprintf(stderr, "\n");
    return false;
  }
  return true;
}

int RunAll(const Demand& demand) {
  const std::vector<std::string> only = absl::GetFlag(FLAGS_only);
  const std::vector<std::string> except = absl::GetFlag(FLAGS_except);
  if (!AreKinds(only) || !AreKinds(except)) return 2;
  const std::string build = std::filesystem::path(WEIR_BINARY_DIR).parent_path().string();
  const std::string logs = build + "/torture";
  std::filesystem::create_directories(logs);
  std::vector<const Kind*> kinds;
  for (const Kind& kind : Kinds()) {
    if (!only.empty() && !Contains(only, kind.name)) continue;
    if (!Contains(except, kind.name)) kinds.push_back(&kind);
  }
  std::printf("%-20s %11s %11s %10s %8s\n", "kind", "count", "floor", "violations", "seconds");
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Outcome> outcomes = RunKinds(kinds, demand, build, logs, PrintRow);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const bool failed = std::any_of(outcomes.begin(), outcomes.end(), [](const Outcome& outcome) {
    return outcome.skipped.empty() && !outcome.is_met();
  });
  if (const std::string file = absl::GetFlag(FLAGS_json); !file.empty()) {
    if (!WriteReliabilityFile(file, demand, outcomes)) {
      std::fprintf(stderr, "cannot write %s\n", file.c_str());
      return 1;
    }
  }
  std::printf("%s in %.0f s; what each program said is in %s\n", failed ? "FAILED" : "sound",
              seconds, logs.c_str());
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "torture_programme [--scale=N] [--only=KIND] [--seed=S] [--json=FILE]");
  absl::ParseCommandLine(argc, argv);
  if (const std::string file = absl::GetFlag(FLAGS_table); !file.empty()) {
    return weir::testing::PrintReliabilityTable(file);
  }
  return weir::testing::RunAll(
      {.scale = absl::GetFlag(FLAGS_scale), .seed = absl::GetFlag(FLAGS_seed)});
}
