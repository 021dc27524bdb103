// What a test says that cannot look, because the machine it runs on does not let it.
//
//   if (unshare(CLONE_NEWNS) != 0) return Skip("the right to mount a file system");
//
// Catch would count it as passed. The process ends with kSkippedStatus instead, unless something
// failed, and ctest reports it as skipped. What needs root is tagged [privileged], so that it is a
// ctest entry of its own (PRIVILEGED in tests/CMakeLists.txt) and its neighbours still pass.

#ifndef WEIR_TESTS_SUPPORT_SKIPPED_H_
#define WEIR_TESTS_SUPPORT_SKIPPED_H_

#include <string>

namespace weir::testing {

// Also in tests/CMakeLists.txt.
inline constexpr int kSkippedStatus = 77;

void Skip(const std::string& needs);

// What main() returns for what Catch says, which is how many checks failed.
int ExitStatus(int failures);

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_SKIPPED_H_
