#include "index/void_positions.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

namespace weir::internal {
namespace {

TEST_CASE("voids are known until what lies before them is sealed") {
  VoidPositions voids;
  CHECK_FALSE(voids.Has(LogPosition(0)));
  for (const uint64_t position : {256u, 64u, 128u, 64u}) voids.Add({}, LogPosition(position));
  CHECK(voids.Has(LogPosition(64)));
  CHECK(voids.Has(LogPosition(256)));
  CHECK_FALSE(voids.Has(LogPosition(65)));
  voids.ForgetBelow(LogPosition(128));
  CHECK_FALSE(voids.Has(LogPosition(64)));
  CHECK(voids.Has(LogPosition(128)));
  voids.ForgetBelow(LogPosition(1000));
  CHECK_FALSE(voids.Has(LogPosition(256)));
}

TEST_CASE("many threads add voids while others look and forget") {
  VoidPositions voids;
  std::atomic<uint64_t> missing{0};
  std::thread adder([&] {
    for (uint64_t i = 0; i < 20'000; ++i) {
      voids.Add({}, LogPosition(i * 8));
      missing += !voids.Has(LogPosition(i * 8));
    }
  });
  std::thread looker([&] {
    for (uint64_t i = 0; i < 20'000; ++i) missing += voids.Has(LogPosition(i * 8 + 1));
  });
  adder.join();
  looker.join();
  CHECK(missing == 0);
  voids.ForgetBelow(LogPosition(19'999 * 8));
  CHECK(voids.Has(LogPosition(19'999 * 8)));
  CHECK_FALSE(voids.Has(LogPosition(19'998 * 8)));
}

}  // namespace
}  // namespace weir::internal
