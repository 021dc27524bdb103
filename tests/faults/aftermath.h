// Whether a world keeps its promises after a trial: when the store goes on, is closed and opened,
// is killed, and when the power goes.

#ifndef WEIR_TESTS_FAULTS_AFTERMATH_H_
#define WEIR_TESTS_FAULTS_AFTERMATH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "faults/trial.h"

namespace weir::testing {

// Goes through all of it with a trial that ran to its end; the violations, those inside the run
// among them.
struct AftermathRules {
  // The fault was one after which a store may refuse appends until it is opened again.
  bool may_be_read_only = false;
  // The weakest level that survives the death of the process.
  Durability survives_death = Durability::kProcess;
  // Of the crashes a lot chooses one: for many trials, in which the disk does what it should.
  bool is_brief = false;

  // A death, inside the run or behind it, took what was in no file: holes that stay.
  bool allows_damage() const { return survives_death == Durability::kDisk; }
};
std::vector<std::string> CheckAftermath(Trial& trial, uint64_t seed, const AftermathRules& rules);

}  // namespace weir::testing

#endif  // WEIR_TESTS_FAULTS_AFTERMATH_H_
