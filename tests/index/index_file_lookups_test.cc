// Keys and times of an index file. What is wrong with a file is in index_file_test.cc.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "format/file_names.h"
#include "index/index_file.h"
#include "index/sample_index.h"
#include "support/random.h"

namespace weir::testing {
namespace {

constexpr uint32_t kAllWords = ~uint32_t{0};

// An index file of a segment of 64 MiB, behind a run whose length moves the parts behind it to any
// place in their blocks.
class LargeIndex {
 public:
  explicit LargeIndex(std::vector<KeyEntry> keys, std::vector<TimeSample> samples = {},
                      size_t entries_before = 1) {
    IndexIdentity identity = SampleIdentity(2);
    identity.segment_end = identity.segment_begin + (uint64_t{64} << 20);
    identity.records_end = identity.segment_end;
    begin_ = identity.segment_begin;
    IndexFileWriter writer(identity);
    REQUIRE(writer.AddRun(1, QueueOffset(0), {}, std::vector<IndexEntry>(entries_before)).ok());
    if (samples.empty()) samples.push_back({.store_time = 1, .position_word = 128});
    REQUIRE(writer.AddTimes(samples.front().store_time, samples.back().store_time, samples).ok());
    REQUIRE(writer.AddKeys(kSampleSeed, std::move(keys)).ok());
    REQUIRE(writer.AddSaved("totals", SavedKind::kFull, std::string(5000, 't')).ok());
    const std::string name = IndexFileName(begin_);
    REQUIRE(writer.WriteTo(*directory_, name).ok());
    auto opened = IndexFile::Open(*directory_, name, identity, &cache);
    INFO(opened.status());
    REQUIRE(opened.ok());
    file_ = *std::move(opened);
  }

  std::vector<uint32_t> Find(const KeyQuery& query) {
    std::vector<uint32_t> words;
    const absl::Status found = file_->FindKeys(query, &words);
    INFO(found);
    REQUIRE(found.ok());
    return words;
  }
  // In words, counted from the segment's begin.
  std::pair<uint64_t, uint64_t> FindTime(int64_t time) {
    const auto stretch = file_->FindTime(time);
    REQUIRE(stretch.ok());
    return {(stretch->begin - begin_) / 8, (stretch->end - begin_) / 8};
  }
  uint64_t looks() const { return cache.hits() + cache.misses(); }
  const IndexFile& file() const { return *file_; }

