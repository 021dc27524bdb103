#include "base/shared_histogram.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace weir::internal {
namespace {

TEST_CASE("a snapshot says of every value what the plain histogram says") {
  SharedHistogram shared;
  Histogram plain;
  uint64_t value = 1;
  for (int i = 0; i < 2'000; ++i) {
    value = value * 6364136223846793005 + 1442695040888963407;
    const uint64_t sample = value >> (i % 60);
    shared.Record(sample);
    plain.Record(sample);
  }

  const Histogram snapshot = shared.Snapshot();
  CHECK(snapshot.Count() == plain.Count());
  CHECK(snapshot.Max() == plain.Max());
  for (const double percent : {0.0, 1.0, 50.0, 99.0, 99.9, 100.0}) {
    CHECK(snapshot.Percentile(percent) == plain.Percentile(percent));
  }
}

TEST_CASE("an empty one has recorded nothing") {
  const Histogram snapshot = SharedHistogram().Snapshot();
  CHECK(snapshot.Count() == 0);
  CHECK(snapshot.Max() == 0);
  CHECK(snapshot.Mean() == 0);
}

TEST_CASE("nothing that threads record at the same time is lost") {
  constexpr uint64_t kEach = 20'000;
  SharedHistogram shared;
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&shared, thread] {
      for (uint64_t i = 0; i < kEach; ++i) shared.Record(thread);
    });
  }
  for (std::thread& thread : threads) thread.join();

  const Histogram snapshot = shared.Snapshot();
  CHECK(snapshot.Count() == 4 * kEach);
  for (uint64_t value = 0; value < 4; ++value) {
    CHECK(snapshot.CountUpTo(value) == (value + 1) * kEach);
  }
  CHECK(snapshot.Mean() == 1.5);
}

}  // namespace
}  // namespace weir::internal
