// One call of a victim that the kernel is to fail, and how.

#ifndef WEIR_TESTS_KERNEL_INJECTION_H_
#define WEIR_TESTS_KERNEL_INJECTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/syscall_trace.h"

namespace weir::kernel {

struct Injection {
  enum class Kind : uint8_t {
    kError,  // the call is not made and fails
    kKill,   // the process is killed in it
    kShort,  // it transfers a part of the bytes (short_counts.cc)
  };

  Kind kind = Kind::kError;
  std::string call;
  std::string what;    // "EIO"; of a short one "one", "half", "most"
  uint32_t index = 0;  // from 1: of all calls of that name; of a short one, of those on the store

  std::string text() const;
};

// Everything that can become of the calls: the first of each name come first.
std::vector<Injection> InjectionsInto(const std::vector<TracedCall>& calls);

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_INJECTION_H_
