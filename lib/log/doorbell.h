// Wakes those who wait for new records, of this process and of others. Producers pay a load.
//
// A word counts its rings, in steps of two; its lowest bit says that somebody sleeps. A waiter sets
// the bit, lets every producer's stores become visible (membarrier), looks again, and sleeps for as
// long as the word is what he saw. A producer looks at the word behind its publication: it either
// sees the bit, or the waiter saw its record. Where membarrier is refused the producer pays an
// atomic operation. A word that rang is never again what it was, so nobody sleeps over his ring
// because the next one has set the bit again.
//
// Across processes the membarrier is not relied on: the global one of Linux 6.18 was seen not to
// reach a producer (probably on a processor that had gone idle in his memory before he registered,
// and that had run nobody else since). So who waits for another process looks once more a moment
// after he lay down: whatever was on its way to memory then has arrived, and who publishes later
// sees the bit.

#ifndef WEIR_LOG_DOORBELL_H_
#define WEIR_LOG_DOORBELL_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "base/schedule.h"
#include "format/front_layout.h"
#include "io/membarrier.h"
#include "io/wake_word.h"
#include "weir/file_system.h"

namespace weir::internal {

class Doorbell {
 public:
  // `memory` has kDoorbellBytes of header. `other_process`: the producers are elsewhere.
  Doorbell(std::unique_ptr<SharedMemory> memory, bool other_process)
      : memory_(std::move(memory)),
        bells_(reinterpret_cast<Doorbells*>(memory_->header())),
        other_process_(other_process),
        has_barriers_(RegisterBarriers()) {}

  void RingQueue(uint32_t queue_number) { Ring(bells_->queue(queue_number)); }
  void RingLog() { Ring(bells_->log); }
  // After a change that is not one record's: an end moved, the state changed.
  void RingAll() {
    RingLog();
    for (auto& word : bells_->queues) Ring(word);
  }

  std::atomic<uint32_t>& queue_word(uint32_t queue_number) { return bells_->queue(queue_number); }
  std::atomic<uint32_t>& log_word() { return bells_->log; }

  // Sleeps until `word` rings, unless `ready()` holds already; may return early.
  template <typename Ready>
  void Wait(std::atomic<uint32_t>& word, absl::Duration timeout, Ready&& ready) {
    const uint32_t seen = word.fetch_or(kSleeper, std::memory_order_seq_cst) | kSleeper;
    if (has_barriers_) {
      if (other_process_) {
        BarrierAllProcesses();
      } else {
        BarrierThisProcess();
      }
    }
    if (ready()) return;
    MayYield();
    if (has_barriers_ && other_process_) {
      const absl::Duration nap = std::min(timeout, kArrival);
      WaitOnWord(word, seen, nap);
      if (ready()) return;
      timeout -= nap;
    }
    WaitOnWord(word, seen, timeout);
  }

  uint64_t rings() const { return rings_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kSleeper = 1;
  // Longer than a store takes to become visible, by far.
  static constexpr absl::Duration kArrival = absl::Microseconds(100);

  void Ring(std::atomic<uint32_t>& word) {
    MayYield();
    if (has_barriers_) {
      // Only the compiler must keep the order; the waiter's membarrier orders the processor.
      std::atomic_signal_fence(std::memory_order_seq_cst);
      if ((word.load(std::memory_order_relaxed) & kSleeper) == 0) return;
    }
    uint32_t seen = word.fetch_or(0, std::memory_order_seq_cst);
    // Whoever is faster rings for those that we saw; who sets the bit behind him is ours again.
    while ((seen & kSleeper) != 0) {
      if (!word.compare_exchange_weak(seen, seen + 1, std::memory_order_seq_cst)) continue;
      rings_.fetch_add(1, std::memory_order_relaxed);
      WakeAll(word);
      return;
    }
  }

  const std::unique_ptr<SharedMemory> memory_;
  Doorbells* const bells_;
  const bool other_process_;
  const bool has_barriers_;
  std::atomic<uint64_t> rings_{0};
};

}  // namespace weir::internal

#endif  // WEIR_LOG_DOORBELL_H_
