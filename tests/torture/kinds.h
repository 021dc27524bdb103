// The kinds of the torture programme: what each injects, how many times at least, and the programs
// that do it.

#ifndef WEIR_TORTURE_KINDS_H_
#define WEIR_TORTURE_KINDS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace weir::testing {

// What a run of the programme asks of its kinds.
struct Demand {
  uint64_t scale = 1;
  uint64_t seed = 1;
};

// A program with its arguments. It lies in one of the build directories, below build/.
struct Command {
  std::string preset;  // "release", "asan", "tsan"
  std::string program;
  std::vector<std::string> arguments;
};

struct Kind {
  std::string name;
  std::string injected;
  std::string counted;  // what the count counts
  uint64_t floor = 0;   // at scale 1
  // They run as many at a time as there are cores, the first first, beside those of other kinds;
  // their counts are added.
  std::function<std::vector<Command>(const Demand&)> commands;
  // Its programs have processes or threads for all of them: nothing else runs meanwhile.
  bool takes_all_cores = false;
};

const std::vector<Kind>& Kinds();

}  // namespace weir::testing

#endif  // WEIR_TORTURE_KINDS_H_
