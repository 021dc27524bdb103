// Who waits for the log to get on, and who is woken by what.
//
// All sleep on one counter that moves with every progress, each for something: for room or for what
// is written; or for his record to be durable, and then by the sync that runs, if it began behind
// his claim, or by the next one. A sync that ends wakes everybody whose record it took along, and
// of those who wait for the next sync one, to lead it: woken any earlier, the others would only
// find that it is not their turn, and with many of them that is most of what the processors do.

#ifndef WEIR_LOG_PROGRESS_H_
#define WEIR_LOG_PROGRESS_H_

#include <atomic>
#include <climits>
#include <cstdint>

#include "absl/time/time.h"
#include "base/status_macros.h"
#include "io/wake_word.h"
#include "weir/message.h"

namespace weir::internal {

// Any thread.
class Progress {
 public:
  // Counts a waiter for as long as it lives: without one, progress costs a load.
  class Waiting {
   public:
    explicit Waiting(Progress& progress) : waiters_(progress.waiters_) {
      waiters_.fetch_add(1, std::memory_order_seq_cst);
    }
    ~Waiting() { waiters_.fetch_sub(1, std::memory_order_seq_cst); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    std::atomic<int>& waiters_;
  };

  // To be asked before looking whether what one waits for has come: what comes behind it ends the
  // sleep at once.
  uint32_t Look() const { return count_.load(std::memory_order_seq_cst); }
  // Sleep until there is progress of the kind since Look() gave `seen`, or for so long; may return
  // early. The second one waits for a sync of the log up to `end`.
  void SleepForRoom(uint32_t seen, absl::Duration duration) {
    WaitOnOwnWord(count_, seen, kRoom, duration);
  }
  void SleepForSync(uint32_t seen, LogPosition end, absl::Duration duration) {
    const uint64_t round = round_.load(std::memory_order_seq_cst);
    const bool is_taken_along = end.value() <= (round & ~kParity);
    WaitOnOwnWord(count_, seen, SyncKind(is_taken_along ? round : round + 1), duration);
  }

  // A sync begins that makes the log durable up to `target`, a multiple of 8. One at a time.
  void BeginSync(LogPosition target) {
    const uint64_t before = round_.load(std::memory_order_relaxed);
    const uint64_t parity = (before + 1) & kParity;
    HOLDS((target.value() & kParity) == 0);
    HOLDS(target.value() >= (before & ~kParity));
    round_.store(target.value() | parity, std::memory_order_seq_cst);
  }
  // Which sync that is, for who is in the step.
  uint64_t round() const { return round_.load(std::memory_order_relaxed); }
  // It ended, well; the next one may run already.
  void TellSynced(uint64_t round) {
    if (!Count()) return;
    // The leader first: the disk need not wait until all the others have run.
    WakeOwn(count_, SyncKind(round + 1), 1);
    WakeOwn(count_, kRoom | SyncKind(round), INT_MAX);
  }
  // Something was written.
  void TellWritten() {
    if (Count()) WakeOwn(count_, kRoom, INT_MAX);
  }
  // An error, the end, or something else that everybody should look at.
  void TellAll() {
    if (Count()) WakeOwn(count_, kRoom | SyncKind(0) | SyncKind(1), INT_MAX);
  }

 private:
  static constexpr uint32_t kRoom = 1;
  static constexpr uint64_t kParity = 1;
  static uint32_t SyncKind(uint64_t round) { return (round & kParity) == 0 ? 2 : 4; }

  // Whether there is anybody to be told.
  bool Count() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (waiters_.load(std::memory_order_seq_cst) == 0) return false;
    count_.fetch_add(1, std::memory_order_seq_cst);
    return true;
  }

  std::atomic<int> waiters_{0};
  std::atomic<uint32_t> count_{0};
  // How far the sync that began last goes; its lowest bit tells it from the one before.
  std::atomic<uint64_t> round_{0};
};

}  // namespace weir::internal

#endif  // WEIR_LOG_PROGRESS_H_
