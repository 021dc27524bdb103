// The process that gets hurt: opens a store, appends to it in every way there is, and reports every
// acknowledgement to its parent the moment it has it.
//
// The restless victim appends from several threads until it dies, and takes no error for an answer.
// The patient one appends from one thread, a number of steps or until SIGTERM, and goes on where
// the store refuses something: it dies itself only of what the store must never do. With manual
// background work it makes the same system calls in the same order each time.

#ifndef WEIR_TESTS_VICTIM_VICTIM_H_
#define WEIR_TESTS_VICTIM_VICTIM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "victim/producer.h"
#include "weir/options.h"

namespace weir::victim {

inline constexpr uint32_t kProducers = 4;

struct VictimOptions {
  StoreOptions store;
  uint64_t seed = 0;
  uint32_t run = 0;
  uint32_t disk_one_in = 12;
  bool is_patient = false;
  // Of the patient one: so many steps in each of so many lives of the store object; 0 steps: until
  // SIGTERM.
  uint32_t steps = 0;
  uint32_t lives = 1;
  uint32_t alarm_micros = 0;  // a SIGALRM each so often, without SA_RESTART
  int report_descriptor = -1;
};

// The arguments of the program `store_victim` for these options, without the descriptor.
std::vector<std::string> ArgumentsOf(const VictimOptions& options);

// Returns the exit status; what is wrong ends the process before that (reporter.h).
int RunVictim(const VictimOptions& options);

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_VICTIM_H_
