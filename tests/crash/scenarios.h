// The programs whose every moment is crashed: one for each way in which a store changes its files.

#ifndef WEIR_TESTS_CRASH_SCENARIOS_H_
#define WEIR_TESTS_CRASH_SCENARIOS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "crash/workload.h"

namespace weir::testing {

struct Scenario {
  absl::string_view name;
  SubjectShape shape = {};
  void (*run)(Workload& workload) = nullptr;
};

const std::vector<Scenario>& Scenarios();

}  // namespace weir::testing

#endif  // WEIR_TESTS_CRASH_SCENARIOS_H_
