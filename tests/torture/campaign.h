// One kind of the programme, run: its programs as processes, and what they said.

#ifndef WEIR_TORTURE_CAMPAIGN_H_
#define WEIR_TORTURE_CAMPAIGN_H_

#include <cstdint>
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

// Runs it below `build` (the directory of the build directories); what the programs say goes to
// `log` too.
Outcome RunKind(const Kind& kind, const Demand& demand, const std::string& build,
                const std::string& log);

}  // namespace weir::testing

#endif  // WEIR_TORTURE_CAMPAIGN_H_
