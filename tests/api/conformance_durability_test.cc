// What a message store must do, as its users know it from RocketMQ: durability, waiting, dying.

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "api/small_store.h"
#include "support/oracle.h"
#include "support/send_history.h"

namespace weir::testing {
namespace {

TEST_CASE("kDisk returns when the sync covers it; kProcess returns without one", "[c19]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 1).ok());
  const uint64_t syncs = store->Stats().syncs;

  const Receipt process = Append(*store, {.topic = "t", .queue_id = 0, .body = "one"});
  CHECK(process.reached == Durability::kProcess);
  CHECK(store->Stats().syncs == syncs);
  CHECK(store->Info().durable < process.end);

  const Receipt durable = Append(*store, {.topic = "t", .queue_id = 0, .body = "two"},
                                 {.durability = Durability::kDisk});
  CHECK(durable.reached == Durability::kDisk);
  CHECK(store->Info().durable >= durable.end);
  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  CHECK(AllOf(*OpenStore(SmallOptions(after, clock)), "t", 0) == Words{"one", "two"});
}

TEST_CASE("with visibility on_durable nothing is seen before its sync, else all at once", "[c20]") {
  const Visibility visibility = GENERATE(Visibility::kOnAppend, Visibility::kOnDurable);
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.visibility = visibility;
  auto store = OpenStore(options);
  REQUIRE(store->CreateTopic("t", 1).ok());

  AppendNumbered(*store, "t", 0, 5, 20);

  const bool is_seen = visibility == Visibility::kOnAppend;
  CHECK(BoundsOf(*store, "t", 0).second == (is_seen ? 5 : 0));
  CHECK(Read(*store, "t", 0, 0).size() == (is_seen ? 5 : 0));
  CHECK(store->ReadTopic("t", LogPosition(0))->size() == (is_seen ? 5 : 0));
  CHECK(store->ReadLast("t", 0, 3)->size() == (is_seen ? 3 : 0));
  Flush(*store);
  CHECK(BoundsOf(*store, "t", 0).second == 5);
  CHECK(Read(*store, "t", 0, 0).size() == 5);
}

TEST_CASE("after a hole left by a power loss Open says which offsets of which queues it left out") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("orders", 2).ok());
  AppendNumbered(*store, "orders", 0, 2, 20);
  Flush(*store);
  const Receipt hole = Append(*store, {.topic = "orders", .queue_id = 0, .body = "hole"});
  AppendNumbered(*store, "orders", 3, 3, 20);
  Append(*store, {.topic = "orders", .queue_id = 1, .body = "other"});
  // Written and not synced: all of it happens to reach the disk but one record.
  store->RunOnce();
  FaultFileSystem after(disk.PowerLoss(LossPlan::KeepEverything()));
  disk.Kill();
  FlipBit(after, hole.position + 20);

  // Who only reads is told the same before anybody writes.
  StoreOptions reading = SmallOptions(after, clock);
  reading.read_only = true;
  const RecoveryReport foretold = OpenStore(reading)->recovery();

  auto again = OpenStore(SmallOptions(after, clock));
  const RecoveryReport& report = again->recovery();
  CHECK(foretold.end == report.end);
  CHECK(foretold.last_sync == report.last_sync);
  CHECK(foretold.dropped_bytes == report.dropped_bytes);
  CHECK(foretold.dropped_records == report.dropped_records);
  REQUIRE(foretold.dropped_offsets.size() == report.dropped_offsets.size());
  for (size_t i = 0; i < foretold.dropped_offsets.size(); ++i) {
    CHECK(foretold.dropped_offsets[i].topic == report.dropped_offsets[i].topic);
    CHECK(foretold.dropped_offsets[i].first == report.dropped_offsets[i].first);
    CHECK(foretold.dropped_offsets[i].end == report.dropped_offsets[i].end);
  }
  CHECK(report.damage.empty());
  CHECK(report.dropped_records >= 4);
  REQUIRE(report.dropped_offsets.size() == 2);
  CHECK(report.dropped_offsets[0].topic == "orders");
  CHECK(report.dropped_offsets[0].queue_id == 0);
  CHECK(report.dropped_offsets[0].first == QueueOffset(3));  // 2 was not found
  CHECK(report.dropped_offsets[0].end == QueueOffset(6));
  CHECK(report.dropped_offsets[1].queue_id == 1);
  CHECK(report.dropped_offsets[1].first == QueueOffset(0));
  CHECK(report.dropped_offsets[1].end == QueueOffset(1));
  CHECK(AllOf(*again, "orders", 0) == NumberedBodies(0, 2, 20));
}

// Lets no sync of a segment end before Open().
class SyncGate {
 public:
  explicit SyncGate(FaultFileSystem& disk) : disk_(disk) {
    disk_.SetHook([this](const Operation& operation) {
      if (operation.kind != OperationKind::kSync) return;
      std::unique_lock<std::mutex> lock(mutex_);
      ++waiting_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return is_open_; });
    });
  }
  ~SyncGate() {
    Open();
    disk_.SetHook(nullptr);
  }
  void AwaitSync() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }
  void Open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }

 private:
  FaultFileSystem& disk_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool is_open_ = false;
};

