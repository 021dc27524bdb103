// Where voids lie in the part of the log that is not sealed yet. A queue's entry does not tell a
// void from a message, and a void is none.

#ifndef WEIR_INDEX_VOID_POSITIONS_H_
#define WEIR_INDEX_VOID_POSITIONS_H_

#include <atomic>
#include <set>
#include <utility>

#include "base/mutex.h"
#include "base/status_macros.h"
#include "format/record.h"
#include "weir/message.h"

namespace weir::internal {

// All functions may be called from any thread.
class VoidPositions {
 public:
  // What Add() needs, made before the claim: behind it nothing may fail for want of memory.
  class Ticket {
   public:
    Ticket() {
      std::set<LogPosition> one = {LogPosition(0)};
      node_ = one.extract(one.begin());
    }

   private:
    friend class VoidPositions;
    std::set<LogPosition>::node_type node_;
  };

  void Add(Ticket ticket, LogPosition position) {
    HOLDS(position.value() % kRecordAlignment == 0);
    ticket.node_.value() = position;
    MutexLock lock(mutex_);
    HOLDS(any_.load(std::memory_order_relaxed) == !positions_.empty());
    positions_.insert(std::move(ticket.node_));
    any_.store(true, std::memory_order_release);
  }

  bool Has(LogPosition position) const {
    if (!any_.load(std::memory_order_acquire)) return false;
    MutexLock lock(mutex_);
    return positions_.contains(position);
  }

  void ForgetBelow(LogPosition position) {
    if (!any_.load(std::memory_order_acquire)) return;
    MutexLock lock(mutex_);
    HOLDS(!positions_.empty());
    positions_.erase(positions_.begin(), positions_.lower_bound(position));
    HOLDS(positions_.empty() || *positions_.begin() >= position);
    any_.store(!positions_.empty(), std::memory_order_release);
  }

 private:
  std::atomic<bool> any_{false};
  mutable Mutex mutex_;
  std::set<LogPosition> positions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_VOID_POSITIONS_H_
