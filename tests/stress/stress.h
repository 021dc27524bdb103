// All public functions at once, from many threads, in one of the scenarios: every queue stays in
// order, and nothing is lost, invented or there twice.

#ifndef WEIR_TESTS_STRESS_STRESS_H_
#define WEIR_TESTS_STRESS_STRESS_H_

#include <cstdint>
#include <string>

#include "stress/call_table.h"
#include "stress/scenario.h"

namespace weir::testing {

struct StressResult {
  uint64_t calls = 0;  // of a store or a journal
  std::string complaints;
};

// Each producer takes so many rounds; others read, look, and close meanwhile.
StressResult RunStress(const Scenario& scenario, int rounds, uint64_t seed, CallTable* table);

}  // namespace weir::testing

#endif  // WEIR_TESTS_STRESS_STRESS_H_
