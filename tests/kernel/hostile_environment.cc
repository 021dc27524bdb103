// Whatever neighbours, operators and hosts do to a store under load, it does not die of it, says
// what is wrong, and loses nothing that nobody took.
//
//   hostile_environment [--count=N] [--seed=S] [--case=N]
//
// Cases come in rounds: each file of a store hit in each way while a process writes it, then copies
// and links of live stores, storms of signals, clocks that jump, callbacks that throw, syncs that
// hang and forks. Last, two processes race for a store, more than three times as often.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "kernel/harness.h"
#include "kernel/hostile_files.h"
#include "kernel/hostile_hosts.h"
#include "kernel/openers.h"
#include "support/random.h"

ABSL_FLAG(uint64_t, count, 300, "How many cases at least.");

namespace weir::kernel {
namespace {

constexpr uint64_t kRaces = 1'000;  // for each 300 cases
constexpr uint64_t kCasesPerRound = 1'000;
constexpr uint64_t kRaceCase = kCasesPerRound - 1;

struct Case {
  std::string what;
  std::function<absl::Status(const Workplace&, uint64_t seed)> run;
};

// A round of all that can happen.
std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (uint32_t mischief = 0; mischief < Mischiefs(); ++mischief) {
    cases.push_back({MischiefName(mischief), [=](const Workplace& workplace, uint64_t seed) {
                       return DoMischief(workplace, mischief, seed);
                     }});
  }
  const auto add = [&](size_t times, const Case& one) { cases.insert(cases.end(), times, one); };
  add(3, {"a live store copied", CopyLiveStore});
  add(2, {"a live store linked", LinkLiveStore});
  add(2, {"a storm of signals", InterruptAlways});
  add(5, {"a clock that jumps", JumpClock});
  add(2, {"callbacks that throw", ThrowAlways});
  add(1, {"a sync that hangs", HangSync});
  add(2, {"a fork in the middle", ForkInTheMiddle});
  return cases;
}

int Run(const Workplace& workplace) {
  Harness harness("hostile_environment", "cases", absl::GetFlag(FLAGS_count));
  const std::vector<Case> cases = Cases();
  // The races first: they fork, and the rest starts threads.
  const uint64_t races = std::max<uint64_t>(absl::GetFlag(FLAGS_count) * kRaces / 300, 1);
  if (harness.Wants(kRaceCase)) {
    uint64_t raced = 0;
    const absl::Status status = RaceOpeners(workplace, harness.seed(), races, &raced);
    harness.Note(kRaceCase, absl::StrCat(raced, " races of two openers"), status);
  }
  for (uint64_t round = harness.first() / kCasesPerRound; !harness.is_done(); ++round) {
    for (size_t i = 0; i < cases.size() && !harness.is_done(); ++i) {
      const uint64_t number = round * kCasesPerRound + i;
      if (!harness.Wants(number)) continue;
      const uint64_t seed = testing::Random::Mix(harness.seed(), number);
      harness.Note(number, cases[i].what, cases[i].run(workplace, seed));
    }
    if (harness.is_single()) break;
  }
  return harness.Report();
}

}  // namespace
}  // namespace weir::kernel

int main(int argc, char* argv[]) {
  return weir::kernel::HarnessMain(argc, argv, weir::kernel::Run);
}
