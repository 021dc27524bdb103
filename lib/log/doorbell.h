// Wakes those who wait for new records, of this process and of others. Producers pay a load.
//
// A waiter sets a word, lets every producer's stores become visible (membarrier), looks again,
// and sleeps on the word. A producer looks at the word behind its publication: it either sees the
// word, or the waiter saw its record. Where membarrier is refused the producer pays an exchange.

#ifndef WEIR_LOG_DOORBELL_H_
#define WEIR_LOG_DOORBELL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/time/time.h"
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
    word.store(1, std::memory_order_seq_cst);
    if (has_barriers_) {
      if (other_process_) {
        BarrierAllProcesses();
      } else {
        BarrierThisProcess();
      }
    }
    if (ready()) return;
    WaitOnWord(word, 1, timeout);
  }

  uint64_t rings() const { return rings_.load(std::memory_order_relaxed); }

 private:
  void Ring(std::atomic<uint32_t>& word) {
    if (has_barriers_) {
      // Only the compiler must keep the order; the waiter's membarrier orders the processor.
      std::atomic_signal_fence(std::memory_order_seq_cst);
      if (word.load(std::memory_order_relaxed) == 0) return;
    }
    if (word.exchange(0, std::memory_order_seq_cst) == 0) return;
    rings_.fetch_add(1, std::memory_order_relaxed);
    WakeAll(word);
  }

  const std::unique_ptr<SharedMemory> memory_;
  Doorbells* const bells_;
  const bool other_process_;
  const bool has_barriers_;
  std::atomic<uint64_t> rings_{0};
};

}  // namespace weir::internal

#endif  // WEIR_LOG_DOORBELL_H_
