// What a power loss takes: one choice among everything that was not synced.

#ifndef WEIR_TESTS_SUPPORT_LOSS_PLAN_H_
#define WEIR_TESTS_SUPPORT_LOSS_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir::testing {

struct LossPlan {
  enum class Sectors : uint8_t {
    kLoseAll,
    kKeepAll,
    kLoseOne,  // `which`: its ordinal among all unsynced sectors of the disk
    kKeepOne,
    kTear,    // of the last write the first `which` sectors survive; all other sectors do
    kRandom,  // by file: all, none, or by sector any version that it had since the last sync
  };
  enum class Sizes : uint8_t { kOld, kNew, kRandom };
  // What the disk shows where a file has grown and nothing was written since.
  enum class Extents : uint8_t { kZeros, kGarbage, kStale };  // stale: another file's bytes

  Sectors sectors = Sectors::kLoseAll;
  uint64_t which = 0;
  Sizes sizes = Sizes::kOld;
  Extents extents = Extents::kZeros;
  // Bit i: the i-th pending directory operation happened (the last bit stands for all above it).
  uint64_t directory_operations = 0;
  uint64_t seed = 0;  // of all that is random
  // Shared memory of a directory that was named lay on a disk after all and comes back as it was
  // synced last: as it is now.
  bool keeps_named_shared_memory = false;

  static LossPlan LoseEverything() { return {}; }
  static LossPlan KeepEverything() {
    return {
        .sectors = Sectors::kKeepAll, .sizes = Sizes::kNew, .directory_operations = ~uint64_t{0}};
  }

  std::string ToString() const;
};

// How many plans FaultDisk::LossPlans() makes of one moment. The same limits and the same disk
// give the same plans.
struct LossPlanLimits {
  uint64_t seed = 0;
  size_t single_sectors_max = 12;  // sectors that are lost, and kept, one at a time
  size_t subsets_max = 64;         // subsets of the pending directory operations
  size_t random_plans = 8;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_LOSS_PLAN_H_
