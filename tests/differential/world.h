// The machine that a program's store runs on: its disk, its clock, its deaths.
//
// A death may come between two calls of the store, or within one: then the image is taken at some
// call of the file system, the store goes on as a ghost until its call returns, and the world goes
// back to the image.

#ifndef WEIR_TESTS_DIFFERENTIAL_WORLD_H_
#define WEIR_TESTS_DIFFERENTIAL_WORLD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "support/random.h"

namespace weir::testing {

enum class Death : uint8_t { kProcess, kPower };

class World {
 public:
  explicit World(uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  FaultFileSystem& disk() { return *disk_; }
  ManualClock& clock() { return clock_; }
  // Every look at the clock moves it, so that all waits end; with trouble about by much more.
  void SetHasty(bool is_hasty);
  void Advance(Random& random);

  // Arms a death within the call that follows: at its nth call of the file system.
  void ArmMoment(uint64_t nth);
  // Takes back what was armed; whether the moment came.
  bool DisarmMoment();

  // A fault at random, of a kind that a running store must bear; its text.
  std::string InjectFault(Random& random, bool for_ever);
  void ClearFaults();

  // The machine after the death of everybody on it: at the moment that came last, or now. The
  // disk before is not reachable any more, and stays alive for the objects that still use it.
  std::string Die(Death death, Random& random);
  // Only the writer dies; others on this machine live on.
  void DieAlone();

 private:
  ManualClock clock_;
  std::unique_ptr<FaultFileSystem> disk_;
  std::unique_ptr<FaultFileSystem> dead_;  // of the objects that are to be destroyed
  std::vector<std::unique_ptr<FaultFileSystem>> dead_alone_;
  std::optional<CrashImage> moment_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_DIFFERENTIAL_WORLD_H_
