// A store with the smallest files there are, on a disk in memory, and short words for what tests do
// with it all the time.
//
//   FaultFileSystem disk;
//   ManualClock clock;
//   auto store = OpenStore(SmallOptions(disk, clock));
//   Append(*store, {.topic = "orders", .queue_id = 0, .body = "one"});
//   CHECK(AllOf(*store, "orders", 0) == Words{"one"});

#ifndef WEIR_TESTS_API_SMALL_STORE_H_
#define WEIR_TESTS_API_SMALL_STORE_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "weir/store.h"

namespace weir::testing {

using Words = std::vector<std::string>;

inline constexpr uint64_t kSegment = 4096;
// A plain message of a store with such segments: a quarter of them, less the record's header.
inline constexpr size_t kSmallBodyMax = kSegment / 4 - 48;

inline StoreOptions SmallOptions(FileSystem& disk, Clock& clock) {
  return {.directory = "/store",
          .background = Background::kManual,
          .segment_bytes = kSegment,
          .front_bytes = 16384,
          .read_cache_bytes = 64 << 10,
          .default_queue_count = 2,
          .file_system = &disk,
          .clock = &clock};
}

inline std::unique_ptr<MessageStore> OpenStore(const StoreOptions& options) {
  auto store = MessageStore::Open(options);
  INFO(store.status());
  REQUIRE(store.ok());
  return *std::move(store);
}

inline Receipt Append(MessageStore& store, const Message& message,
                      const AppendOptions& options = {}) {
  const absl::StatusOr<Receipt> receipt = store.Append(message, options);
  INFO(receipt.status());
  REQUIRE(receipt.ok());
  return *receipt;
}

inline ReadResult Read(MessageStore& store, TopicRef topic, uint32_t queue_id, uint64_t offset,
                       const ReadOptions& options = {}) {
  absl::StatusOr<ReadResult> result = store.Read(topic, queue_id, QueueOffset(offset), options);
  INFO(result.status());
  REQUIRE(result.ok());
  return *std::move(result);
}

inline Words BodiesOf(const ReadResult& result) {
  Words bodies;
  for (const MessageView& message : result) bodies.emplace_back(message.body());
  return bodies;
}

// Every message of a queue that can be read.
inline Words AllOf(MessageStore& store, TopicRef topic, uint32_t queue_id) {
  Words bodies;
  const absl::StatusOr<QueueBounds> bounds = store.Bounds(topic, queue_id);
  if (!bounds.ok()) return bodies;
  for (QueueOffset offset = bounds->first; offset < bounds->end;) {
    const ReadResult result =
        Read(store, topic, queue_id, offset.value(), {.max_messages = 1000, .max_bytes = 1 << 30});
    for (const MessageView& message : result) bodies.emplace_back(message.body());
    REQUIRE(result.next_offset() > offset);
    offset = result.next_offset();
  }
  return bodies;
}

inline std::pair<uint64_t, uint64_t> BoundsOf(const MessageStore& store, TopicRef topic,
                                              uint32_t queue_id) {
  const absl::StatusOr<QueueBounds> bounds = store.Bounds(topic, queue_id);
  INFO(bounds.status());
  REQUIRE(bounds.ok());
  return {bounds->first.value(), bounds->end.value()};
}

inline void Flush(MessageStore& store) {
  const absl::Status flushed = store.Flush();
  INFO(flushed);
  REQUIRE(flushed.ok());
}

inline void Close(MessageStore& store) {
  const absl::Status closed = store.Close();
  INFO(closed);
  REQUIRE(closed.ok());
}

// All background work that there is now.
inline void RunUntilIdle(MessageStore& store, ManualClock& clock) {
  clock.Advance(absl::Seconds(1));
  for (int i = 0; i < 10000; ++i) {
    if (store.RunOnce() > absl::ZeroDuration()) return;
  }
  FAIL("RunOnce() never comes to an end");
}

// "7 xxxxx", `bytes` bytes long.
inline std::string Numbered(size_t number, size_t bytes) {
  std::string body = absl::StrCat(number, " ");
  body.resize(std::max(bytes, body.size()), 'x');
  return body;
}

// Appends [from, from + count) to queue 0 of the topic.
inline std::vector<Receipt> AppendNumbered(MessageStore& store, TopicRef topic, size_t from,
                                           size_t count, size_t bytes) {
  std::vector<Receipt> receipts;
  for (size_t i = from; i < from + count; ++i) {
    const std::string body = Numbered(i, bytes);
    receipts.push_back(Append(store, {.topic = topic, .queue_id = 0, .body = body}));
  }
  return receipts;
}

inline Words NumberedBodies(size_t from, size_t count, size_t bytes) {
  Words bodies;
  for (size_t i = from; i < from + count; ++i) bodies.push_back(Numbered(i, bytes));
  return bodies;
}

// The file that holds a position of a log that was never cut, and never replaced a file.
inline std::string FileOf(LogPosition position) {
  const std::string number = absl::StrCat(position.value() / kSegment * kSegment);
  return absl::StrCat("/store/", std::string(20 - number.size(), '0'), number);
}

// Flips one bit of a byte of the log behind everybody's back.
inline void FlipBit(FaultFileSystem& disk, LogPosition position, int bit = 0) {
  std::string content = disk.ReadFile(FileOf(position));
  const size_t at = position.value() % kSegment;
  REQUIRE(at < content.size());
  content[at] = static_cast<char>(content[at] ^ (1 << bit));
  disk.WriteFile(FileOf(position), content);
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_API_SMALL_STORE_H_
