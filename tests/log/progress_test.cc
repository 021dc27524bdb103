#include "log/progress.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "absl/time/time.h"

namespace weir::internal {
namespace {

constexpr absl::Duration kForEver = absl::InfiniteDuration();

// Threads that go to sleep over and over until what they wait for is there.
class Sleepers {
 public:
  explicit Sleepers(Progress& progress) : progress_(progress) {}
  ~Sleepers() { Join(); }

  // Waits until `durable` covers `end`.
  void AddForSync(LogPosition end) {
    Add([this, end] { return durable.load() >= end.value(); },
        [this, end](uint32_t seen) { progress_.SleepForSync(seen, end, kForEver); });
  }
  void AddForRoom() {
    Add([this] { return has_room.load(); },
        [this](uint32_t seen) { progress_.SleepForRoom(seen, kForEver); });
  }
  void Join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  // Until all that were added count as waiters: whoever tells now is heard.
  void AwaitWaiters() const {
    while (waiting_.load() < static_cast<int>(threads_.size())) std::this_thread::yield();
  }

  std::atomic<uint64_t> durable{0};
  std::atomic<bool> has_room{false};
  std::atomic<int> wakes{0};

 private:
  template <typename IsDone, typename Sleep>
  void Add(IsDone is_done, Sleep sleep) {
    threads_.emplace_back([this, is_done, sleep] {
      const Progress::Waiting waiting(progress_);
      ++waiting_;
      for (;;) {
        const uint32_t seen = progress_.Look();
        if (is_done()) return;
        sleep(seen);
        ++wakes;
      }
    });
  }

  Progress& progress_;
  std::atomic<int> waiting_{0};
  std::vector<std::thread> threads_;
};

TEST_CASE("a sync that ends wakes everybody whose record it took along") {
  Progress progress;
  Sleepers sleepers(progress);
  progress.BeginSync(LogPosition(64));
  for (uint64_t i = 1; i <= 8; ++i) sleepers.AddForSync(LogPosition(8 * i));
  sleepers.AwaitWaiters();

  sleepers.durable = 64;
  progress.TellSynced(progress.round());

  sleepers.Join();
  SUCCEED("all of them returned");
}

TEST_CASE("of those who wait for the next sync one is woken, to lead it") {
  Progress progress;
  Sleepers sleepers(progress);
  progress.BeginSync(LogPosition(64));
  for (uint64_t i = 1; i <= 3; ++i) sleepers.AddForSync(LogPosition(64 + 8 * i));
  sleepers.AwaitWaiters();

  const uint64_t first = progress.round();
  sleepers.durable = 64;
  while (sleepers.wakes == 0) progress.TellSynced(first);

  // Whoever it was begins the sync that takes them all along; the ones that sleep for it were
  // asleep before it began.
  progress.BeginSync(LogPosition(128));
  CHECK(progress.round() != first);
  sleepers.durable = 128;
  progress.TellSynced(progress.round());
  sleepers.Join();
}

TEST_CASE("syncs that overlap with what is told of the one before lose nobody") {
  Progress progress;
  Sleepers sleepers(progress);
  for (uint64_t i = 1; i <= 40; ++i) sleepers.AddForSync(LogPosition(64 * i));
  sleepers.AwaitWaiters();
  progress.BeginSync(LogPosition(64));
  for (uint64_t i = 1; i <= 40; ++i) {
    const uint64_t ended = progress.round();
    sleepers.durable = 64 * i;
    progress.BeginSync(LogPosition(64 * (i + 1)));
    progress.TellSynced(ended);
  }
  // Who looked between the two may wait for the one that began last, and it ends too.
  progress.TellSynced(progress.round());
  sleepers.Join();
  SUCCEED("all of them returned");
}

TEST_CASE("who waits for room is woken by what was written and by what was synced") {
  Progress progress;
  for (const bool by_sync : {false, true}) {
    Sleepers sleepers(progress);
    sleepers.AddForRoom();
    sleepers.AddForRoom();
    sleepers.AwaitWaiters();
    sleepers.has_room = true;
    if (by_sync) {
      progress.TellSynced(progress.round());
    } else {
      progress.TellWritten();
    }
    sleepers.Join();
  }
  SUCCEED("all of them returned");
}

TEST_CASE("what concerns everybody wakes everybody") {
  Progress progress;
  Sleepers sleepers(progress);
  progress.BeginSync(LogPosition(64));
  sleepers.AddForRoom();
  sleepers.AddForSync(LogPosition(64));
  sleepers.AddForSync(LogPosition(72));
  sleepers.AwaitWaiters();

  sleepers.has_room = true;
  sleepers.durable = 72;
  progress.TellAll();
  sleepers.Join();
  SUCCEED("all of them returned");
}

TEST_CASE("a sleep ends with its time, and at once if there was progress since the look") {
  Progress progress;
  const Progress::Waiting waiting(progress);
  const uint32_t seen = progress.Look();
  progress.SleepForRoom(seen, absl::Milliseconds(1));
  progress.SleepForSync(seen, LogPosition(8), absl::Milliseconds(1));

  progress.TellWritten();
  CHECK(progress.Look() != seen);
  progress.SleepForRoom(seen, kForEver);
  progress.SleepForSync(seen, LogPosition(8), kForEver);
}

}  // namespace
}  // namespace weir::internal
