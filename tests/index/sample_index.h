// Index files as tests need them: whose they are, where they lie, and one small enough to print.

#ifndef WEIR_TESTS_INDEX_SAMPLE_INDEX_H_
#define WEIR_TESTS_INDEX_SAMPLE_INDEX_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "format/file_names.h"
#include "format/index_layout.h"
#include "index/index_file.h"
#include "index/index_file_writer.h"
#include "support/fault_file_system.h"

namespace weir::testing {

using namespace weir::internal;

inline constexpr uint64_t kSegmentBytes = 4096;
inline constexpr int64_t kSampleTime = 1'700'000'000'000'000'000;
inline constexpr uint64_t kSampleSeed = 0x5EED;

inline IndexIdentity SampleIdentity(uint64_t segment) {
  IndexIdentity identity;
  for (size_t i = 0; i < identity.store.size(); ++i) {
    identity.store[i] = static_cast<uint8_t>(0xA0 + i);
  }
  identity.segment_begin = LogPosition(segment * kSegmentBytes);
  identity.segment_end = identity.segment_begin + kSegmentBytes;
  identity.records_end = identity.segment_begin + 4000;
  identity.incarnation = 0x1111111111111111;
  identity.incarnations_digest = 0x2222222222222222;
  return identity;
}

// The sample of FORMAT.md: segment 2 of a store with segments of 4 KiB. Queue 3 has the offsets
// 5 and 6, the second of them lost; queue 9 has offset 0 and a run for the first time. Both
// messages have the key "A-1", in the topics whose first queues are 3 and 9.
inline IndexFileWriter SampleWriter() {
  const IndexIdentity identity = SampleIdentity(2);
  IndexFileWriter writer(identity);
  const TimeSample sample{.store_time = kSampleTime, .position_word = 1024 / 8};
  REQUIRE(writer.AddTimes(kSampleTime, kSampleTime + 1, {&sample, 1}).ok());
  std::vector<KeyEntry> keys = {KeyEntry::Of(KeyHash(kSampleSeed, 3, "A-1"), 1024 / 8),
                                KeyEntry::Of(KeyHash(kSampleSeed, 9, "A-1"), 1136 / 8)};
  std::sort(keys.begin(), keys.end());
  REQUIRE(writer.AddKeys(kSampleSeed, keys).ok());
  const RunLinks links{.depth = 2,
                       .previous = {LogPosition(4096), QueueOffset(4)},
                       .jump = {LogPosition(4096), QueueOffset(4)}};
  const std::vector<IndexEntry> three = {
      IndexEntry::At(identity.segment_begin, identity.segment_begin + 1024, 0x00C0FFEE),
      IndexEntry{}};
  const std::vector<IndexEntry> nine = {
      IndexEntry::At(identity.segment_begin, identity.segment_begin + 1136, 0)};
  REQUIRE(writer.AddRun(3, QueueOffset(5), links, three).ok());
  REQUIRE(writer.AddRun(9, QueueOffset(0), {}, nine).ok());
  REQUIRE(writer.AddSaved("queues", SavedKind::kChange, "q3q9").ok());
  return writer;
}

inline std::unique_ptr<Directory> OpenStore(FaultFileSystem& file_system) {
  auto directory = file_system.OpenDirectory("/store", /*create=*/true);
  REQUIRE(directory.ok());
  return *std::move(directory);
}

// A run without its answer's two wrappings; fails the test if it is not there.
inline QueueRun RunOf(const IndexFile& index, uint32_t queue_number) {
  const auto run = index.FindRun(queue_number);
  INFO(run.status());
  REQUIRE(run.ok());
  REQUIRE(run->has_value());
  return **run;
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_INDEX_SAMPLE_INDEX_H_
