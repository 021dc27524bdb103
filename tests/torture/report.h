// How a harness tells the torture programme what it did.
//
// Its last line is one of
//   torture: COUNT things, VIOLATIONS violations
//   torture: skipped: REASON
// and before it stands, for each violation, a line that shows it again in seconds:
//   reproduce: PROGRAM ARGUMENTS
// Whoever runs it by hand reads the same lines.

#ifndef WEIR_TORTURE_REPORT_H_
#define WEIR_TORTURE_REPORT_H_

#include <cstdint>
#include <cstdio>
#include <string>

namespace weir::testing {

// As ctest knows it (tests/CMakeLists.txt).
inline constexpr int kTortureSkippedStatus = 77;

// Exit status of a harness: 0, or 1 if there was a violation or fewer were injected than promised.
inline int ReportTorture(const std::string& things, uint64_t count, uint64_t floor,
                         uint64_t violations) {
  if (count < floor) {
    std::printf("torture: only %llu %s, not %llu\n", static_cast<unsigned long long>(count),
                things.c_str(), static_cast<unsigned long long>(floor));
  }
  std::printf("torture: %llu %s, %llu violations\n", static_cast<unsigned long long>(count),
              things.c_str(), static_cast<unsigned long long>(violations));
  std::fflush(stdout);
  return violations == 0 && count >= floor ? 0 : 1;
}

inline int ReportSkipped(const std::string& reason) {
  std::printf("torture: skipped: %s\n", reason.c_str());
  std::fflush(stdout);
  return kTortureSkippedStatus;
}

}  // namespace weir::testing

#endif  // WEIR_TORTURE_REPORT_H_
