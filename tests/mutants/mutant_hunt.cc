// Takes one protection of the library away after another and looks whether the suite notices.
//
//   mutant_hunt [--count=N] [--seed=S] [--only=NAME]
//
// For each protection in lib/base/mutant.h a few slices of harnesses and tests (killers.cc) run
// without it until one is red: then the mutant is killed. Every slice runs once with all
// protections before that, and if it is not green then, the hunt proves nothing and is void. A
// slice that does not end is red only if it took less than a third of its time before. A count
// above that of the protections means more rounds, each with the next seed.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/mutant.h"
#include "mutants/killers.h"
#include "mutants/slice.h"
#include "torture/report.h"

namespace weir::testing {
namespace {

struct Protected {
  const char* name;
  const char* place;
  const char* what;
};

constexpr Protected kProtections[] = {
#define WEIR_PROTECTION_TEXTS(name, place, what) {#name, place, what},
    WEIR_PROTECTIONS(WEIR_PROTECTION_TEXTS)
#undef WEIR_PROTECTION_TEXTS
};

constexpr std::chrono::milliseconds kLimitMin{3000};
constexpr std::chrono::milliseconds kBaselineMax{20'000};

struct Flags {
  std::optional<uint64_t> count;  // all, unless told
  uint64_t seed = 1;
  std::string only;
};

std::optional<Flags> ParseFlags(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    const std::pair<std::string, std::string> flag =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    uint64_t number = 0;
    if (flag.first == "--only") {
      flags.only = flag.second;
    } else if (!absl::SimpleAtoi(flag.second, &number)) {
      return std::nullopt;
    } else if (flag.first == "--count") {
      flags.count = number;
    } else if (flag.first == "--seed") {
      flags.seed = number;
    } else {
      return std::nullopt;
    }
  }
  return flags;
}

class Hunt {
 public:
  // Whether some slice is red without this protection.
  bool Kills(const Hunted& hunted, uint64_t seed) {
    const Protected& texts = kProtections[static_cast<size_t>(hunted.protection)];
    double seconds = 0;
    for (const Slice& slice : hunted.slices) {
      const Run& baseline = Baseline(slice);
      if (baseline.ending != Ending::kGreen) continue;
      const auto limit = std::max(
          kLimitMin, std::chrono::milliseconds(static_cast<int64_t>(3000 * baseline.seconds)));
      const Run run = RunSlice(slice, texts.name, limit);
      seconds += run.seconds;
      if (run.ending != Ending::kRed && run.ending != Ending::kTimedOut) continue;
      const std::string why = run.ending == Ending::kTimedOut ? "does not end" : run.why;
      std::printf("%-23s %-62s %5.2f s  %s | %s\n", texts.name,
                  absl::StrCat(texts.what, " (", texts.place, ")").c_str(), seconds,
                  slice.Command().c_str(), why.c_str());
      std::fflush(stdout);
      return true;
    }
    std::printf("%-23s %-62s %5.2f s  SURVIVES\n", texts.name,
                absl::StrCat(texts.what, " (", texts.place, ")").c_str(), seconds);
    std::printf("reproduce: mutant_hunt --only=%s --seed=%llu\n", texts.name,
                static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    return false;
  }

  uint64_t red_baselines() const { return red_baselines_; }
  size_t baselines() const { return baselines_.size(); }
  double baseline_seconds() const { return baseline_seconds_; }

 private:
  const Run& Baseline(const Slice& slice) {
    const auto [found, is_new] = baselines_.try_emplace(slice.Command());
    if (!is_new) return found->second;
    found->second = RunSlice(slice, /*without=*/"", kBaselineMax);
    baseline_seconds_ += found->second.seconds;
    if (found->second.ending != Ending::kGreen) {
      ++red_baselines_;
      std::printf("not green with all protections: %s\n", found->second.why.c_str());
      std::printf("reproduce: %s\n", slice.Command().c_str());
      std::fflush(stdout);
    }
    return found->second;
  }

  std::map<std::string, Run> baselines_;
  double baseline_seconds_ = 0;
  uint64_t red_baselines_ = 0;
};

int Main(int argc, char** argv) {
  const std::optional<Flags> flags = ParseFlags(argc, argv);
  if (!flags) {
    std::fprintf(stderr, "usage: mutant_hunt [--count=N] [--seed=S] [--only=NAME]\n");
    return 2;
  }
  const auto begin = std::chrono::steady_clock::now();
  Hunt hunt;
  std::array<bool, std::size(kProtections)> is_hunted{};
  uint64_t killed = 0;
  uint64_t survivors = 0;
  const uint64_t all = flags->only.empty() ? std::size(kProtections) : 1;
  const uint64_t count = flags->count.value_or(all);
  for (uint64_t round = 0; round == 0 || round * all < count; ++round) {
    for (const Hunted& hunted : AllHunted(flags->seed + round)) {
      const auto index = static_cast<size_t>(hunted.protection);
      if (!flags->only.empty() && flags->only != kProtections[index].name) continue;
      is_hunted[index] = true;
      ++(hunt.Kills(hunted, flags->seed + round) ? killed : survivors);
    }
  }
  for (size_t i = 0; i < is_hunted.size(); ++i) {
    if (is_hunted[i] || !flags->only.empty()) continue;
    std::printf("%s: nobody is named who would notice\nreproduce: mutant_hunt\n",
                kProtections[i].name);
    ++survivors;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("killed %llu of %llu in %.1f s, %.1f s of it for %zu slices with all protections\n",
              static_cast<unsigned long long>(killed),
              static_cast<unsigned long long>(killed + survivors), seconds, hunt.baseline_seconds(),
              hunt.baselines());
  return ReportTorture("mutants killed", killed, count, survivors + hunt.red_baselines());
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) { return weir::testing::Main(argc, argv); }
