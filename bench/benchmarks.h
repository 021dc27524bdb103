// The kernels and their references as ordinary Google Benchmarks.

#ifndef WEIR_BENCH_BENCHMARKS_H_
#define WEIR_BENCH_BENCHMARKS_H_

#include "workspace.h"

namespace weir::bench {

// Registers all of them. `workspace` must live until they have run.
void RegisterBenchmarks(Workspace& workspace);

}  // namespace weir::bench

#endif  // WEIR_BENCH_BENCHMARKS_H_
