// The switches of lib/base/mutant.h cost the library nothing, because they are not in it. Nor is
// what lib/base/schedule.h lets threads do in the build with the thread sanitizer.

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>

#include "base/mutant.h"

namespace weir::internal {
namespace {

std::string Library() {
  std::ifstream file(WEIR_LIBRARY, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST_CASE("in the library no protection can be taken away") {
#define WEIR_PROTECTION_STANDS(name, place, what) static_assert(!Without(Protection::k##name));
  WEIR_PROTECTIONS(WEIR_PROTECTION_STANDS)
#undef WEIR_PROTECTION_STANDS
  const std::string library = Library();
  // That it was read, and that names of functions are found in it.
  REQUIRE(library.find("PlaceMark") != std::string::npos);

  CHECK(library.find("WEIR_MUTANT") == std::string::npos);
  CHECK(library.find("WithoutENS") == std::string::npos);  // Without(Protection), mangled
}

TEST_CASE("in the library nobody gives his processor away") {
#ifdef WEIR_SCHEDULES
  constexpr bool does_yield = true;
#else
  constexpr bool does_yield = false;
#endif
  CHECK((Library().find("sched_yield") != std::string::npos) == does_yield);
}

}  // namespace
}  // namespace weir::internal
