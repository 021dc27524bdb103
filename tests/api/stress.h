// Every public call from many threads at once, on a real disk: every queue stays dense, and nothing
// is lost.

#ifndef WEIR_TESTS_API_STRESS_H_
#define WEIR_TESTS_API_STRESS_H_

#include <cstdint>
#include <string>

namespace weir::testing {

struct StressResult {
  uint64_t calls = 0;  // whose answers were looked at
  std::string complaints;
};

// Each of some producers does so many rounds; others read, look and close meanwhile.
StressResult RunStress(int rounds);

}  // namespace weir::testing

#endif  // WEIR_TESTS_API_STRESS_H_
