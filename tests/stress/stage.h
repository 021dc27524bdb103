// Where a stress takes place: the store's directory, who acts, and what they may meet.

#ifndef WEIR_TESTS_STRESS_STAGE_H_
#define WEIR_TESTS_STRESS_STAGE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "stress/actor.h"
#include "stress/call_table.h"
#include "stress/scenario.h"
#include "support/fault_file_system.h"
#include "support/temporary_directory.h"
#include "weir/options.h"

namespace weir::testing {

class Stage {
 public:
  Stage(const Scenario& scenario, int rounds, uint64_t seed, CallTable* table);

  const Scenario& scenario() const { return scenario_; }
  int rounds() const { return rounds_; }
  Complaints& complaints() { return complaints_; }
  uint64_t calls() const;

  StoreOptions Options() const;
  // As another process would open it: for reading, or in vain.
  StoreOptions OptionsOfOthers() const;
  void EndHurting();

  // --- Who acts. Producers take a number of rounds, then the others are told that it is over, and
  // those who close come last, or in the middle of it all.

  Actor& NewActor();
  void StartProducer(std::function<void(Actor&)> part);
  void StartCloser(std::function<void(Actor&)> part);
  void StartOther(std::function<void(Actor&)> part);
  void AwaitAll();

  // Does it again and again, once at least, until it is over: for all, or for who was told
  // "closed".
  void GoOn(const std::function<absl::Status()>& look) const {
    for (bool is_over = false; !is_over;) {
      const absl::Status told = look();
      is_over = is_done_.load(std::memory_order_acquire) ||
                (absl::IsFailedPrecondition(told) && may_be_closed());
    }
  }
  bool may_be_closed() const { return may_close_.load(std::memory_order_acquire); }
  // A producer is through with this round.
  void EndRound(Actor& me, int round) {
    constexpr int kRoundsPerFault = 25;
    if (round % kRoundsPerFault == 0 && me.number() == first_producer_) Hurt(me);
    if (scenario_.closes_early && round == rounds_ / 2) LetClose();
  }

  // --- What they may be told.

  // By a call that writes, with this timeout.
  void ExpectOfAppend(Actor& me, const absl::Status& status, absl::Duration timeout) const;
  // By any other call.
  void ExpectOfCall(Actor& me, const absl::Status& status) const;
  // Whether another process may not know of what is there: it reads on where the disk gave nothing
  // when it looked, or where a failed sync took from a file what only the writer's memory has; and
  // without a front in reach nobody tells it of each sync.
  bool MayMiss(bool is_other) const;
  // Of opening it as a second writer.
  void ExpectRefused(Actor& me, const absl::Status& status) const;
  static Fate FateOf(const absl::Status& status);

  // What a store or journal holds in the end, message by message, against what the senders were
  // told.
  struct Remains {
    std::multiset<Identity> found;
    std::vector<DamagedRange> damage;  // that it tells of itself
    LogPosition begin;                 // what lies below may be gone
    bool was_closed = false;
  };
  void Judge(Actor& me, const Remains& remains) const;

 private:
  // One of the next calls of the file system fails, where the scenario has such.
  void Hurt(Actor& me);
  bool MustBeThere(const Told& told, const Remains& remains) const;
  void LetClose() {
    may_close_.store(true, std::memory_order_release);
    may_close_.notify_all();
  }

  const Scenario& scenario_;
  const int rounds_;
  const uint64_t seed_;
  CallTable* const table_;
  Complaints complaints_;
  const TemporaryDirectory directory_;
  const std::unique_ptr<FaultFileSystem> memory_;
  const std::unique_ptr<FaultFileSystem> others_;
  std::deque<Actor> actors_;
  uint32_t first_producer_ = 0;
  std::vector<std::thread> producers_;
  std::vector<std::thread> closers_;
  std::vector<std::thread> rest_;
  std::atomic<bool> is_done_{false};
  std::atomic<bool> may_close_{false};
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_STRESS_STAGE_H_
