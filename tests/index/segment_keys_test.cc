#include "index/segment_keys.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/random.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

// What was added, in the order of its places, which a linear search answers from.
class PlainKeys {
 public:
  void Add(const std::vector<KeyEntry>& entries) {
    entries_.insert(entries_.end(), entries.begin(), entries.end());
  }
  std::vector<uint32_t> Find(const KeyQuery& query) const {
    std::vector<uint32_t> words;
    for (const KeyEntry entry : entries_) {
      const bool is_in_window =
          entry.position_word() >= query.begin_word && entry.position_word() < query.end_word;
      if (entry.hash() == query.hash && is_in_window) words.push_back(entry.position_word());
    }
    if (query.newest_first) std::reverse(words.begin(), words.end());
    if (words.size() > query.max) words.resize(query.max);
    return words;
  }
  std::vector<KeyEntry> Sorted() const {
    std::vector<KeyEntry> sorted = entries_;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

 private:
  std::vector<KeyEntry> entries_;
};

std::vector<KeyEntry> RecordAt(uint32_t word, size_t count, uint32_t hashes, Random& random) {
  std::vector<KeyEntry> entries;
  for (size_t i = 0; i < count; ++i) {
    entries.push_back(KeyEntry::Of(static_cast<uint32_t>(random.Below(hashes)), word));
  }
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  return entries;
}

TEST_CASE("keys of an unsealed segment are found as a search through all of them finds them") {
  const uint64_t seed = GENERATE(uint64_t{1}, 2, 3);
  Random random(seed);
  SegmentKeys keys;
  PlainKeys plain;
  uint32_t word = 128;
  for (int records = 0; records < 4'000; ++records) {
    word += 1 + static_cast<uint32_t>(random.Below(20));
    // Now and then one with more keys than are kept unsorted.
    const size_t count = random.OneIn(500) ? 900 : 1 + random.Below(16);
    const auto record = RecordAt(word, count, 3'000, random);
    keys.Add(record);
    plain.Add(record);
    if (!random.OneIn(8)) continue;
    const auto a = static_cast<uint32_t>(random.Below(word + 50));
    const auto b = static_cast<uint32_t>(random.Below(word + 50));
    const KeyQuery query{.hash = static_cast<uint32_t>(random.Below(3'100)),
                         .begin_word = random.OneIn(2) ? 0 : a,
                         .end_word = random.OneIn(2) ? ~uint32_t{0} : b,
                         .newest_first = random.OneIn(2),
                         .max = random.Below(30)};
    std::vector<uint32_t> words = {7};
    keys.Find(query, &words);
    REQUIRE(words.front() == 7);  // what was there stays
    words.erase(words.begin());
    REQUIRE(words == plain.Find(query));
  }
  CHECK(keys.Sorted() == plain.Sorted());
}

TEST_CASE("a key of an unsealed segment takes 8 bytes of memory") {
  SegmentKeys keys;
  CHECK(keys.memory_bytes() == 0);
  Random random(4);
  constexpr uint32_t kKeys = 100'000;
  for (uint32_t i = 0; i < kKeys; ++i) {
    const KeyEntry entry = KeyEntry::Of(static_cast<uint32_t>(random.Next()), i);
    keys.Add({&entry, 1});
    // The newest few have their memory ready.
    REQUIRE(keys.memory_bytes() <= (i + 1 + SegmentKeys::kNewestMax) * 8);
  }
  CHECK(keys.memory_bytes() >= kKeys * 8);
}

TEST_CASE("who looks while keys are added misses none that was there before he looked") {
  SegmentKeys keys;
  std::atomic<uint32_t> added{0};
  constexpr uint32_t kRecords = 30'000;
  std::thread adder([&] {
    for (uint32_t i = 0; i < kRecords; ++i) {
      const KeyEntry entry = KeyEntry::Of(i % 10, i);
      keys.Add({&entry, 1});
      added.store(i + 1, std::memory_order_release);
    }
  });
  bool is_whole = true;
  for (uint32_t seen = 0; seen < kRecords;) {
    seen = added.load(std::memory_order_acquire);
    std::vector<uint32_t> words;
    keys.Find({.hash = 3, .end_word = seen, .newest_first = false, .max = kRecords}, &words);
    is_whole = is_whole && words.size() == (seen + 6) / 10;
    for (size_t i = 0; i < words.size(); ++i) is_whole = is_whole && words[i] == 3 + 10 * i;
  }
  adder.join();
  CHECK(is_whole);
}

}  // namespace
}  // namespace weir::testing
