// What appends cost beyond instructions, in steady state: system calls, page faults and heap
// allocations of the appending thread.
//
// The measurement runs in a child process whose appending thread is traced (ptrace), so every
// system call is counted, whoever makes it. Workers of the store are not traced. Must be called
// while the process has one thread.

#ifndef WEIR_BENCH_APPEND_COST_H_
#define WEIR_BENCH_APPEND_COST_H_

#include <cstdint>
#include <string>

namespace weir::bench {

struct AppendCost {
  // Why there are no figures at all; empty if there are.
  std::string failure;

  uint64_t appends = 0;
  uint64_t bytes = 0;  // of the log
  uint64_t allocations = 0;
  uint64_t page_faults = 0;
  uint64_t context_switches = 0;  // given away by the thread itself: it waited
  uint64_t front_stalls = 0;      // a full front: not steady state, and the figures say little
  uint64_t system_calls = 0;
  // Why system_calls was not counted (tracing refused); empty if it was.
  std::string untraced;

  // A quarter-full front or the end of idleness may wake a worker: one system call each.
  uint64_t wakes_max = 0;
};

// Appends small messages to a store in `directory`: some laps of the front and some segments to
// warm up, then two more laps that count. `directory` must not exist; it is removed at the end.
AppendCost MeasureAppendCost(const std::string& directory);

}  // namespace weir::bench

#endif  // WEIR_BENCH_APPEND_COST_H_
