#include "io/membarrier.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weir::internal {
namespace {

long Membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0); }

void Barrier(int command) {
  // The call is a fence for the caller too. Short of memory the fast way can fail. The slow way,
  // which waits until every processor has passed through the kernel, reaches the same threads and
  // more.
  if (Membarrier(command) != 0) Membarrier(MEMBARRIER_CMD_GLOBAL);
}

}  // namespace

bool RegisterBarriers() {
  static const bool is_registered = Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
                                    Membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0;
  return is_registered;
}

void BarrierThisProcess() { Barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); }

void BarrierAllProcesses() { Barrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED); }

}  // namespace weir::internal
