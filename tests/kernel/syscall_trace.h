// What strace wrote down of a victim: which calls it made on files of the store, and which of its
// calls of that name each was, as strace counts for an injection.

#ifndef WEIR_TESTS_KERNEL_SYSCALL_TRACE_H_
#define WEIR_TESTS_KERNEL_SYSCALL_TRACE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::kernel {

struct TracedCall {
  std::string name;
  uint32_t index = 0;  // 1: the first of this name in the process
  std::string line;
};

// The calls of a log of `strace -f -y` from the first on that was made with a store in reach (a
// line that holds `begin`), those that name something below `place` only.
std::vector<TracedCall> CallsOn(const std::string& log, std::string_view begin,
                                std::string_view place);

// The indices of each call that was made, in the order of the log.
std::map<std::string, std::vector<uint32_t>> IndicesOf(const std::vector<TracedCall>& calls);

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_SYSCALL_TRACE_H_
