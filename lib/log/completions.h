// Asynchronous appends that wait for their durability, in the order of the log.

#ifndef WEIR_LOG_COMPLETIONS_H_
#define WEIR_LOG_COMPLETIONS_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "weir/message.h"

namespace weir::internal {

// Made before the append lock, linked under it: so the list has the order of the log and linking
// allocates nothing.
struct Completion {
  Receipt receipt;  // filled in under the append lock, but for what is reached in the end
  Durability durability = Durability::kProcess;
  AppendCallback done;
  Completion* next = nullptr;
};

class Completions {
 public:
  // What became of an append; false while it is undecided. Does not throw.
  using Decide = std::function<bool(const Completion&, absl::Status*, Durability*)>;

  Completions() = default;
  ~Completions();
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;

  // Takes ownership. The caller holds the append lock `lock` of RunReady().
  void Link(Completion* completion) {
    HOLDS((head_ == nullptr) == (tail_ == nullptr));
    HOLDS(tail_ == nullptr || tail_->receipt.position <= completion->receipt.position);
    completion->next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = completion;
    tail_ = completion;
    any_.store(true, std::memory_order_release);
  }

  // Calls what is decided, in order, up to the first that is not; at most `max`. One thread at a
  // time runs callbacks; another one returns at once. Returns how many it called.
  size_t RunReady(Mutex& append_lock, const Decide& decide, size_t max);
  // The same, but waits for who runs callbacks now: he may have looked at one before it was
  // decided.
  size_t RunRest(Mutex& append_lock, const Decide& decide, size_t max);

  bool any() const { return any_.load(std::memory_order_acquire); }
  // Whether this thread is inside a callback: then it must not wait for the store.
  static bool InCallback();

 private:
  size_t Run(Mutex& append_lock, const Decide& decide, size_t max)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(running_);

  std::atomic<bool> any_{false};
  Completion* head_ = nullptr;  // guarded by the append lock
  Completion* tail_ = nullptr;
  Mutex running_;
  Completion* waiting_ ABSL_GUARDED_BY(running_) = nullptr;  // taken from there, in order
};

}  // namespace weir::internal

#endif  // WEIR_LOG_COMPLETIONS_H_