TEST_CASE("a deadline ends the wait for a sync that hangs, and the receipt says how far it came",
          "[c21]") {
  FaultFileSystem disk;
  StoreOptions options = SmallOptions(disk, *Clock::System());
  options.background = Background::kThreads;
  auto store = OpenStore(options);
  REQUIRE(store->CreateTopic("t", 1).ok());
  SyncGate gate(disk);

  const Receipt receipt =
      Append(*store, {.topic = "t", .queue_id = 0, .body = "one"},
             {.durability = Durability::kDisk, .timeout = absl::Milliseconds(5)});
  CHECK(receipt.reached == Durability::kProcess);
  gate.AwaitSync();
  const auto still = store->WaitFor(receipt, Durability::kDisk, absl::Milliseconds(1));
  REQUIRE(still.ok());
  CHECK(*still == Durability::kProcess);
  // Readers and other producers go on meanwhile.
  CHECK(AllOf(*store, "t", 0) == Words{"one"});
  Append(*store, {.topic = "t", .queue_id = 0, .body = "two"});

  gate.Open();
  const auto reached = store->WaitFor(receipt, Durability::kDisk);
  REQUIRE(reached.ok());
  CHECK(*reached == Durability::kDisk);
}

TEST_CASE("many durable appends in flight share a sync", "[c22]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 1).ok());
  const uint64_t syncs = store->Stats().syncs;
  size_t confirmed = 0;

  for (size_t i = 0; i < 100; ++i) {
    const std::string body = Numbered(i, 20);
    REQUIRE(store
                ->AppendAsync({.topic = "t", .queue_id = 0, .body = body},
                              {.durability = Durability::kDisk},
                              [&](const absl::Status& status, const Receipt& receipt) {
                                if (status.ok() && receipt.reached == Durability::kDisk) {
                                  ++confirmed;
                                }
                              })
                .ok());
  }
  for (int i = 0; i < 10 && confirmed < 100; ++i) RunUntilIdle(*store, clock);

  CHECK(confirmed == 100);
  CHECK(store->Stats().syncs - syncs <= 4);
  CHECK(store->Stats().sync_waiters >= 100);
}

TEST_CASE("threads that wait for the disk together share their syncs", "[c22]") {
  FaultFileSystem disk;
  StoreOptions options = SmallOptions(disk, *Clock::System());
  options.background = Background::kThreads;
  auto store = OpenStore(options);
  REQUIRE(store->CreateTopic("t", 1).ok());
  SyncGate gate(disk);
  const uint64_t syncs = store->Stats().syncs;
  std::atomic<int> appended{0};

  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      const auto receipt = store->Append({.topic = "t", .queue_id = 0, .body = "body"},
                                         {.durability = Durability::kDisk});
      if (receipt.ok() && receipt->reached == Durability::kDisk) ++appended;
    });
  }
  // All of them are in the log before the first sync may end.
  gate.AwaitSync();
  while (store->Stats().appends < 16 || BoundsOf(*store, "t", 0).second < 16) {
    std::this_thread::yield();
  }
  gate.Open();
  for (std::thread& thread : threads) thread.join();

  CHECK(appended == 16);
  CHECK(store->Stats().syncs - syncs <= 3);
}

TEST_CASE("a flush makes durable what was written when it was called, in the time that it has",
          "[c23]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 1).ok());
  const LogPosition durable = store->Info().durable;
  const std::vector<Receipt> receipts = AppendNumbered(*store, "t", 0, 20, 400);

  CHECK(absl::IsDeadlineExceeded(store->Flush(absl::ZeroDuration())));
  CHECK(store->Info().durable == durable);
  Flush(*store);
  CHECK(store->Info().durable >= receipts.back().end);
  CHECK(store->Info().durable <= store->Info().written);
  CHECK(store->Info().written <= store->Info().end);
  const uint64_t syncs = store->Stats().syncs;
  Flush(*store);
  CHECK(store->Stats().syncs == syncs);
}

TEST_CASE("at whatever call the process is killed or the power goes, the acknowledged is there",
          "[c24]") {
  FaultFileSystem disk;
  ManualClock clock;
  SendHistory history;
  struct Moment {
    CrashImage image;
    uint64_t as_of;
  };
  std::vector<Moment> moments;
  {
    auto store = OpenStore(SmallOptions(disk, clock));
    disk.SetHook([&](const Operation&) { moments.push_back({disk.Freeze(), history.now()}); });
    history.DeclareTopic("t", 2);
    REQUIRE(store->CreateTopic("t", 2).ok());
    history.AcknowledgeTopic("t");
    for (uint32_t i = 0; i < 40; ++i) {
      const size_t sent = history.Send({.queues = {{"t", i % 2}}, .body_bytes = 20 + i * 15});
      history.Settle(sent, store->Append(history[sent].message(),
                                         {.durability = i % 5 == 0 ? Durability::kDisk
                                                                   : Durability::kProcess}));
      moments.push_back({disk.Freeze(), history.now()});
      if (i % 8 == 0) RunUntilIdle(*store, clock);
    }
    disk.SetHook(nullptr);
  }

  for (size_t i = 0; i < moments.size(); ++i) {
    INFO("moment " << i);
    FaultFileSystem killed(moments[i].image.ProcessDeath());
    const Verdict after_kill =
        Examine(*OpenStore(SmallOptions(killed, clock)), history,
                {.as_of = moments[i].as_of, .survives = Durability::kProcess});
    INFO(after_kill.ToString());
    CHECK(after_kill.ok());
    FaultFileSystem dark(moments[i].image.PowerLoss(LossPlan::LoseEverything()));
    const Verdict after_cut = Examine(*OpenStore(SmallOptions(dark, clock)), history,
                                      {.as_of = moments[i].as_of, .survives = Durability::kDisk});
    INFO(after_cut.ToString());
    CHECK(after_cut.ok());
  }
}

}  // namespace
}  // namespace weir::testing
