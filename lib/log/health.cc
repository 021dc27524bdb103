#include "log/health.h"

#include <new>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace weir {

absl::string_view StoreStateName(StoreState state) {
  switch (state) {
    case StoreState::kHealthy:
      return "healthy";
    case StoreState::kDegraded:
      return "degraded";
    case StoreState::kReadOnly:
      return "read-only";
    case StoreState::kClosed:
      return "closed";
  }
  return "unknown";
}

namespace internal {
namespace {

// Of a reason that there was no memory for. Short enough for a string to take none for it.
constexpr char kNoMemory[] = "out of memory";

}  // namespace

StoreState Health::StateOf(uint32_t raised) {
  if (raised & Bit(Condition::kClosed)) return StoreState::kClosed;
  if (raised & Bit(Condition::kFailed)) return StoreState::kReadOnly;
  return raised != 0 ? StoreState::kDegraded : StoreState::kHealthy;
}

void Health::Raise(Condition condition, absl::string_view reason) {
  if (!HOLDS(static_cast<size_t>(condition) < kConditions)) return;
  MutexLock lock(mutex_);
  std::string& stored = reasons_[static_cast<size_t>(condition)];
  if (Has(condition) && stored == reason) return;
  try {
    stored.assign(reason.data(), reason.size());
  } catch (const std::bad_alloc&) {
    stored = kNoMemory;
  }
  raised_.fetch_or(Bit(condition), std::memory_order_release);
  changed_.store(true, std::memory_order_release);
  HOLDS(state() != StoreState::kHealthy);
}

void Health::Clear(Condition condition) {
  if (!Has(condition)) return;
  // What is read-only or closed stays so until the next open.
  if (!HOLDS(condition < Condition::kFailed)) return;
  MutexLock lock(mutex_);
  const StoreState before = state();
  raised_.fetch_and(~Bit(condition), std::memory_order_release);
  changed_.store(true, std::memory_order_release);
  HOLDS(state() <= before);
}

absl::Status Health::RaiseBroken() {
  // Forgotten only when it was told: there may be no memory for that.
  absl::Status broken = Broken();
  if (broken.ok()) return broken;
  Raise(Condition::kFailed, std::string(broken.message()));
  ForgetBroken();
  return broken;
}

StoreState Health::state() const { return StateOf(raised_.load(std::memory_order_acquire)); }

std::string Health::reason() const {
  MutexLock lock(mutex_);
  const uint32_t raised = raised_.load(std::memory_order_acquire);
  std::string text;
  for (size_t i = 0; i < kConditions; ++i) {
    if ((raised & (1u << i)) == 0 || i == static_cast<size_t>(Condition::kClosed)) continue;
    absl::StrAppend(&text, text.empty() ? "" : "; ", reasons_[i]);
  }
  return text;
}

absl::Status Health::WhyNoAppend() const {
  const uint32_t raised = raised_.load(std::memory_order_acquire);
  if (raised & Bit(Condition::kClosed)) return absl::FailedPreconditionError("closed");
  if (raised & Bit(Condition::kFailed)) {
    return absl::FailedPreconditionError(absl::StrCat("read-only: ", reason()));
  }
  if (raised &
      (Bit(Condition::kDiskFull) | Bit(Condition::kNoSpaceAhead) | Bit(Condition::kRefused)))
    return absl::ResourceExhaustedError(reason());
  return absl::OkStatus();
}

void Health::TellListener() {
  if (listener_ == nullptr) return;
  // Who finds somebody telling leaves it to him: he looks again when he is done.
  while (changed_.load(std::memory_order_seq_cst) &&
         !telling_.exchange(true, std::memory_order_seq_cst)) {
    changed_.store(false, std::memory_order_seq_cst);
    const bool is_whole = TellNow();
    if (!is_whole) changed_.store(true, std::memory_order_seq_cst);
    telling_.store(false, std::memory_order_seq_cst);
    if (!is_whole) return;
  }
}

// False: there was no memory for the reason, which is told another time.
bool Health::TellNow() {
  const StoreState now = state();
  std::string why;
  bool is_whole = true;
  try {
    why = reason();
  } catch (const std::bad_alloc&) {
    why = kNoMemory;
    is_whole = false;
  }
  HOLDS(told_ < StoreState::kReadOnly || now >= told_);
  HOLDS(now != StoreState::kReadOnly || !why.empty());
  if (now == told_ && why == told_reason_) return is_whole;
  told_ = now;
  told_reason_.swap(why);
  try {
    listener_->OnState(told_, told_reason_);
  } catch (...) {
    // The host's exception must not unwind through our steps; hooks.h says so.
  }
  return is_whole;
}

}  // namespace internal
}  // namespace weir