 private:
  FaultFileSystem file_system_;
  const std::unique_ptr<Directory> directory_ = OpenStore(file_system_);
  BlockCache cache{64 << 20};
  std::shared_ptr<IndexFile> file_;
  LogPosition begin_;
};

std::vector<KeyEntry> RandomKeys(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<KeyEntry> keys;
  for (size_t i = 0; i < count; ++i) {
    keys.push_back(
        KeyEntry::Of(static_cast<uint32_t>(random.Next()), 128 + 13 * static_cast<uint32_t>(i)));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

TEST_CASE("every key of a large index is found in two or three blocks, and no other") {
  const std::vector<KeyEntry> keys = RandomKeys(300'000, 5);
  LargeIndex index(keys, {}, 777);
  uint64_t most = 0;
  uint64_t all = 0;
  uint64_t lookups = 0;
  for (size_t i = 0; i < keys.size(); i += 97) {
    const uint64_t before = index.looks();
    const std::vector<uint32_t> words =
        index.Find({.hash = keys[i].hash(), .end_word = kAllWords, .max = 10});
    most = std::max(most, index.looks() - before);
    all += index.looks() - before;
    ++lookups;
    REQUIRE(std::find(words.begin(), words.end(), keys[i].position_word()) != words.end());
    CHECK(words.size() <= 2);
    if (i > 0 && keys[i - 1].hash() + 1 < keys[i].hash()) {
      CHECK(index.Find({.hash = keys[i].hash() - 1, .end_word = kAllWords, .max = 10}).empty());
    }
  }
  CAPTURE(most, all, lookups);
  CHECK(all <= 2 * lookups);
  CHECK(most <= 6);
  CHECK(index.Find({.hash = 0, .end_word = kAllWords, .max = 10}).empty());
  CHECK(index.Find({.hash = ~uint32_t{0}, .end_word = kAllWords, .max = 10}).empty());
  CHECK(index.file().VerifyAll().ok());
}

TEST_CASE("of a hash just the places in the window are given, in either order and in any pieces") {
  // Many of one hash, over several blocks, between others that are its neighbours.
  std::vector<KeyEntry> keys;
  std::vector<uint32_t> words;
  for (uint32_t i = 0; i < 3'000; ++i) {
    words.push_back(200 + 3 * i);
    keys.push_back(KeyEntry::Of(1'000'000, words.back()));
  }
  for (uint32_t i = 0; i < 700; ++i) {
    keys.push_back(KeyEntry::Of(999'999, 130 + i));
    keys.push_back(KeyEntry::Of(1'000'001, 130 + i));
  }
  std::sort(keys.begin(), keys.end());
  const size_t entries_before = GENERATE(size_t{1}, 2, 500);
  LargeIndex index(keys, {}, entries_before);

  Random random(9);
  for (int round = 0; round < 300; ++round) {
    const auto begin = static_cast<uint32_t>(random.Below(9'500));
    const auto end = static_cast<uint32_t>(random.Below(9'500));
    const bool newest_first = random.OneIn(2);
    const size_t max = random.Below(40);
    std::vector<uint32_t> expected;
    for (const uint32_t word : words) {
      if (word >= begin && word < end) expected.push_back(word);
    }
    if (newest_first) std::reverse(expected.begin(), expected.end());
    if (expected.size() > max) expected.resize(max);
    CAPTURE(begin, end, newest_first, max);
    CHECK(index.Find({.hash = 1'000'000,
                      .begin_word = begin,
                      .end_word = end,
                      .newest_first = newest_first,
                      .max = max}) == expected);
  }
  CHECK(
      index.Find({.hash = 1'000'000, .end_word = kAllWords, .newest_first = false, .max = 5'000}) ==
      words);
}

TEST_CASE("an index without keys and without messages is asked in vain, and nothing is read") {
  LargeIndex index({});
  const uint64_t before = index.looks();
  CHECK(index.Find({.hash = 5, .end_word = kAllWords, .max = 10}).empty());
  CHECK(index.looks() == before);
  CHECK(index.file().header().filter == KeyFilterShape{});
  CHECK(index.file().ReadFilter()->empty());
}

TEST_CASE("a time lies between the last sample that is older and the first that is not") {
  // Some stretches have no message, and some samples have the same time.
  std::vector<TimeSample> samples;
  for (uint32_t i = 0; i < 1'500; ++i) {
    if (i % 7 == 3) continue;
    samples.push_back(
        {.store_time = int64_t{i / 3} * 10 - 700, .position_word = i * 4096 + i % 100});
  }
  const size_t entries_before = GENERATE(size_t{1}, 3);
  LargeIndex index({}, samples, entries_before);
  const auto expected = [&](int64_t time) {
    const auto at = std::lower_bound(
        samples.begin(), samples.end(), time,
        [](const TimeSample& sample, int64_t wanted) { return sample.store_time < wanted; });
    const uint64_t end = at == samples.end() ? uint64_t{64 << 20} / 8 : at->position_word;
    return std::pair<uint64_t, uint64_t>(at == samples.begin() ? end : std::prev(at)->position_word,
                                         end);
  };
  for (int64_t time = -720; time < 4'400; ++time) {
    CAPTURE(time);
    REQUIRE(index.FindTime(time) == expected(time));
  }
  CHECK(index.FindTime(std::numeric_limits<int64_t>::min()) == expected(-720));
  CHECK(index.FindTime(std::numeric_limits<int64_t>::max()) == expected(5'000));
  CHECK(index.file().VerifyAll().ok());
}

}  // namespace
}  // namespace weir::testing
