// The states that a crash of a workload can leave, and what the oracle says of them; and the
// moments inside a recovery, to crash again.

#ifndef WEIR_TESTS_CRASH_STATE_CHECK_H_
#define WEIR_TESTS_CRASH_STATE_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "crash/workload.h"
#include "support/crash_image.h"
#include "support/oracle.h"

namespace weir::testing {

// One of the states that a crash at a moment can leave.
struct CrashState {
  CrashImage image;
  Durability survives = Durability::kProcess;
};

// All of them: the death of the process, its death inside a write, and power losses by plan. The
// same moment and seed give the same states in the same order.
class CrashStates {
 public:
  CrashStates(const Moment& moment, uint64_t seed);

  size_t size() const { return 1 + moment_.torn_deaths.size() + plans_.size(); }
  CrashState operator[](size_t index) const;
  std::string Describe(size_t index) const;

 private:
  const Moment& moment_;
  const std::vector<LossPlan> plans_;
};

struct StateCheck {
  const Workload& workload;
  uint64_t as_of = 0;  // in its history
  bool is_thorough = false;

  // Opens and examines; if thorough, again and again, in every way (image_oracle.h): a recovery
  // that was completed is not to be seen by the next one.
  Verdict Check(const CrashState& state) const;

  // The worlds at each call of the recovery of this state, the last one when it is done; empty if
  // it fails.
  std::vector<Moment> RecoveryMoments(const CrashState& state) const;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_CRASH_STATE_CHECK_H_
