#include "support/skipped.h"

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace weir::testing {
namespace {

// Hidden: only the test below asks for them.
TEST_CASE("this one can not look", "[.skips]") { Skip("what no machine has"); }
TEST_CASE("this one fails", "[.fails]") { FAIL("as it should"); }
TEST_CASE("this one passes", "[.passes]") { SUCCEED(); }

// How this program ends when it runs these of its tests.
int StatusOf(const std::string& tests) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  const int status = std::system(("'" + program + "' '" + tests + "' >/dev/null").c_str());
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

TEST_CASE("who could not look has not passed, and a failure beside it is a failure") {
  CHECK(StatusOf("[.passes]") == 0);
  CHECK(StatusOf("[.skips]") == kSkippedStatus);
  CHECK(StatusOf("[.skips],[.passes]") == kSkippedStatus);
  CHECK(StatusOf("[.skips],[.fails]") == 1);
  CHECK(StatusOf("[.fails]") == 1);
  CHECK(ExitStatus(kSkippedStatus) == 1);
}

}  // namespace
}  // namespace weir::testing
