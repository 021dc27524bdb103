// For the thread sanitizer, and for what must hold whoever is faster.

#include "api/stress.h"

#include <catch2/catch.hpp>

namespace weir::testing {
namespace {

TEST_CASE("all calls at once, beside a reading store, keep every queue dense and lose nothing") {
  const StressResult result = RunStress(400);
  CHECK(result.complaints == "");
  CHECK(result.calls >= 2'000);
}

}  // namespace
}  // namespace weir::testing
