#include "base/fork_generation.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace weir::internal {
namespace {

// What `ask` says in a child of this process.
template <typename Ask>
uint32_t InChild(Ask ask) {
  const pid_t child = fork();
  if (child == 0) _exit(static_cast<int>(ask()));
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return static_cast<uint32_t>(WEXITSTATUS(status));
}

TEST_CASE(
    "every fork lies one generation further from the first, and the parent stays where it is") {
  const uint32_t here = ForkGeneration();
  CHECK(InChild([] { return ForkGeneration(); }) == here + 1);
  CHECK(InChild([] {
          const pid_t grandchild = fork();
          if (grandchild == 0) _exit(static_cast<int>(ForkGeneration()));
          int status = 0;
          waitpid(grandchild, &status, 0);
          return static_cast<uint32_t>(WEXITSTATUS(status));
        }) == here + 2);
  CHECK(ForkGeneration() == here);
}

}  // namespace
}  // namespace weir::internal
