// What becomes of a store whose own code breaks a promise. It is broken here where the library
// calls out: to the file system inside a step, to the clock inside a call.

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "api/small_store.h"
#include "base/status_macros.h"
#include "weir/commit_log.h"

namespace weir::testing {
namespace {

constexpr absl::string_view kBroken = "broken promise: 2 + 2 == 5";

void BreakPromise() { HOLDS(2 + 2 == 5); }

// Breaks one promise at the next call of this kind on such a name.
void BreakAt(FaultFileSystem& disk, OperationKind kind, const std::string& name_contains = "") {
  auto is_armed = std::make_shared<std::atomic<bool>>(true);
  disk.SetHook([=](const Operation& operation) {
    if (operation.kind != kind || !absl::StrContains(operation.name, name_contains)) return;
    if (is_armed->exchange(false)) BreakPromise();
  });
}

// Between the plan of an append and its place in the log the time is looked up.
class HookedClock final : public Clock {
 public:
  int64_t WallNanos() override {
    if (const auto hook = std::exchange(at_next_look, nullptr)) hook();
    return time.WallNanos();
  }
  int64_t MonotonicNanos() override { return time.MonotonicNanos(); }

  ManualClock time;
  std::function<void()> at_next_look;
};

struct Told final : StateListener {
  void OnState(StoreState state, const std::string& reason) override {
    calls.emplace_back(state, reason);
  }
  std::vector<std::pair<StoreState, std::string>> calls;
};

void CheckReadOnly(MessageStore& store) {
  CHECK(store.state() == StoreState::kReadOnly);
  CHECK(absl::StrContains(store.Info().reason, "broken_promises_test.cc:"));
  CHECK(absl::StrContains(store.Info().reason, kBroken));
  for (const size_t bytes : {size_t{1}, kSmallBodyMax}) {
    const absl::Status refused =
        store.Append({.topic = "t", .queue_id = 0, .body = std::string(bytes, 'x')}).status();
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(absl::StrContains(refused.message(), kBroken));
  }
  CHECK(absl::IsFailedPrecondition(store.CreateTopic("another", 1).status()));
}

TEST_CASE("a promise that breaks in a step makes the store read-only, and the listener is told") {
  const auto [kind, name] = GENERATE(table<OperationKind, std::string>({
      {OperationKind::kWrite, "0000"},     // the writer
      {OperationKind::kSync, "0000"},      // the syncer
      {OperationKind::kAllocate, "0000"},  // the preparer
      {OperationKind::kCreate, ".index"},  // the sealer
      {OperationKind::kWrite, "superblock"},
  }));
  FaultFileSystem disk;
  ManualClock clock;
  Told told;
  StoreOptions options = SmallOptions(disk, clock);
  options.state_listener = &told;
  auto store = OpenStore(options);
  AppendNumbered(*store, "t", 0, 3, 500);
  RunUntilIdle(*store, clock);
  AppendNumbered(*store, "t", 3, 12, 500);
  REQUIRE(told.calls.empty());

  BreakAt(disk, kind, name);
  for (int i = 0; i < 100 && store->state() != StoreState::kReadOnly; ++i) {
    clock.Advance(absl::Seconds(1));
    store->RunOnce();
  }

  CheckReadOnly(*store);
  for (int i = 0; i < 20; ++i) store->RunOnce();
  REQUIRE(told.calls.size() == 1);
  CHECK(told.calls[0].first == StoreState::kReadOnly);
  CHECK(absl::StrContains(told.calls[0].second, kBroken));
  // What was appended is read, is written, and is there when the store is opened again.
  CHECK(AllOf(*store, "t", 0) == NumberedBodies(0, 15, 500));
  CHECK_FALSE(store->Close().ok());
  store.reset();
  auto again = OpenStore(SmallOptions(disk, clock));
  CHECK(again->state() == StoreState::kHealthy);
  CHECK(AllOf(*again, "t", 0) == NumberedBodies(0, 15, 500));
  AppendNumbered(*again, "t", 15, 1, 500);
}

TEST_CASE("who waits for a sync whose promise breaks is told that it is not confirmed") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.background = GENERATE(Background::kManual, Background::kThreads);
  auto store = OpenStore(options);
  Append(*store, {.topic = "t", .queue_id = 0, .body = "one"});
  Flush(*store);
  BreakAt(disk, OperationKind::kSync, "0000");

