// Claims that the host holds open: who waits is told of them, and who holds one must not wait.

#ifndef WEIR_LOG_HELD_CLAIMS_H_
#define WEIR_LOG_HELD_CLAIMS_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/status_macros.h"
#include "format/record.h"
#include "weir/message.h"

namespace weir::internal {

// All functions may be called from any thread.
class HeldClaims {
  struct Held {
    int64_t since = 0;
    const void* thread = nullptr;
  };

 public:
  // What Add() needs, made before the claim: behind it nothing may fail for want of memory.
  class Ticket {
   public:
    Ticket() {
      std::map<LogPosition, Held> one;
      one.emplace(LogPosition(0), Held{});
      node_ = one.extract(one.begin());
    }

   private:
    friend class HeldClaims;
    std::map<LogPosition, Held>::node_type node_;
  };

  // The calling thread holds a claim since `now`.
  void Add(Ticket ticket, LogPosition position, int64_t now) {
    HOLDS(position.value() % kRecordAlignment == 0);
    ticket.node_.key() = position;
    ticket.node_.mapped() = {now, ThisThread()};
    MutexLock lock(mutex_);
    const bool is_new = claims_.insert(std::move(ticket.node_)).inserted;
    HOLDS(is_new);
    any_.store(true, std::memory_order_release);
  }

  // A claim that was moved is held by whoever uses it.
  void Own(LogPosition position) {
    MutexLock lock(mutex_);
    const auto found = claims_.find(position);
    if (found == claims_.end()) return;
    HOLDS(any_.load(std::memory_order_relaxed));
    HOLDS(found->second.thread != nullptr);
    found->second.thread = ThisThread();
  }

  void Remove(LogPosition position) {
    MutexLock lock(mutex_);
    HOLDS(any_.load(std::memory_order_relaxed));
    const size_t removed = claims_.erase(position);
    HOLDS(removed == 1);
    any_.store(!claims_.empty(), std::memory_order_release);
  }

  // Whether the calling thread holds a claim, besides the one at `but`.
  bool HeldByThisThread(std::optional<LogPosition> but = std::nullopt) const {
    if (!any_.load(std::memory_order_acquire)) return false;
    MutexLock lock(mutex_);
    return std::any_of(claims_.begin(), claims_.end(), [&](const auto& claim) {
      return claim.second.thread == ThisThread() && claim.first != but;
    });
  }

  // The claim with the lowest position, and since when it is held.
  std::optional<std::pair<LogPosition, int64_t>> Lowest() const {
    MutexLock lock(mutex_);
    if (claims_.empty()) return std::nullopt;
    return std::pair(claims_.begin()->first, claims_.begin()->second.since);
  }

 private:
  // An address that no other living thread has.
  static const void* ThisThread() {
    thread_local const char place = 0;
    return &place;
  }

  mutable Mutex mutex_;
  std::map<LogPosition, Held> claims_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> any_{false};
};

}  // namespace weir::internal

#endif  // WEIR_LOG_HELD_CLAIMS_H_
