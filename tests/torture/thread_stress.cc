// All public calls at once, again and again: what the thread sanitizer looks at.
//
//   thread_stress [--count=CALLS] [--seed=S]

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "api/stress.h"
#include "torture/report.h"

namespace weir::testing {
namespace {

int Main(int argc, char** argv) {
  uint64_t count = 20'000;
  for (int i = 1; i < argc; ++i) {
    const std::pair<absl::string_view, absl::string_view> flag =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    uint64_t seed = 0;  // threads run as they like: a run is never the same twice
    const bool is_known = (flag.first == "--count" && absl::SimpleAtoi(flag.second, &count)) ||
                          (flag.first == "--seed" && absl::SimpleAtoi(flag.second, &seed));
    if (is_known) continue;
    std::fprintf(stderr, "usage: thread_stress [--count=CALLS] [--seed=S]\n");
    return 2;
  }
  uint64_t calls = 0;
  uint64_t violations = 0;
  while (calls < count && violations == 0) {
    const StressResult result = RunStress(400);
    calls += result.calls;
    if (result.complaints.empty() && result.calls > 0) continue;
    ++violations;
    std::printf("VIOLATION %s\nreproduce: thread_stress\n", result.complaints.c_str());
  }
  return ReportTorture("calls", calls, count, violations);
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) { return weir::testing::Main(argc, argv); }
