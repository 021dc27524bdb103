#include "stress/stress.h"

#include "stress/stage.h"
#include "stress/store_stress.h"

namespace weir::testing {

StressResult RunStress(const Scenario& scenario, int rounds, uint64_t seed, CallTable* table) {
  Stage stage(scenario, rounds, seed, table);
  if (scenario.is_journal) {
    StressJournal(stage);
  } else {
    StressStore(stage);
  }
  return {.calls = stage.calls(), .complaints = stage.complaints().text()};
}

}  // namespace weir::testing
