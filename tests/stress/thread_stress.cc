// All public calls at once, again and again: what the thread sanitizer looks at.
//
//   thread_stress [--count=CALLS] [--seed=S] [--scenario=N]

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "stress/scenario.h"
#include "stress/stress.h"
#include "support/random.h"
#include "torture/report.h"

namespace weir::testing {
namespace {

constexpr int kRounds = 400;

int Main(int argc, char** argv) {
  uint64_t count = 20'000;
  uint64_t seed = 1;
  uint64_t only = ~uint64_t{0};
  for (int i = 1; i < argc; ++i) {
    const std::pair<absl::string_view, absl::string_view> flag =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    const bool is_known = (flag.first == "--count" && absl::SimpleAtoi(flag.second, &count)) ||
                          (flag.first == "--seed" && absl::SimpleAtoi(flag.second, &seed)) ||
                          (flag.first == "--scenario" && absl::SimpleAtoi(flag.second, &only));
    if (is_known) continue;
    std::fprintf(stderr, "usage: thread_stress [--count=CALLS] [--seed=S] [--scenario=N]\n");
    return 2;
  }
  CallTable table;
  uint64_t calls = 0;
  uint64_t violations = 0;
  // Every scenario, and then on until there were calls enough.
  for (uint64_t run = 0; calls < count || run < Scenarios().size(); ++run) {
    const uint64_t number = run % Scenarios().size();
    if (only < Scenarios().size() && number != only) continue;
    const Scenario& scenario = Scenarios()[number];
    // Threads run as they like: a run is never quite the same twice.
    const StressResult result = RunStress(scenario, kRounds, Random::Mix(seed, run), &table);
    calls += result.calls;
    std::printf("%9llu calls: %s\n", static_cast<unsigned long long>(result.calls),
                scenario.name.c_str());
    if (result.complaints.empty()) continue;
    ++violations;
    std::printf("VIOLATION %s: %sreproduce: thread_stress --seed=%llu --scenario=%llu\n",
                scenario.name.c_str(), result.complaints.c_str(),
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(number));
    break;
  }
  if (only >= Scenarios().size() && violations == 0) {
    for (const std::string& name : table.CalledByFewerThan(2)) {
      ++violations;
      std::printf("VIOLATION %s was not called by two threads\nreproduce: thread_stress\n",
                  name.c_str());
    }
  }
  return ReportTorture("calls", calls, count, violations);
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) { return weir::testing::Main(argc, argv); }
