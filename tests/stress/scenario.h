// What a store is put under while all of its functions are called at once.

#ifndef WEIR_TESTS_STRESS_SCENARIO_H_
#define WEIR_TESTS_STRESS_SCENARIO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "weir/options.h"

namespace weir::testing {

struct Scenario {
  std::string name;
  bool is_journal = false;
  Background background = Background::kThreads;
  Visibility visibility = Visibility::kOnAppend;
  bool has_private_front = false;
  // On the machine's own file system; else on one in memory.
  bool is_on_disk = false;
  // Calls of the file system fail now and then.
  bool fails = false;
  // A policy drops what is beyond some segments.
  bool drops = false;
  // Custodians drop segments too, and limit topics.
  bool retains = false;
  // Closed by two threads while all others are inside.
  bool closes_early = false;
  uint64_t segment_bytes = 64 << 10;
  uint64_t front_bytes = 256 << 10;
  uint64_t unsynced_bytes_max = 256 << 20;
};

const std::vector<Scenario>& Scenarios();

}  // namespace weir::testing

#endif  // WEIR_TESTS_STRESS_SCENARIO_H_
