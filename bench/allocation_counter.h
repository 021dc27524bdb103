// Counts what each thread takes from the heap. Linking allocation_counter.cc into a program
// replaces its operator new.

#ifndef WEIR_BENCH_ALLOCATION_COUNTER_H_
#define WEIR_BENCH_ALLOCATION_COUNTER_H_

#include <cstdint>

namespace weir::bench {

// Calls of operator new by this thread so far.
uint64_t ThreadAllocations();

}  // namespace weir::bench

#endif  // WEIR_BENCH_ALLOCATION_COUNTER_H_
