// In which ways a call of some kind may fail.

#ifndef WEIR_TESTS_FAULTS_FAULT_KINDS_H_
#define WEIR_TESTS_FAULTS_FAULT_KINDS_H_

#include <string>
#include <vector>

#include "support/fault.h"

namespace weir::testing {

struct FaultKind {
  std::string name;
  Fault fault;  // `nth` is the caller's
};

// Errors of the kernel as the real file system passes them on, transfers that end in their middle,
// and syncs with what they leave of the pages; each once and for ever.
const std::vector<FaultKind>& FaultKindsOf(OperationKind kind);

// A store on which this failed may refuse appends for good: the device failed in a way that space
// and time do not cure.
bool MayEndWriting(OperationKind kind, const Fault& fault);

// Whether the death of a process may take what was acknowledged as kProcess: a sync failed, the
// kernel took the pages back, and the only copy was in private memory.
bool MayTakeFromDead(bool front_is_private, const Fault& fault);

}  // namespace weir::testing

#endif  // WEIR_TESTS_FAULTS_FAULT_KINDS_H_
