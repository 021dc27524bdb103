#include "log/completions.h"

#include <utility>

namespace weir::internal {
namespace {

thread_local bool in_callback = false;

}  // namespace

bool Completions::InCallback() { return in_callback; }

Completions::~Completions() {
  while (head_ != nullptr) delete std::exchange(head_, head_->next);
}

size_t Completions::RunReady(Mutex& append_lock, const Decide& decide, size_t max) {
  if (in_callback || !any() || !running_.TryLock()) return 0;
  size_t called = 0;
  while (called < max) {
    if (next_waiting_ == waiting_.size()) {
      waiting_.clear();
      next_waiting_ = 0;
      Completion* taken = nullptr;
      {
        MutexLock lock(append_lock);
        taken = std::exchange(head_, nullptr);
        tail_ = nullptr;
        any_.store(false, std::memory_order_release);
      }
      while (taken != nullptr) {
        waiting_.emplace_back(taken);
        taken = taken->next;
      }
      if (waiting_.empty()) break;
      any_.store(true, std::memory_order_release);
    }
    Completion& first = *waiting_[next_waiting_];
    absl::Status status;
    if (!decide(first, &status, &first.receipt.reached)) break;
    in_callback = true;
    try {
      first.done(status, first.receipt);
    } catch (...) {
      // The host's exception must not unwind through our steps; store.h says so.
    }
    in_callback = false;
    waiting_[next_waiting_++].reset();
    ++called;
  }
  const bool more = next_waiting_ < waiting_.size();
  running_.Unlock();
  if (more) any_.store(true, std::memory_order_release);
  return called;
}

}  // namespace weir::internal
