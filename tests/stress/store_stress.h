// The stress of a MessageStore, and that of a CommitLog.

#ifndef WEIR_TESTS_STRESS_STORE_STRESS_H_
#define WEIR_TESTS_STRESS_STORE_STRESS_H_

#include "stress/stage.h"

namespace weir::testing {

void StressStore(Stage& stage);
void StressJournal(Stage& stage);

}  // namespace weir::testing

#endif  // WEIR_TESTS_STRESS_STORE_STRESS_H_