  const auto receipt = store->Append({.topic = "t", .queue_id = 0, .body = "two"},
                                     {.durability = Durability::kDisk});

  CHECK((absl::IsDataLoss(receipt.status()) || absl::IsInternal(receipt.status())));
  CHECK(absl::StrContains(receipt.status().message(), kBroken));
  CheckReadOnly(*store);
  CHECK(AllOf(*store, "t", 0) == Words{"one", "two"});
}

TEST_CASE("before an append has a place, a broken promise is its error and nothing is written") {
  FaultFileSystem disk;
  HookedClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const LogPosition end = store->Info().end;

  clock.at_next_look = BreakPromise;
  const absl::Status status = store->Append({.topic = "t", .queue_id = 0, .body = "x"}).status();

  CHECK(absl::IsInternal(status));
  CHECK(absl::StrContains(status.message(), kBroken));
  CHECK(store->Info().end == end);
  CHECK(store->Info().topics.empty());
  CheckReadOnly(*store);
  store.reset();
  auto again = OpenStore(SmallOptions(disk, clock));
  CHECK(Append(*again, {.topic = "t", .queue_id = 0, .body = "x"}).queue_offset == QueueOffset(0));
}

TEST_CASE("between its place and its publication a broken promise makes a record a void") {
  enum class Way { kAppend, kAsync, kBatch, kClaim };
  const Way way = GENERATE(Way::kAppend, Way::kAsync, Way::kBatch, Way::kClaim);
  FaultFileSystem disk;
  HookedClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Append(*store, {.topic = "t", .queue_id = 0, .body = "before"});
  auto open = store->Claim({.topic = "t", .queue_id = 0}, 4);
  REQUIRE(open.ok());

  // The key of one grows when its size is known, as if it had been measured wrong.
  const Message good{.topic = "t", .queue_id = 0, .body = "good"};
  std::vector<Message> messages = {good, good, good};
  Message& bad = messages[1];
  bad.keys = {"k"};
  clock.at_next_look = [&] { bad.keys[0] = "a key that is longer by far than the one before"; };
  int called = 0;
  absl::Status told;
  absl::Status status;
  uint64_t voids = 1;
  if (way == Way::kAppend) status = store->Append(bad).status();
  if (way == Way::kClaim) status = store->Claim(bad, 3).status();
  if (way == Way::kBatch) {
    voids = 3;
    status = store->Append(messages).status();
  }
  if (way == Way::kAsync) {
    CHECK(store
              ->AppendAsync(bad, {},
                            [&](const absl::Status& how, const Receipt&) {
                              ++called;
                              told = how;
                            })
              .ok());
    CHECK(called == 0);  // what stands before it is not published
  } else {
    CHECK(absl::IsInternal(status));
    CHECK(absl::StrContains(status.message(), "lib/format/record.cc:"));
  }
  CHECK(store->state() == StoreState::kReadOnly);
  CHECK(absl::StrContains(store->Info().reason, "lib/format/record.cc:"));

  // Others are not hurt: who has a place publishes there, and nothing waits for the void.
  std::copy_n("open", 4, open->body().begin());
  const auto receipt = open->Commit(4);
  REQUIRE(receipt.ok());
  for (int i = 0; i < 20; ++i) {
    clock.time.Advance(absl::Seconds(1));
    store->RunOnce();
  }
  if (way == Way::kAsync) {
    CHECK(called == 1);
    CHECK(absl::IsDataLoss(told));
    CHECK(absl::StrContains(told.message(), "broken promise"));
  }
  CHECK(store->Info().durable == store->Info().end);
  CHECK(AllOf(*store, "t", 0) == Words{"before", "open"});
  CHECK(BoundsOf(*store, "t", 0).second == 2 + voids);
  CHECK(store->Info().topics[0].messages == 2);
  CHECK(store->Verify()->findings.empty());

  // Each of its numbers is used.
  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  auto again = OpenStore(SmallOptions(after, clock));
  CHECK(AllOf(*again, "t", 0) == Words{"before", "open"});
  CHECK(Append(*again, good).queue_offset == QueueOffset(2 + voids));
  CHECK(again->Info().topics[0].messages == 3);
}

TEST_CASE(
    "a promise that breaks in an open fails it, wherever that is, and the next one is whole") {
  FaultFileSystem disk;
  ManualClock clock;
  {
    auto store = OpenStore(SmallOptions(disk, clock));
    AppendNumbered(*store, "t", 0, 30, 500);
    RunUntilIdle(*store, clock);
    AppendNumbered(*store, "t", 30, 5, 500);
  }
  const bool is_power_loss = GENERATE(false, true);
  const CrashImage image =
      is_power_loss ? disk.PowerLoss(LossPlan::LoseEverything()) : disk.ProcessDeath();
  uint64_t tried = 0;
  for (bool is_over = false; !is_over; ++tried) {
    FaultFileSystem machine(image);
    uint64_t calls = 0;
    machine.SetHook([&](const Operation&) {
      if (calls++ == tried) BreakPromise();
    });
    const auto opened = MessageStore::Open(SmallOptions(machine, clock));
    is_over = calls <= tried;
    INFO(tried << " " << opened.status());
    REQUIRE(opened.ok() == is_over);
    if (is_over) break;
    CHECK(absl::IsInternal(opened.status()));
    CHECK(absl::StrContains(opened.status().message(), kBroken));

    machine.SetHook(nullptr);
    auto again = OpenStore(SmallOptions(machine, clock));
    CHECK(again->state() == StoreState::kHealthy);
    REQUIRE(AllOf(*again, "t", 0) == NumberedBodies(0, 35, 500));
  }
  CHECK(tried >= 20);
}

TEST_CASE("a reading process whose promise breaks says so and reads on") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "t", 0, 30, 500);
  RunUntilIdle(*store, clock);
  auto machine = disk.AnotherProcess();
  StoreOptions options = SmallOptions(*machine, clock);
  options.read_only = true;
  auto reader = OpenStore(options);
  REQUIRE(reader->state() == StoreState::kHealthy);

  BreakAt(disk, OperationKind::kRead);
  const auto result = reader->Read("t", 0, QueueOffset(0));

  CHECK(absl::IsInternal(result.status()));
  CHECK(reader->state() == StoreState::kReadOnly);
  CHECK(absl::StrContains(reader->Info().reason, kBroken));
  CHECK(AllOf(*reader, "t", 0) == NumberedBodies(0, 30, 500));
  CHECK(store->state() == StoreState::kHealthy);
}

