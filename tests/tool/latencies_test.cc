#include "tool/latencies.h"

#include <catch2/catch.hpp>
#include <cstdint>

namespace weir::tool {
namespace {

TEST_CASE("a quantile is at most one percent too large") {
  Latencies latencies;
  for (uint64_t nanos = 1; nanos <= 100'000; ++nanos) latencies.Add(nanos);

  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = share * 100'000;
    CHECK(static_cast<double>(latencies.Quantile(share)) >= exact);
    CHECK(static_cast<double>(latencies.Quantile(share)) <= exact * 1.01 + 1);
  }
  CHECK(latencies.Quantile(1.0) == 100'000);
  CHECK(latencies.max() == 100'000);
}

TEST_CASE("no duration is out of range") {
  Latencies latencies;
  CHECK(latencies.Quantile(0.5) == 0);
  latencies.Add(0);
  latencies.Add(UINT64_MAX);
  CHECK(latencies.Quantile(0.5) == 0);
  CHECK(latencies.Quantile(1.0) == UINT64_MAX);
}

}  // namespace
}  // namespace weir::tool
