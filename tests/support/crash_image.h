// The world of a store at one moment, as a value: the disk with everything unsynced, the shared
// memory, the boot. From it come the states in which a crash would leave it, and a
// FaultFileSystem can be made of each.
//
//   const CrashImage moment = file_system.Freeze();
//   for (const LossPlan& plan : moment.LossPlans({.seed = 7})) {
//     FaultFileSystem after(moment.PowerLoss(plan));
//     ...
//   }

#ifndef WEIR_TESTS_SUPPORT_CRASH_IMAGE_H_
#define WEIR_TESTS_SUPPORT_CRASH_IMAGE_H_

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/fault.h"
#include "support/fault_disk.h"
#include "support/loss_plan.h"
#include "weir/file_system.h"

namespace weir::testing {

struct ImageHash {
  uint64_t low = 0;
  uint64_t high = 0;
  friend auto operator<=>(const ImageHash&, const ImageHash&) = default;
};

struct CrashImage {
  // Directory and name, as given to CreateShared().
  using SharedName = std::pair<std::string, std::string>;
  struct SharedBytes {
    SharedMemorySize size;
    std::shared_ptr<const std::string> bytes;  // header and ring, once
  };

  FaultDisk disk;
  std::map<SharedName, SharedBytes> shared;
  uint64_t boot = 1;  // ordinal; the boot id is made of it and the seed
  // Processes before this one; the random bits of each are its own.
  uint64_t generation = 0;
  uint64_t seed = 0;
  std::string boot_id_override;  // empty: none

  // All processes are gone: locks and private memory too. Everything written and all shared memory
  // that has a name stays.
  CrashImage ProcessDeath() const;
  // The process died inside a write, of which the first `bytes` were taken over.
  CrashImage ProcessDeathInWrite(const Operation& write, uint64_t bytes) const;

  // The machine is gone: another boot, no shared memory, and of everything unsynced what the plan
  // says.
  CrashImage PowerLoss(const LossPlan& plan) const;
  std::vector<LossPlan> LossPlans(const LossPlanLimits& limits) const {
    return disk.LossPlans(limits);
  }

  std::string boot_id() const;  // 16 bytes

  // Of everything that a process can see: names, bytes, shared memory, boot. Not of what is
  // unsynced.
  ImageHash Hash() const;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_CRASH_IMAGE_H_
