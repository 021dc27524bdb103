// What this process holds of the kernel and of the heap: to be compared before and after.

#ifndef WEIR_TESTS_SUPPORT_PROCESS_RESOURCES_H_
#define WEIR_TESTS_SUPPORT_PROCESS_RESOURCES_H_

#include <cstdint>
#include <string>

namespace weir::testing {

struct ProcessResources {
  uint64_t descriptors = 0;
  uint64_t mappings = 0;  // of files and shared memory
  uint64_t threads = 0;
  uint64_t bytes = 0;  // of the heap

  static ProcessResources Now();
  // How many threads there are. The kernel forgets one a moment after it was joined: as long as
  // there are more than `expected` it is looked at again, so and so often.
  static uint64_t Threads(uint64_t expected);
  // What is more here than in `before`, in words; empty if nothing is. The heap keeps a little of
  // what is given back, so a few bytes are nothing.
  std::string Excess(const ProcessResources& before) const;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_PROCESS_RESOURCES_H_
