// Says when nobody reads any more what was reachable before: the memory of the front behind its
// begin, and chunks of queue entries that were taken out.
//
// A reader holds a Guard for as long as it copies. A writer makes something unreachable, calls
// Advance(), and may reuse it as soon as QuietSince() the number that it got.
//
// A thread that holds a Guard and takes another one of the same slots shares its slot: else as many
// threads as there are slots, each waiting for a second one, would wait for ever.

#ifndef WEIR_LOG_READER_SLOTS_H_
#define WEIR_LOG_READER_SLOTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/mutex.h"
#include "base/schedule.h"
#include "base/status_macros.h"

namespace weir::internal {

class ReaderSlots {
  // What a thread holds of one object's slots.
  struct Held {
    const ReaderSlots* owner = nullptr;
    std::atomic<uint64_t>* slot = nullptr;
    uint32_t depth = 0;
  };

 public:
  class Guard {
   public:
    explicit Guard(ReaderSlots& slots) : held_(FindHeld(slots, own_)) {
      if (held_.depth++ > 0) return;
      held_.owner = &slots;
      held_.slot = &slots.Enter();
      MayYield();
    }
    // On the thread that made it.
    ~Guard() {
      if (!HOLDS(held_.depth > 0) || --held_.depth > 0) return;
      if (!HOLDS(held_.slot != nullptr)) return;
      held_.owner = nullptr;
      held_.slot->store(0, std::memory_order_release);
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Held own_;  // for a thread that is inside very many stores at once
    Held& held_;
  };

  // Everything made unreachable before this call is safe once QuietSince(the result).
  uint64_t Advance() {
    MayYield();
    return 1 + now_.fetch_add(1, std::memory_order_seq_cst);
  }

  bool QuietSince(uint64_t moment) const {
    for (const Slot& slot : slots_) {
      const uint64_t entered = slot.moment.load(std::memory_order_seq_cst);
      if (entered != 0 && entered < moment) return false;
    }
    return true;
  }

 private:
  struct alignas(64) Slot {
    std::atomic<uint64_t> moment{0};  // 0: free
  };
  static constexpr size_t kSlots = 64;
  static constexpr size_t kOwnersPerThread = 4;

  static Held& FindHeld(const ReaderSlots& slots, Held& fallback) {
    thread_local std::array<Held, kOwnersPerThread> held;
    Held* free = &fallback;
    for (Held& one : held) {
      if (one.owner == &slots) return one;
      if (one.owner == nullptr) free = &one;
    }
    return *free;
  }

  // The exchange orders the slot before everything that the reader looks at afterwards: either
  // the writer sees the slot, or the reader sees what the writer made unreachable.
  std::atomic<uint64_t>& Enter() {
    static std::atomic<size_t> threads{0};
    thread_local size_t mine = threads.fetch_add(1, std::memory_order_relaxed) % kSlots;
    for (size_t i = mine;; i = (i + 1) % kSlots) {
      uint64_t expected = 0;
      const uint64_t moment = now_.load(std::memory_order_seq_cst);
      HOLDS(moment != 0);  // which says that a slot is free
      if (slots_[i].moment.compare_exchange_strong(expected, moment, std::memory_order_seq_cst)) {
        mine = i;
        return slots_[i].moment;
      }
      SpinPause();
    }
  }

  std::atomic<uint64_t> now_{1};
  std::array<Slot, kSlots> slots_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_READER_SLOTS_H_
