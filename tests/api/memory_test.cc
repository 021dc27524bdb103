// What a host gets from calls inside of which there is no memory.

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "api/small_store.h"
#include "support/failing_memory.h"
#include "weir/commit_log.h"
#include "weir/repair.h"

namespace weir::testing {
namespace {

uint64_t most_allocations = 0;  // that a watched call of this trial made

// Runs `trial` without a failure, and then for each allocation of it with that one failing, and
// with all from there on. `trial` begins anew each time and watches what it wants to fail. Returns
// how many allocations there were.
template <typename Trial>
uint64_t FailEach(const Trial& trial) {
  most_allocations = 0;
  trial(MemoryFailure{});
  const uint64_t allocations = most_allocations;
  for (uint64_t nth = 0; nth < allocations; ++nth) {
    for (const bool is_for_ever : {false, true}) {
      INFO("allocation " << nth << (is_for_ever ? " and all behind it" : ""));
      trial(MemoryFailure{.nth = nth, .is_for_ever = is_for_ever});
    }
  }
  return allocations;
}

// Watches `call`, in which allocations fail so; false if it throws.
template <typename Call>
bool IsQuiet(MemoryFailure failure, Call&& call) {
  FailingMemory::Fail(failure);
  bool is_quiet = true;
  try {
    const FailingMemory::Watch watch;
    call();
  } catch (const std::bad_alloc&) {
    is_quiet = false;
  }
  FailingMemory::BringBack();
  most_allocations = std::max(most_allocations, FailingMemory::allocations());
  return is_quiet;
}

// Sealed segments, an unsealed one, and a full queue of the health's listener.
void Fill(MessageStore& store, ManualClock& clock) {
  for (const std::string topic : {"orders", "a topic with a name that takes memory"}) {
    for (size_t i = 0; i < 20; ++i)
      Append(store, {.topic = topic, .queue_id = 0, .body = Numbered(i, 300)});
  }
  Flush(store);
  RunUntilIdle(store, clock);
  Append(store, {.topic = "orders", .queue_id = 1, .body = "in the front"});
}

TEST_CASE("what gives no status throws nothing: what there is no memory for is left out") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Fill(*store, clock);
  const std::unique_ptr<FaultFileSystem> beside = disk.AnotherProcess();
  StoreOptions options = SmallOptions(*beside, clock);
  options.read_only = true;
  auto reader = OpenStore(options);

  for (MessageStore* const looked_at : {store.get(), reader.get()}) {
    const StoreInfo whole = store->Info();
    REQUIRE(whole.topics.size() == 2);
    const uint64_t in_info = FailEach([&](MemoryFailure failure) {
      std::optional<StoreInfo> info;
      CHECK(IsQuiet(failure, [&] { info = looked_at->Info(); }));
      REQUIRE(info.has_value());
      CHECK(info->state == StoreState::kHealthy);
      CHECK(info->end == whole.end);
      CHECK(info->durable == whole.durable);
      CHECK(info->topics.size() <= whole.topics.size());
      CHECK(looked_at->Info().topics.size() == whole.topics.size());
    });
    CHECK(in_info > 10);
    const uint64_t in_run = FailEach([&](MemoryFailure failure) {
      // For the reader there is news.
      Append(*store, {.topic = "orders", .queue_id = 1, .body = "more"});
      clock.Advance(absl::Seconds(1));
      CHECK(IsQuiet(failure, [&] { looked_at->RunOnce(); }));
      CHECK(IsQuiet(failure, [&] { looked_at->Stats(); }));
      CHECK(AllOf(*looked_at, "orders", 1) == AllOf(*store, "orders", 1));
    });
    CHECK((looked_at == store.get() || in_run > 0));
  }
  Close(*store);
  CHECK(IsQuiet({.nth = 0, .is_for_ever = true}, [&] {
    store->state();
    store->RunOnce();
    store->Info();
    store->Stats();
  }));
  CHECK(store->state() == StoreState::kClosed);
}

TEST_CASE("a journal that is closed says so without memory") {
  FaultFileSystem disk;
  ManualClock clock;
  auto journal = *CommitLog::Open(SmallOptions(disk, clock));
  REQUIRE(journal->Append("one").ok());
  REQUIRE(journal->Close().ok());
  std::optional<StoreState> state;
  CHECK(IsQuiet({.nth = 0, .is_for_ever = true}, [&] {
    state = journal->state();
    journal->RunOnce();
    journal->Stats();
  }));
  CHECK(state == StoreState::kClosed);
}

// The last state that was told.
struct Listener final : StateListener {
  void OnState(StoreState state, const std::string&) override { last = state; }
  StoreState last = StoreState::kHealthy;
};

TEST_CASE("a close without memory ends all that waits, and the next open has everything") {
  const uint64_t allocations = FailEach([](MemoryFailure failure) {
    FaultFileSystem disk;
    ManualClock clock;
    Listener listener;
    StoreOptions options = SmallOptions(disk, clock);
    options.state_listener = &listener;
    auto store = OpenStore(options);
    Fill(*store, clock);
    int called = 0;
    for (int i = 0; i < 3; ++i) {
      const absl::Status status = store->AppendAsync(
          {.topic = "orders", .queue_id = 1, .body = "later"}, {.durability = Durability::kDisk},
          [&](const absl::Status&, const Receipt&) { ++called; });
      REQUIRE(status.ok());
    }
    absl::Status closed;
    CHECK(IsQuiet(failure, [&] { closed = store->Close(); }));
    CHECK((closed.ok() || absl::IsUnavailable(closed)));
    CHECK(called == 3);
    CHECK(listener.last == StoreState::kClosed);
    CHECK(IsQuiet(failure, [&] { store.reset(); }));
    CHECK(disk.open_handles() == 0);

    store = OpenStore(options);
    CHECK(store->recovery().damage.empty());
    CHECK(AllOf(*store, "orders", 1) == Words{"in the front", "later", "later", "later"});
  });
  CHECK(allocations > 10);
}

TEST_CASE("what is refused for want of memory is not there, also if its sync was to fail") {
  const uint64_t allocations = FailEach([](MemoryFailure failure) {
    FaultFileSystem disk;
    ManualClock clock;
    auto store = OpenStore(SmallOptions(disk, clock));
    Append(*store, {.topic = "orders", .queue_id = 0, .body = "one"},
           {.durability = Durability::kDisk});
    disk.Inject({.kind = OperationKind::kSync, .times = Fault::kForEver});
    absl::StatusOr<Receipt> receipt = absl::UnknownError("");
    CHECK(IsQuiet(failure, [&] {
      receipt = store->Append({.topic = "orders", .queue_id = 0, .body = "two"},
                              {.durability = Durability::kDisk});
    }));
    CHECK((!receipt.ok() || receipt->reached < Durability::kDisk));
    const bool is_there = AllOf(*store, "orders", 0).size() == 2;
    if (absl::IsUnavailable(receipt.status())) CHECK_FALSE(is_there);
    if (receipt.ok()) CHECK(is_there);
  });
  CHECK(allocations > 10);
}

// Brings memory back when the thread that made it has looked so often.
class BringingClock final : public Clock {
 public:
  explicit BringingClock(int looks) : left_(looks) {}

