// Where the newest message of each key stands: what is saved of it, and what is carried on.

#include "store/latest_keys.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "format/message_copy.h"
#include "log/log_scanner.h"
#include "store/latest_carrier.h"
#include "store/small_engine.h"

namespace weir::testing {
namespace {

using internal::DecodeCopy;
using internal::LatestCarrier;
using internal::LatestKeys;
using internal::LogScanner;
using internal::ScannedRecord;

struct Keys {
  Keys() { REQUIRE(engine->CreateTopic("k", {.queue_count = 1, .is_compacted = true}).ok()); }

  LogPosition Put(absl::string_view key, absl::string_view body = "x") {
    return Append(*engine, {.topic = "k", .queue_id = 0, .keys = {key}, .body = body}).position;
  }
  // Into the next segment but one; all before it is sealed.
  LogPosition Pass() {
    AppendNumbered(*engine, 0, 20, 400);
    SealAll(*engine);
    return engine->indexer().sealed_end();
  }
  LatestKeys& keys() {
    REQUIRE(engine->indexer().DigestVisible().ok());
    return engine->latest_keys();
  }
  std::optional<LogPosition> Place(absl::string_view key) {
    const auto kept = keys().Find(Find(*engine, "k").first_queue, key);
    return kept ? std::optional(kept->place) : std::nullopt;
  }
  LatestCarrier Carrier() {
    return LatestCarrier({.log = &engine->log(),
                          .view = &engine->view(),
                          .indexer = &engine->indexer(),
                          .keys = &engine->latest_keys(),
                          .clock = &clock_of_ages});
  }
  // The first positions of all copies in the log.
  std::vector<LogPosition> Copies() {
    std::vector<LogPosition> firsts;
    LogScanner scanner(engine->view(), LogPosition(0), engine->view().ContiguousVisibleEnd());
    for (;;) {
      ScannedRecord record;
      DamagedRange damage;
      const auto step = scanner.Next(&record, &damage);
      REQUIRE(step.ok());
      REQUIRE(*step != LogScanner::Step::kDamage);
      if (*step == LogScanner::Step::kEnd) return firsts;
      if (const auto copy = DecodeCopy(record.bytes)) firsts.push_back(copy->first);
    }
  }

  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<Engine> engine = OpenEngine(SmallOptions(disk, clock));
  internal::RetentionClock clock_of_ages{&clock, nullptr};
};

TEST_CASE("what is saved with a segment shows nothing of a key that stands behind it") {
  Keys all;
  const LogPosition old = all.Put("a");
  all.Put("b");
  const LogPosition first_end = all.engine->log().front().claimed_end();
  AppendNumbered(*all.engine, 0, 20, 250);
  const LogPosition newer = all.Put("a");
  all.Put("b", "");
  const LogPosition added = all.Put("c");
  const LogPosition end = all.engine->log().front().claimed_end();
  LatestKeys& keys = all.keys();
  CHECK(keys.keys() == 2);

  const auto load = [&](const std::string& saved) {
    auto into = std::make_unique<LatestKeys>(&all.engine->view(), &all.engine->indexer(),
                                             &all.engine->catalogue(), nullptr);
    REQUIRE(into->Load(saved).ok());
    return into;
  };
  const uint32_t topic = Find(*all.engine, "k").first_queue;
  const auto early = load(keys.SaveAll(first_end));
  CHECK(early->Find(topic, "a")->place == old);
  CHECK(early->Find(topic, "b").has_value());
  CHECK_FALSE(early->Find(topic, "c").has_value());
  const auto late = load(keys.SaveAll(end));
  REQUIRE(early->Load(keys.SaveChanges(first_end, end)).ok());
  for (LatestKeys* const loaded : {late.get(), early.get()}) {
    CHECK(loaded->Find(topic, "a")->place == newer);
    CHECK_FALSE(loaded->Find(topic, "b").has_value());
    CHECK(loaded->Find(topic, "c")->place == added);
    CHECK(loaded->copy_bytes() == keys.copy_bytes());
    CHECK(loaded->FindOldest(end)->key == "a");
  }
  const std::string saved = keys.SaveAll(end);
  for (size_t size = 1; size < saved.size(); ++size) {
    LatestKeys cut(&all.engine->view(), &all.engine->indexer(), &all.engine->catalogue(), nullptr);
    const absl::Status loaded = cut.Load({saved.data(), size});
    CHECK((loaded.ok() || absl::IsDataLoss(loaded)));
  }
}

TEST_CASE("deleted keys take no memory once no index file has to tell of them") {
  Keys all;
  CHECK(all.keys().memory_bytes() == 0);
  for (int i = 0; i < 10; ++i) all.Put(absl::StrCat("a long key that is kept elsewhere ", i));
  const uint64_t memory = all.keys().memory_bytes();
  CHECK(memory > 10 * 100);
  CHECK(memory < 10 * 400);
  CHECK(all.keys().copy_bytes() > 10 * 100);
  for (int i = 0; i < 10; ++i) all.Put(absl::StrCat("a long key that is kept elsewhere ", i), "");
  CHECK(all.keys().keys() == 0);
  CHECK(all.keys().copy_bytes() == 0);
  all.Pass();
  AppendNumbered(*all.engine, 0, 1, 10);
  CHECK(all.keys().memory_bytes() == 0);
}

TEST_CASE("a key whose topic was deleted since it was heard of is forgotten, and carried no more") {
  Keys all;
  all.Put("a");
  const LogPosition below = all.Pass();
  REQUIRE(all.keys().keys() == 1);
  // The deletion counts, and what was appended beside it is there.
  const Topic::Entry& topic = Find(*all.engine, "k");
  internal::TopicRecord deleted = internal::RecordOf(topic);
  deleted.is_deleted = true;
  all.engine->catalogue().Change(topic, deleted, LogPosition(topic.recorded.load()));

  LatestCarrier carrier = all.Carrier();
  const auto carried = carrier.Carry(below);
  INFO(carried.status());
  REQUIRE(carried.ok());
  CHECK(all.Copies().empty());
  CHECK(all.keys().keys() == 0);
}

TEST_CASE("only what stands below and is the newest is carried, and once is enough") {
  Keys all;
  const LogPosition old = all.Put("old");
  all.Put("changed");
  all.Put("deleted");
  const LogPosition below = all.Pass();
  all.Put("changed");
  all.Put("deleted", "");
  const LogPosition young = all.Put("young");
  LatestCarrier carrier = all.Carrier();
  const auto carried = carrier.Carry(below);
  INFO(carried.status());
  REQUIRE(carried.ok());
  CHECK(*carried > 0);
  CHECK(carrier.copies() == 1);
  CHECK(all.Copies() == std::vector<LogPosition>{old});
  CHECK(*all.Place("old") > young);
  CHECK(*all.Place("young") == young);
  CHECK(all.keys().FindCopy(old) == all.Place("old"));
  CHECK(all.keys().FindCopy(young) == std::nullopt);
  CHECK(*carrier.Carry(below) == 0);
  CHECK_FALSE(carrier.HasAny(below));
  // A copy is carried as what it is a copy of.
  REQUIRE(carrier.Carry(all.Pass()).ok());
  CHECK(carrier.copies() == 4);
  CHECK(all.Copies()[2] == young);
  CHECK(all.Copies()[3] == old);
}

TEST_CASE("no copy stands behind what superseded it while its place was claimed") {
  Keys all;
  all.Put("k");
  const LogPosition below = all.Pass();
  std::atomic<bool> holds{false};
  absl::Status committed;
  std::thread holder([&] {
    auto claim = all.engine->Claim({.topic = "k", .keys = {"k"}}, 0, absl::InfiniteDuration());
    const LogPosition claimed_end = all.engine->log().front().claimed_end();
    holds = true;
    // Until a place was claimed behind it in vain.
    while (claim.ok() && all.engine->log().front().claimed_end() == claimed_end) {
      std::this_thread::yield();
    }
    committed = claim.ok() ? all.engine->Commit(*claim, 0, {}).status() : claim.status();
  });
  while (!holds) std::this_thread::yield();
  LatestCarrier carrier = all.Carrier();
  const auto carried = carrier.Carry(below);
  holder.join();
  CHECK(committed.ok());
  INFO(carried.status());
  REQUIRE(carried.ok());
  CHECK(*carried == 0);
  CHECK(all.Copies().empty());
  CHECK(all.Place("k") == std::nullopt);
}

TEST_CASE("a bounded piece is carried at a time") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.segment_bytes = uint64_t{8} << 20;
  options.front_bytes = uint64_t{4} << 20;
  auto engine = OpenEngine(options);
  REQUIRE(engine->CreateTopic("k", {.queue_count = 1, .is_compacted = true}).ok());
  const std::string body(200 << 10, 'x');
  for (int i = 0; i < 50; ++i) {
    Append(*engine, {.topic = "k", .keys = {absl::StrCat(i)}, .body = body});
  }
  SealAll(*engine);
  internal::RetentionClock clock_of_ages(&clock, nullptr);
  LatestCarrier carrier({.log = &engine->log(),
                         .view = &engine->view(),
                         .indexer = &engine->indexer(),
                         .keys = &engine->latest_keys(),
                         .clock = &clock_of_ages});
  const LogPosition below = engine->indexer().sealed_end();
  int pieces = 0;
  for (bool more = true; more; ++pieces) {
    const auto bytes = carrier.CarrySome(below, &more);
    REQUIRE(bytes.ok());
    CHECK(*bytes <= LatestCarrier::kBytesPerStep + body.size() + 200);
  }
  CHECK(pieces >= 6);
  CHECK(engine->latest_keys().keys() == 50);
}

}  // namespace
}  // namespace weir::testing
