#include "format/key_table.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/checksum.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

TEST_CASE("entries are in the order of their hashes, then of their places") {
  const std::vector<KeyEntry> entries = {KeyEntry::Of(0, 0xFFFFFFFE), KeyEntry::Of(1, 0),
                                         KeyEntry::Of(1, 1), KeyEntry::Of(0x80000000, 0),
                                         KeyEntry::Of(0xFFFFFFFF, 0xFFFFFFFF)};
  CHECK(std::is_sorted(entries.begin(), entries.end()));
  CHECK(entries[0].hash() == 0);
  CHECK(entries[0].position_word() == 0xFFFFFFFE);
  CHECK(entries[3].hash() == 0x80000000);
}

TEST_CASE("a hash is of key, topic and store, and a key's bytes may be any") {
  const std::string key("a\0b", 3);
  const uint32_t hash = KeyHash(7, 3, key);
  std::string named;
  AppendValue(named, uint32_t{3});
  named += key;
  CHECK(hash == Checksum(named, 7) >> 32);
  CHECK(hash != KeyHash(8, 3, key));
  CHECK(hash != KeyHash(7, 4, key));
  CHECK(hash != KeyHash(7, 3, "a"));
  CHECK(KeyHash(7, 3, std::string(255, 'k')) != KeyHash(7, 3, std::string(254, 'k')));
}

TEST_CASE(
    "whatever the entries are, looking by guesses ends, and soon where they are spread evenly") {
  const auto looks = [](const std::vector<KeyEntry>& entries, KeyEntry wanted) {
    uint64_t begin = 0;
    uint64_t end = entries.size();
    KeyEntry low = entries.front();
    KeyEntry high = entries.back();
    uint64_t look = 0;
    for (; begin < end; ++look) {
      const uint64_t guess = GuessEntry(look, begin, end, wanted, low, high);
      REQUIRE(guess >= begin);
      REQUIRE(guess < end);
      if (entries[guess] < wanted) {
        begin = guess + 1;
        low = entries[guess];
      } else {
        end = guess;
        high = entries[guess];
      }
    }
    CHECK(begin == static_cast<uint64_t>(std::lower_bound(entries.begin(), entries.end(), wanted) -
                                         entries.begin()));
    return look;
  };
  std::vector<KeyEntry> even;
  std::vector<KeyEntry> skewed;
  for (uint32_t i = 0; i < 10'000; ++i) {
    even.push_back(KeyEntry::Of(i * 429'000u, i));
    skewed.push_back(KeyEntry::Of(5, i));  // one key in every message
  }
  skewed.push_back(KeyEntry::Of(0xFFFFFFFF, 3));
  uint64_t most = 0;
  for (uint32_t i = 0; i < 10'000; i += 37) {
    most = std::max(most, looks(even, KeyEntry::Of(i * 429'000u, 0)));
    CHECK(looks(skewed, KeyEntry::Of(5, i)) <= 2 * 14 + 2);
    CHECK(looks(even, KeyEntry::Of(i * 429'000u + 1, 0)) <= 2 * 14 + 2);
  }
  CHECK(most <= 14);
  CHECK(looks({KeyEntry::Of(5, 1)}, KeyEntry::Of(5, 1)) == 1);
}

}  // namespace
}  // namespace weir::testing
