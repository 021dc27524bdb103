// The table: every row measured, what it must be beside what it is.

#ifndef WEIR_BENCH_TABLE_H_
#define WEIR_BENCH_TABLE_H_

#include <string>

#include "row.h"

namespace weir::bench {

// Measures the rows whose name contains `row_substring` and prints each as soon as it is known.
// With `json_path` the results are also written there: [{"row", "must", "measured", "met"}, ...].
void PrintTable(Run& run, const std::string& row_substring, const std::string& json_path);

}  // namespace weir::bench

#endif  // WEIR_BENCH_TABLE_H_
