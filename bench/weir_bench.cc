// The benchmarks of weir.
//
//   weir_bench --table [--json=FILE] [--row=SUBSTRING] [--quick]
//     Measures every row of the performance table against the reference loops of references.h and
//     prints what each must be beside what it is. Run it on an otherwise idle machine; under four
//     minutes, under one with --quick (fewer and shorter turns: noisier).
//
//   weir_bench [--benchmark_filter=REGEX] [...]
//     The same kernels as ordinary Google Benchmarks, with Google Benchmark's flags.
//
// Stores lie in a fresh directory inside --directory (default: the current one) and are removed at
// the end. It must be on a real disk, else rows with a sync mean nothing.

#include <benchmark/benchmark.h>

#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/strip.h"
#include "benchmarks.h"
#include "row.h"
#include "table.h"
#include "workspace.h"

namespace {

struct Flags {
  bool table = false;
  bool quick = false;
  std::string json;
  std::string row;
  std::string directory = ".";
};

constexpr char kUsage[] =
    "usage: weir_bench --table [--json=FILE] [--row=SUBSTRING] [--quick] [--directory=DIR]\n"
    "       weir_bench [--directory=DIR] [--benchmark_filter=REGEX] [...]\n";

// What is left in argv by then is ours. False for anything unknown.
bool ParseFlags(int argc, char** argv, Flags* flags) {
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (argument == "--table") {
      flags->table = true;
    } else if (argument == "--quick") {
      flags->quick = true;
    } else if (absl::ConsumePrefix(&argument, "--json=")) {
      flags->json = std::string(argument);
    } else if (absl::ConsumePrefix(&argument, "--row=")) {
      flags->row = std::string(argument);
    } else if (absl::ConsumePrefix(&argument, "--directory=")) {
      flags->directory = std::string(argument);
    } else {
      fprintf(stderr, "weir_bench: unknown argument %s\n%s", argv[i], kUsage);
      return false;
    }
  }
  return true;
}

// Static, so that the directory is removed also when a benchmark fails and ends the program.
std::unique_ptr<weir::bench::Workspace> workspace;

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  Flags flags;
  if (!ParseFlags(argc, argv, &flags)) return 2;
  workspace = std::make_unique<weir::bench::Workspace>(flags.directory);

  if (flags.table) {
    weir::bench::Run run{.workspace = workspace.get(), .is_quick = flags.quick};
    weir::bench::PrintTable(run, flags.row, flags.json);
    return 0;
  }
  weir::bench::RegisterBenchmarks(*workspace);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
