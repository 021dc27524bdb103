#include "format/key_filter.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "support/random.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

// Distinct hashes, in ascending order.
std::vector<uint32_t> Hashes(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<uint32_t> hashes;
  while (hashes.size() < count) {
    for (size_t i = hashes.size(); i < count; ++i) {
      hashes.push_back(static_cast<uint32_t>(random.Next()));
    }
    std::sort(hashes.begin(), hashes.end());
    hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  }
  return hashes;
}

bool Holds(const KeyFilter& filter, uint32_t hash) {
  return MayHold(filter.shape, filter.slots.data(), hash);
}

TEST_CASE("a filter says yes to every hash that it was built of") {
  for (size_t count = 1; count <= 400; ++count) {
    const std::vector<uint32_t> hashes = Hashes(count, count);
    const KeyFilter filter = BuildKeyFilter(hashes);
    CAPTURE(count);
    REQUIRE(filter.slots.size() == filter.shape.bytes());
    REQUIRE(FaultOf(filter.shape, static_cast<uint32_t>(count)).empty());
    REQUIRE(std::all_of(hashes.begin(), hashes.end(),
                        [&](uint32_t hash) { return Holds(filter, hash); }));
  }
  // Hashes that are neighbours, and the ends of their range.
  std::vector<uint32_t> row = {0, ~uint32_t{0}};
  for (uint32_t hash = 1000; hash < 9000; ++hash) row.push_back(hash);
  const KeyFilter filter = BuildKeyFilter(row);
  CHECK(std::all_of(row.begin(), row.end(), [&](uint32_t hash) { return Holds(filter, hash); }));
}

TEST_CASE("of more hashes than slots have numbers there is no filter") {
  const uint32_t one = 0;  // none is read
  CHECK(BuildKeyFilter({&one, (size_t{1} << 31) + 1}).slots.empty());
}

TEST_CASE("a filter says yes to at most one in 200 of the others, and takes 12 bits for a hash") {
  for (const size_t count : {size_t{2'048}, size_t{10'000}, size_t{100'000}, size_t{700'000}}) {
    const std::vector<uint32_t> hashes = Hashes(count, 7);
    const KeyFilter filter = BuildKeyFilter(hashes);
    CAPTURE(count, filter.shape.begins, filter.shape.shift);
    CHECK(filter.shape.bytes() * 8 <= count * 12);
    if (count >= 700'000) CHECK(filter.shape.bytes() * 8 <= count * 10);
    CHECK(std::all_of(hashes.begin(), hashes.end(),
                      [&](uint32_t hash) { return Holds(filter, hash); }));

    Random random(8);
    uint64_t others = 0;
    uint64_t held = 0;
    while (others < 200'000) {
      const auto hash = static_cast<uint32_t>(random.Next());
      if (std::binary_search(hashes.begin(), hashes.end(), hash)) continue;
      ++others;
      held += Holds(filter, hash) ? 1 : 0;
    }
    CAPTURE(held);
    CHECK(held * 200 <= others);
  }
}

TEST_CASE("the same hashes make the same filter, in whatever order they come") {
  std::vector<uint32_t> hashes = Hashes(5'000, 3);
  const KeyFilter one = BuildKeyFilter(hashes);
  std::reverse(hashes.begin(), hashes.end());
  const KeyFilter two = BuildKeyFilter(hashes);
  CHECK(one.shape == two.shape);
  CHECK(one.slots == two.slots);
}

TEST_CASE("without hashes there is no filter, and hashes that are not distinct make none") {
  CHECK(BuildKeyFilter({}).shape == KeyFilterShape{});
  CHECK(BuildKeyFilter({}).slots.empty());
  const KeyFilter none = BuildKeyFilter(std::vector<uint32_t>{5, 5, 6});
  CHECK(none.shape == KeyFilterShape{});
  CHECK(none.slots.empty());
}

TEST_CASE("a shape that no writer makes is told from one that some writer might") {
  const KeyFilter filter = BuildKeyFilter(Hashes(1'000, 1));
  const auto refused = [&](auto change) {
    KeyFilterShape shape = filter.shape;
    change(shape);
    return !FaultOf(shape, 1'000).empty();
  };
  using Shape = KeyFilterShape;
  CHECK_FALSE(refused([](Shape&) {}));
  CHECK_FALSE(refused([](Shape& s) { s = {}; }));
  CHECK(refused([](Shape& s) { s.begins = 0; }));
  CHECK(refused([](Shape& s) { s.shift = 1; }));
  CHECK(refused([](Shape& s) { s.shift = 63; }));
  CHECK(refused([](Shape& s) { s.begins *= 3; }));
  CHECK(refused([](Shape& s) { s.begins = ~uint32_t{0}; }));
  // Equal hashes count once in a filter, so it may be of fewer than there are keys.
  for (const uint32_t more : {1'001u, 1'100u, 2'000u, 100'000u, ~0u}) {
    CHECK(FaultOf(filter.shape, more).empty());
  }
}

}  // namespace
}  // namespace weir::testing
