#include "store/topic_totals.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "store/small_engine.h"

namespace weir::testing {
namespace {

using internal::TopicCatalogue;
using internal::TopicTotals;

using Totals = std::map<std::string, std::pair<uint64_t, uint64_t>>;  // messages, bytes

Totals TotalsOf(MessageStore& store) {
  Totals totals;
  for (const TopicInfo& topic : store.Info().topics) {
    totals[topic.name] = {topic.messages, topic.bytes};
  }
  return totals;
}

// Topics with messages in several queues; returns what was appended.
Totals Fill(MessageStore& store, size_t count) {
  Totals totals;
  for (size_t i = 0; i < count; ++i) {
    const std::string body = Numbered(i, 50 + i % 200);
    const std::vector<QueueRef> further = {{"two", 1}, {"three", 0}};
    const bool is_shared = i % 5 == 0;
    const Receipt receipt = Append(
        store,
        {.topic = i % 3 == 0 ? "one" : "two",
         .queue_id = 0,
         .further_queues = is_shared ? absl::MakeConstSpan(further) : absl::Span<const QueueRef>(),
         .body = body});
    std::vector<std::string> topics = {i % 3 == 0 ? "one" : "two"};
    if (is_shared) topics.insert(topics.end(), {"two", "three"});
    for (const std::string& topic : topics) {
      ++totals[topic].first;
      totals[topic].second += receipt.end - receipt.position;
    }
  }
  return totals;
}

TEST_CASE("messages and bytes of each topic are counted, in each queue that a message is in") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const Totals expected = Fill(*store, 200);
  REQUIRE(expected.size() == 3);
  CHECK(TotalsOf(*store) == expected);
  Flush(*store);
  RunUntilIdle(*store, clock);  // sealing changes no number
  REQUIRE(store->Info().segments[0].has_index);
  CHECK(TotalsOf(*store) == expected);
}

TEST_CASE("an open that reads no sealed segment knows the totals all the same") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Totals expected = Fill(*store, 200);
  Close(*store);
  for (int opens = 0; opens < 3; ++opens) {
    store = OpenStore(SmallOptions(disk, clock));
    CHECK(store->recovery().bytes_read < 4 * kSegment);
    CHECK(TotalsOf(*store) == expected);
    for (const auto& [topic, total] : Fill(*store, 30)) {
      expected[topic].first += total.first;
      expected[topic].second += total.second;
    }
    CHECK(TotalsOf(*store) == expected);
    Close(*store);
  }
  // Nor does it matter where they come from.
  for (const std::string& name : disk.ListFiles("/store")) {
    if (name.find(".index") != std::string::npos) disk.RemoveFile("/store/" + name);
  }
  store = OpenStore(SmallOptions(disk, clock));
  CHECK(TotalsOf(*store) == expected);
}

TEST_CASE("a message that was refused is not counted") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Append(*store, {.topic = "t", .queue_id = 0, .body = "one"});
  const Totals before = TotalsOf(*store);
  const std::string huge(5000, 'x');
  CHECK_FALSE(store->Append({.topic = "t", .queue_id = 0, .body = huge}).ok());
  CHECK(TotalsOf(*store) == before);
}

TEST_CASE("what was given up is no message, neither now nor at the next open nor behind a seal") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Totals expected = Fill(*store, 20);
  const std::vector<QueueRef> further = {{"two", 1}, {"three", 0}};
  for (size_t i = 0; i < 6; ++i) {
    const bool is_shared = i % 2 == 0;
    const auto claim = store->Claim(
        {.topic = "one",
         .queue_id = 0,
         .further_queues = is_shared ? absl::MakeConstSpan(further) : absl::Span<const QueueRef>()},
        300);  // given up at once
    REQUIRE(claim.ok());
  }
  CHECK(TotalsOf(*store) == expected);

  const bool dies = GENERATE(true, false);
  const bool seals = GENERATE(true, false);
  CAPTURE(dies, seals);
  for (const auto& [topic, total] : Fill(*store, seals ? 60 : 1)) {
    expected[topic].first += total.first;
    expected[topic].second += total.second;
  }
  if (seals) RunUntilIdle(*store, clock);
  CHECK(TotalsOf(*store) == expected);
  if (!dies) Close(*store);
  FaultFileSystem after(disk.ProcessDeath());
  disk.Kill();
  store = OpenStore(SmallOptions(after, clock));
  CHECK(TotalsOf(*store) == expected);
  // Voids that the open read are not counted when they are sealed here.
  RunUntilIdle(*store, clock);
  Close(*store);
  CHECK(TotalsOf(*OpenStore(SmallOptions(after, clock))) == expected);
  store = nullptr;  // before the disk it is on
}

