// Catch2's main, compiled once for all tests.

#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <iostream>

#include "base/promise.h"
#include "support/skipped.h"

int main(int argc, char* argv[]) {
  const int result = Catch::Session().run(argc, argv);
  // Who breaks one on purpose forgets it.
  if (weir::internal::AnyBroken()) {
    std::cerr << weir::internal::Broken() << std::endl;
    return 1;
  }
  return weir::testing::ExitStatus(result);
}