TEST_CASE("a journal whose promise breaks takes no records, and gives those that it has") {
  FaultFileSystem disk;
  HookedClock clock;
  auto opened = CommitLog::Open(SmallOptions(disk, clock));
  REQUIRE(opened.ok());
  CommitLog& journal = **opened;
  const bool in_batch = GENERATE(false, true);
  const std::vector<absl::string_view> bodies = {"two", "three"};
  REQUIRE(journal.Append("one").ok());
  const LogPosition end = journal.end();

  // At the look behind which it gets its place.
  clock.at_next_look = BreakPromise;
  const absl::Status status =
      in_batch ? journal.Append(bodies).status() : journal.Append("two").status();

  CHECK(absl::IsInternal(status));
  CHECK(journal.state() == StoreState::kReadOnly);
  CHECK(absl::IsFailedPrecondition(journal.Append("four").status()));
  CHECK(journal.end() > end);
  for (int i = 0; i < 10; ++i) journal.RunOnce();
  const auto read = journal.Read(LogPosition(0), 100);
  REQUIRE(read.ok());
  REQUIRE(read->entries.size() == 1);
  CHECK(read->entries[0].body == "one");
  CHECK(read->damage.empty());
  CHECK(read->next == journal.end());
}

TEST_CASE("a promise that breaks while one store calls back is that store's and nobody else's") {
  FaultFileSystem disk;
  FaultFileSystem other_disk;
  HookedClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  auto other = OpenStore(SmallOptions(other_disk, clock));
  Append(*store, {.topic = "t", .queue_id = 0, .body = "one"});
  int called = 0;
  const auto call_other = [&](const absl::Status&, const Receipt&) {
    ++called;
    CHECK(other->Append({.topic = "t", .queue_id = 0, .body = "x"}).ok());
  };
  REQUIRE(store
              ->AppendAsync({.topic = "t", .queue_id = 0, .body = "two"},
                            {.durability = Durability::kDisk}, call_other)
              .ok());

  BreakAt(disk, OperationKind::kSync, "0000");
  for (int i = 0; i < 20; ++i) {
    clock.time.Advance(absl::Seconds(1));
    store->RunOnce();
  }

  CHECK(called == 1);
  CHECK(store->state() == StoreState::kReadOnly);
  CHECK(other->state() == StoreState::kHealthy);
}

}  // namespace
}  // namespace weir::testing
