// reliability.json: what a run of the programme did. The README's table is made of it.

#ifndef WEIR_TORTURE_RELIABILITY_FILE_H_
#define WEIR_TORTURE_RELIABILITY_FILE_H_

#include <string>
#include <vector>

#include "torture/campaign.h"
#include "torture/kinds.h"

namespace weir::testing {

// An object with "scale", "seed", "machine", "date" and "kinds", each kind on a line of its own.
// False: it could not be written.
bool WriteReliabilityFile(const std::string& path, const Demand& demand,
                          const std::vector<Outcome>& outcomes);

// Prints the file as a table of Markdown. An exit status.
int PrintReliabilityTable(const std::string& path);

}  // namespace weir::testing

#endif  // WEIR_TORTURE_RELIABILITY_FILE_H_
