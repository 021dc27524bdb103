// The process that is killed: opens the store and appends in every way there is, from several
// threads, until it dies. Reports every acknowledgement to its parent the moment it has it.

#ifndef WEIR_TESTS_KILL_VICTIM_H_
#define WEIR_TESTS_KILL_VICTIM_H_

#include <cstdint>
#include <string>

#include "weir/options.h"

namespace weir::kill {

inline constexpr uint32_t kProducers = 4;
// A producer has at most so many messages on their way that are not acknowledged.
inline constexpr uint32_t kInFlightMax = 16;

struct VictimOptions {
  StoreOptions store;
  uint64_t seed = 0;
  uint32_t run = 0;
  int report_descriptor = -1;
};

// Never returns in good health; the exit status after a failure that it has written to stderr.
int RunVictim(const VictimOptions& options);

}  // namespace weir::kill

#endif  // WEIR_TESTS_KILL_VICTIM_H_
