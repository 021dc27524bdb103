#include "log/completions.h"

#include <utility>

#include "base/status_macros.h"

namespace weir::internal {
namespace {

thread_local bool in_callback = false;

}  // namespace

bool Completions::InCallback() { return in_callback; }

Completions::~Completions() {
  for (Completion** const list : {&waiting_, &head_}) {
    while (*list != nullptr) delete std::exchange(*list, (*list)->next);
  }
}

size_t Completions::RunReady(Mutex& append_lock, const Decide& decide, size_t max) {
  if (in_callback || !any() || !running_.TryLock()) return 0;
  const size_t called = Run(append_lock, decide, max);
  running_.Unlock();
  return called;
}

size_t Completions::RunRest(Mutex& append_lock, const Decide& decide, size_t max) {
  if (in_callback) return 0;  // it is this thread that runs them
  MutexLock lock(running_);
  return Run(append_lock, decide, max);
}

size_t Completions::Run(Mutex& append_lock, const Decide& decide, size_t max) {
  size_t called = 0;
  // What this thread broke is told before it runs code of the host, who may call another store.
  while (called < max && !AnyBroken()) {
    if (waiting_ == nullptr) {
      MutexLock lock(append_lock);
      HOLDS((head_ == nullptr) == (tail_ == nullptr));
      waiting_ = std::exchange(head_, nullptr);
      tail_ = nullptr;
      any_.store(waiting_ != nullptr, std::memory_order_release);
      if (waiting_ == nullptr) break;
    }
    absl::Status status;
    Completion& first = *waiting_;
    HOLDS(first.next == nullptr || first.next->receipt.position >= first.receipt.position);
    if (!decide(first, &status, &first.receipt.reached)) break;
    in_callback = true;
    try {
      first.done(status, first.receipt);
    } catch (...) {
      // The host's exception must not unwind through our steps; store.h says so.
    }
    in_callback = false;
    delete std::exchange(waiting_, waiting_->next);
    ++called;
  }
  if (waiting_ != nullptr) any_.store(true, std::memory_order_release);
  return called;
}

}  // namespace weir::internal
