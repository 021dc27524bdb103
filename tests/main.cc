// Catch2's main, compiled once for all tests.

#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "support/skipped.h"

int main(int argc, char* argv[]) {
  return weir::testing::ExitStatus(Catch::Session().run(argc, argv));
}