  int64_t WallNanos() override { return nanos_ += 1000; }
  int64_t MonotonicNanos() override {
    if (std::this_thread::get_id() == owner_ && is_counting && --left_ == 0) {
      FailingMemory::BringBack();
    }
    return nanos_ += 1000;
  }
  bool is_counting = false;  // the owner's

 private:
  const std::thread::id owner_ = std::this_thread::get_id();
  int left_;
  std::atomic<int64_t> nanos_{1'700'000'000'000'000'000};
};

TEST_CASE("who waits for durability while there is no memory rests between two tries") {
  constexpr int kLooks = 60;
  FaultFileSystem disk;
  BringingClock clock(kLooks);
  StoreOptions options = SmallOptions(disk, clock);
  options.background = Background::kThreads;
  options.sync_interval = absl::Hours(1);
  auto store = OpenStore(options);
  Append(*store, {.topic = "orders", .queue_id = 0, .body = "one"});
  Flush(*store);

  const auto rests = [] {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
  };
  FailingMemory::Fail({.nth = 0, .is_for_ever = true}, /*watches_others=*/true);
  absl::StatusOr<Receipt> receipt = absl::UnknownError("");
  const long before = rests();
  {
    const FailingMemory::Watch watch;
    clock.is_counting = true;
    receipt = store->Append({.topic = "orders", .queue_id = 0, .body = "two"},
                            {.durability = Durability::kDisk});
    clock.is_counting = false;
  }
  const long rested = rests() - before;
  INFO(receipt.status());
  REQUIRE(receipt.ok());
  CHECK(receipt->reached == Durability::kDisk);
  CHECK(FailingMemory::failures() > kLooks / 3);
  CHECK(rested > kLooks / 6);
}

TEST_CASE("a repair without memory is an error and leaves no copy; the next one succeeds") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Fill(*store, clock);
  Close(*store);
  store.reset();
  const std::string superblock = disk.ReadFile("/store/superblock");
  disk.WriteFile("/store/superblock", std::string(superblock.size(), '\0'));
  const RepairOptions options{.directory = "/store", .file_system = &disk, .clock = &clock};
  const std::vector<std::string> files = disk.ListFiles("/store");

  const uint64_t allocations = FailEach([&](MemoryFailure failure) {
    absl::StatusOr<RepairReport> report = absl::UnknownError("");
    CHECK(IsQuiet(failure, [&] { report = RepairStore(options); }));
    if (!report.ok()) {
      CHECK(absl::IsUnavailable(report.status()));
      CHECK((failure.is_for_ever || !disk.FileExists("/store.repaired/superblock")));
    }
    CHECK(disk.ListFiles("/store") == files);
    if (!report.ok() && !failure.is_for_ever) report = RepairStore(options);
    if (!failure.is_for_ever) {
      INFO(report.status());
      REQUIRE(report.ok());
      CHECK(report->messages == 41);
    }
    for (const std::string& file : disk.ListFiles("/store.repaired")) {
      disk.RemoveFile("/store.repaired/" + file);
    }
  });
  CHECK(allocations > 100);
}

}  // namespace
}  // namespace weir::testing
