// For the thread sanitizer, and for what must hold whoever is faster.

#include "stress/stress.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "stress/scenario.h"
#include "support/temporary_directory.h"
#include "weir/store.h"

namespace weir::testing {
namespace {

TEST_CASE("all functions called at once from many threads keep every order and lose nothing") {
  CallTable table;
  uint64_t calls = 0;
  for (size_t number = 0; number < Scenarios().size(); ++number) {
    INFO(Scenarios()[number].name);
    const StressResult result = RunStress(Scenarios()[number], 40, /*seed=*/number, &table);
    CHECK(result.complaints == "");
    calls += result.calls;
  }

  CHECK(calls >= 1'000);
  CHECK(table.CalledByFewerThan(2) == std::vector<std::string>{});
}

// What a reader sees that never waits, while another thread appends.
struct Race {
  TemporaryDirectory directory;
  std::unique_ptr<MessageStore> store;
  std::atomic<bool> is_done{false};
  uint64_t seen = 0;
  uint64_t damaged = 0;
  uint64_t halves = 0;  // of batches

  Race() {
    auto opened = MessageStore::Open({.directory = directory / "store",
                                      .segment_bytes = 1 << 20,
                                      .front_bytes = 1 << 20,
                                      .front_directory = directory / "."});
    REQUIRE(opened.ok());
    store = *std::move(opened);
    REQUIRE(store->CreateTopic("orders", 1).ok());
  }

  // Until all are seen that were there when `is_done` was set. Batches are of `batch` messages.
  void Look(uint64_t batch) {
    for (bool is_last = false; !is_last;) {
      is_last = is_done.load();
      for (bool more = true; more;) {
        const uint64_t before = seen;
        LookOnce();
        more = seen != before;
        // Half of one may have been entered when the look began; the other half is there then.
        if (seen % batch == 0) continue;
        const uint64_t half = seen;
        LookOnce();
        halves += seen == half ? 1 : 0;
      }
    }
  }
  void LookOnce() {
    const auto result = store->Read("orders", 0, QueueOffset(seen), {.max_messages = 64});
    if (!result.ok() || result->outcome() == ReadOutcome::kDamaged) ++damaged;
    if (!result.ok()) return;
    for (const MessageView& message : *result) {
      const char expected = static_cast<char>('a' + message.queue_offset().value() % 26);
      if (message.body() != std::string(message.body().size(), expected)) ++damaged;
    }
    seen = result->next_offset().value();
  }
};

TEST_CASE("who reads while another thread appends sees whole messages, of whole batches") {
  constexpr uint64_t kMessages = 8'000;
  const uint64_t batch = GENERATE(uint64_t{1}, uint64_t{8});
  Race race;
  std::thread reader([&] { race.Look(batch); });
  uint64_t failures = 0;
  for (uint64_t offset = 0; offset < kMessages; offset += batch) {
    std::vector<std::string> bodies;
    for (uint64_t i = offset; i < offset + batch; ++i) {
      bodies.emplace_back(1500, static_cast<char>('a' + i % 26));
    }
    std::vector<Message> messages;
    for (const std::string& body : bodies) messages.push_back({.topic = "orders", .body = body});
    const absl::Status status = batch == 1 ? race.store->Append(messages.front()).status()
                                           : race.store->Append(messages).status();
    failures += status.ok() ? 0 : 1;
  }
  race.is_done = true;
  reader.join();

  CHECK(failures == 0);
  CHECK(race.seen == kMessages);
  CHECK(race.damaged == 0);
  CHECK(race.halves == 0);
  // Nor was anything written that its writer found half made.
  CHECK(race.store->state() == StoreState::kHealthy);
  CHECK(race.store->Close().ok());
}

}  // namespace
}  // namespace weir::testing
