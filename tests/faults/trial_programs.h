// The programs that trials run: each takes other ways through the library.

#ifndef WEIR_TESTS_FAULTS_TRIAL_PROGRAMS_H_
#define WEIR_TESTS_FAULTS_TRIAL_PROGRAMS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "faults/trial.h"
#include "support/subject.h"

namespace weir::testing {

struct TrialProgram {
  absl::string_view name;
  SubjectShape shape = {};
  void (*run)(Trial& trial) = nullptr;
};

const std::vector<TrialProgram>& TrialPrograms();

}  // namespace weir::testing

#endif  // WEIR_TESTS_FAULTS_TRIAL_PROGRAMS_H_
