// Which part of the suite is expected to notice that a protection is gone.

#ifndef WEIR_TESTS_MUTANTS_KILLERS_H_
#define WEIR_TESTS_MUTANTS_KILLERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/mutant.h"
#include "mutants/slice.h"

namespace weir::testing {

struct Hunted {
  internal::Protection protection;
  std::vector<Slice> slices;  // the likeliest first
};

// Every protection, in the order of the list in lib/base/mutant.h.
std::vector<Hunted> AllHunted(uint64_t seed);

}  // namespace weir::testing

#endif  // WEIR_TESTS_MUTANTS_KILLERS_H_
