// The engine below the public store, on a disk in memory, and short words for what tests of the
// store's parts do with it.
//
//   FaultFileSystem disk;
//   ManualClock clock;
//   auto engine = OpenEngine(SmallOptions(disk, clock));
//   Append(*engine, {.topic = "t", .queue_id = 0, .body = "one"});
//   CHECK(BodiesOf(Read(*engine, "t", 0, 0)) == Words{"one"});

#ifndef WEIR_TESTS_STORE_SMALL_ENGINE_H_
#define WEIR_TESTS_STORE_SMALL_ENGINE_H_

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/small_store.h"
#include "store/engine.h"

namespace weir::testing {

using internal::Engine;
using internal::Wanted;

inline std::unique_ptr<Engine> OpenEngine(const StoreOptions& options) {
  auto engine = Engine::Open(options);
  INFO(engine.status());
  REQUIRE(engine.ok());
  return *std::move(engine);
}

inline Receipt Append(Engine& engine, const Message& message, const AppendOptions& options = {}) {
  const absl::StatusOr<Receipt> receipt = engine.Append(message, options);
  INFO(receipt.status());
  REQUIRE(receipt.ok());
  return *receipt;
}

// Appends [from, from + count) to queue 0 of "t".
inline std::vector<Receipt> AppendNumbered(Engine& engine, size_t from, size_t count,
                                           size_t bytes) {
  std::vector<Receipt> receipts;
  for (size_t i = from; i < from + count; ++i) {
    receipts.push_back(Append(engine, {.topic = "t", .queue_id = 0, .body = Numbered(i, bytes)}));
  }
  return receipts;
}

inline const Topic::Entry& Find(Engine& engine, absl::string_view topic) {
  const Topic::Entry* const entry = engine.catalogue().Find(topic);
  REQUIRE(entry != nullptr);
  return *entry;
}

inline ReadResult Read(Engine& engine, absl::string_view topic, uint32_t queue_id, uint64_t offset,
                       const ReadOptions& options = {}) {
  const auto wanted = Wanted::Of(options);
  REQUIRE(wanted.ok());
  auto result =
      engine.reader().Read(Find(engine, topic), queue_id, QueueOffset(offset), options, *wanted);
  INFO(result.status());
  REQUIRE(result.ok());
  return *std::move(result);
}

inline ReadResult ReadBackwards(Engine& engine, absl::string_view topic, uint32_t queue_id,
                                uint64_t offset, const ReadOptions& options = {}) {
  const auto wanted = Wanted::Of(options);
  REQUIRE(wanted.ok());
  auto result = engine.reader().ReadBackwards(Find(engine, topic), queue_id, QueueOffset(offset),
                                              options, *wanted);
  INFO(result.status());
  REQUIRE(result.ok());
  return *std::move(result);
}

inline ReadResult ReadTopic(Engine& engine, absl::string_view topic, LogPosition position,
                            const ReadOptions& options = {}) {
  const auto wanted = Wanted::Of(options);
  REQUIRE(wanted.ok());
  auto result = engine.reader().ReadTopic(Find(engine, topic), position, options, *wanted);
  INFO(result.status());
  REQUIRE(result.ok());
  return *std::move(result);
}

// Makes everything durable and seals what can be.
inline void SealAll(Engine& engine) {
  REQUIRE(engine.log().Flush(internal::kNever).ok());
  engine.SealAll();
}

inline void Close(Engine& engine) {
  SealAll(engine);
  engine.log().Stop();
  const absl::Status closed = engine.log().Close();
  INFO(closed);
  REQUIRE(closed.ok());
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_STORE_SMALL_ENGINE_H_
