// The kinds of the programme, run: their programs as processes, and what they said.

#ifndef WEIR_TORTURE_CAMPAIGN_H_
#define WEIR_TORTURE_CAMPAIGN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "torture/kinds.h"

namespace weir::testing {

struct Outcome {
  std::string name;
  std::string injected;
  std::string counted;
  uint64_t count = 0;
  uint64_t floor = 0;
  uint64_t violations = 0;
  double seconds = 0;
  std::string skipped;  // why it could not look, or nothing
  std::vector<std::string> reproductions;

  bool is_met() const { return skipped.empty() && violations == 0 && count >= floor; }
};

// Runs them below `build` (the directory of the build directories), first those that take all
// cores, one after another, then the programs of all others beside each other. What the programs of
// a kind say goes to its file in `logs`, too. `heard` hears of each kind when it has ended.
std::vector<Outcome> RunKinds(const std::vector<const Kind*>& kinds, const Demand& demand,
                              const std::string& build, const std::string& logs,
                              const std::function<void(const Outcome&)>& heard);

}  // namespace weir::testing

#endif  // WEIR_TORTURE_CAMPAIGN_H_
