// A short run of one harness, or of one test, against a mutant.

#ifndef WEIR_TESTS_MUTANTS_SLICE_H_
#define WEIR_TESTS_MUTANTS_SLICE_H_

#include <chrono>
#include <string>
#include <vector>

namespace weir::testing {

struct Slice {
  std::string program;
  std::vector<std::string> arguments;

  // As a shell takes it.
  std::string Command() const;
};

enum class Ending { kGreen, kRed, kTimedOut, kCouldNotLook };

struct Run {
  Ending ending = Ending::kCouldNotLook;
  double seconds = 0;
  std::string why;  // what the harness said, or how it ended
};

// Runs a slice in a process group of its own, from the directory of this program, without the
// protection of that name ("": with all). Ends it at the first violation that it tells.
Run RunSlice(const Slice& slice, const std::string& without, std::chrono::milliseconds limit);

}  // namespace weir::testing

#endif  // WEIR_TESTS_MUTANTS_SLICE_H_
