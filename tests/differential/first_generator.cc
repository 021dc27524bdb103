// Random programs of public calls, compared with the reference model. One program is made of a seed
// and a number, so a mismatch comes with the command that shows it again.
//
//   first_generator --operations=200000           a test
//   first_generator --seed=7 --program=1234       one program, with a trace of what it does

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "differential/journal_program.h"
#include "differential/store_program.h"
#include "differential/trace.h"
#include "differential/worker_pool.h"
#include "support/random.h"
#include "torture/report.h"

namespace weir::testing {
namespace {

struct Arguments {
  uint64_t operations = 200'000;
  uint64_t seed = 1;
  std::optional<uint64_t> program;
};

bool Parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    absl::string_view word = words[i];
    uint64_t number = 0;
    if (absl::ConsumePrefix(&word, "--operations=") && absl::SimpleAtoi(word, &number)) {
      arguments.operations = number;
    } else if (absl::ConsumePrefix(&word, "--seed=") && absl::SimpleAtoi(word, &number)) {
      arguments.seed = number;
    } else if (absl::ConsumePrefix(&word, "--program=") && absl::SimpleAtoi(word, &number)) {
      arguments.program = number;
    } else {
      return false;
    }
  }
  return true;
}

ProgramResult RunProgram(uint64_t seed, uint64_t program, bool is_traced) {
  Trace trace(is_traced);
  const uint64_t mixed = Random::Mix(seed, program);
  if (program % 4 == 3) {
    JournalProgram(mixed, trace).Run();
  } else {
    StoreProgram(mixed, trace).Run();
  }
  return {.operations = trace.operations(), .mismatch = trace.mismatch()};
}

int RunOne(uint64_t seed, uint64_t program) {
  const ProgramResult result = RunProgram(seed, program, /*is_traced=*/true);
  std::printf("program %llu: %llu operations, %s\n", static_cast<unsigned long long>(program),
              static_cast<unsigned long long>(result.operations),
              result.mismatch.empty() ? "no mismatch" : result.mismatch.c_str());
  return result.mismatch.empty() ? 0 : 1;
}

int RunMany(const Arguments& arguments) {
  const auto started = std::chrono::steady_clock::now();
  const PoolResult result = RunPrograms(
      arguments.operations,
      [&](uint64_t program) { return RunProgram(arguments.seed, program, /*is_traced=*/false); },
      [&](uint64_t program, const std::string& what) {
        std::printf("MISMATCH %s\nreproduce: first_generator --seed=%llu --program=%llu\n",
                    what.c_str(), static_cast<unsigned long long>(arguments.seed),
                    static_cast<unsigned long long>(program));
        std::fflush(stdout);
      });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
  std::printf("%llu programs in %.1f s\n", static_cast<unsigned long long>(result.programs),
              seconds.count());
  return ReportTorture("operations", result.operations, arguments.operations, result.failures);
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) {
  weir::testing::Arguments arguments;
  if (!weir::testing::Parse(argc, argv, arguments)) {
    std::fprintf(stderr, "usage: first_generator [--operations=N] [--seed=S] [--program=P]\n");
    return 2;
  }
  return arguments.program ? weir::testing::RunOne(arguments.seed, *arguments.program)
                           : weir::testing::RunMany(arguments);
}