TEST_CASE("a claim counts as the record that was committed, however the totals are come by") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Totals expected = Fill(*store, 20);
  const std::vector<QueueRef> further = {{"two", 1}, {"three", 0}};
  for (size_t i = 0; i < 6; ++i) {
    const bool is_shared = i % 2 == 0;
    auto claim = store->Claim(
        {.topic = "one",
         .queue_id = 0,
         .further_queues = is_shared ? absl::MakeConstSpan(further) : absl::Span<const QueueRef>()},
        500);
    REQUIRE(claim.ok());
    const auto receipt = claim->Commit(100);
    REQUIRE(receipt.ok());
    const auto found = store->ReadAt(receipt->position);
    REQUIRE(found.ok());
    const uint64_t bytes = (*found)[0].record_bytes();
    REQUIRE(bytes < 500);
    for (const char* const topic : {"one", "two", "three"}) {
      if (topic != std::string("one") && !is_shared) continue;
      ++expected[topic].first;
      expected[topic].second += bytes;
    }
  }
  CHECK(TotalsOf(*store) == expected);

  for (const auto& [topic, total] : Fill(*store, 60)) {
    expected[topic].first += total.first;
    expected[topic].second += total.second;
  }
  Flush(*store);
  RunUntilIdle(*store, clock);
  REQUIRE(store->Info().segments[0].has_index);
  FaultFileSystem after(disk.ProcessDeath());
  disk.Kill();
  CHECK(TotalsOf(*OpenStore(SmallOptions(after, clock))) == expected);
  for (const std::string& name : after.ListFiles("/store")) {
    if (name.find(".index") != std::string::npos) after.RemoveFile("/store/" + name);
  }
  CHECK(TotalsOf(*OpenStore(SmallOptions(after, clock))) == expected);
}

struct Parts {
  internal::ReaderSlots readers;
  internal::Mutex append_lock;
  internal::ConsumeQueues queues{&readers, &append_lock};
  TopicCatalogue catalogue{&queues};
  TopicTotals totals{&catalogue};

  Parts() {
    REQUIRE(
        catalogue.Add({.name = "one", .first_queue = 0, .queue_count = 2}, LogPosition(0)).ok());
    REQUIRE(
        catalogue.Add({.name = "two", .first_queue = 2, .queue_count = 2}, LogPosition(0)).ok());
  }
  std::pair<uint64_t, uint64_t> Of(absl::string_view topic) const {
    const Topic::Entry* const entry = catalogue.Find(topic);
    return {entry->messages.load(), entry->bytes.load()};
  }
};

using Total = std::pair<uint64_t, uint64_t>;

TEST_CASE("what is saved is the sum up to the segment that is being sealed, of changed topics") {
  Parts parts;
  const LogPosition any(0);
  parts.totals.CountRun(0, 3, 300);
  parts.totals.CountRun(1, 1, 50);
  parts.totals.CountRun(9, 7, 700);  // of no topic
  parts.totals.Settle();
  parts.totals.CountRun(3, 2, 100);
  const std::string everything = parts.totals.SaveAll(any);
  const std::string changes = parts.totals.SaveChanges(any, any);

  Parts from_all;
  REQUIRE(from_all.totals.Load(everything).ok());
  CHECK(from_all.Of("one") == Total(4, 350));
  CHECK(from_all.Of("two") == Total(2, 100));
  Parts from_changes;
  REQUIRE(from_changes.totals.Load(changes).ok());
  CHECK(from_changes.Of("one") == Total(0, 0));
  CHECK(from_changes.Of("two") == Total(2, 100));
  // What was loaded goes on to be counted from there.
  from_all.totals.CountRun(2, 1, 60);
  Parts next;
  REQUIRE(next.totals.Load(from_all.totals.SaveAll(any)).ok());
  CHECK(next.Of("two") == Total(3, 160));
}

TEST_CASE("a sealing that failed is counted once, when it is done again") {
  Parts parts;
  const LogPosition any(0);
  parts.totals.CountRun(0, 3, 300);
  parts.totals.Forget();
  parts.totals.CountRun(0, 3, 300);
  Parts loaded;
  REQUIRE(loaded.totals.Load(parts.totals.SaveAll(any)).ok());
  CHECK(loaded.Of("one") == Total(3, 300));
}

TEST_CASE("totals of no topic and totals that are cut off are damage") {
  Parts parts;
  const LogPosition any(0);
  parts.totals.CountRun(0, 3, 300);
  const std::string saved = parts.totals.SaveAll(any);
  for (size_t size = 1; size < saved.size(); ++size) {
    Parts other;
    CHECK(absl::IsDataLoss(other.totals.Load({saved.data(), size})));
    CHECK(other.Of("one") == Total(0, 0));
  }
  std::string strange = saved;
  for (const char first : {'\x01', '\x09'}) {  // inside a topic, and of none
    strange[0] = first;
    Parts other;
    CHECK(absl::IsDataLoss(other.totals.Load(strange)));
  }
}

}  // namespace
}  // namespace weir::testing
