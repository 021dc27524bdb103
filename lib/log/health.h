// The state of a store: which conditions stand, and the listener that hears of changes.

#ifndef WEIR_LOG_HEALTH_H_
#define WEIR_LOG_HEALTH_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "weir/hooks.h"

namespace weir::internal {

enum class Condition : uint8_t {
  kDiskFull,      // degraded: no space to write or to replace a file; heals
  kNoSpaceAhead,  // degraded: no space for the next segment; heals
  kDamage,        // degraded: ranges of the log cannot be read
  kFrontGone,     // degraded: the shared front was unlinked
  kStaleClaim,    // degraded: a claim is held for long; heals
  kStrayWrite,    // degraded: somebody wrote into the front
  kIndex,         // degraded: an index file cannot be written; heals
  kRetention,     // degraded: old segments cannot be dropped; heals
  kRefused,       // degraded: the retention policy lets nothing in; heals
  kFailed,        // read-only: the disk failed in a way that space does not cure
  kClosed,
};
inline constexpr size_t kConditions = 11;

// All functions may be called from any thread.
class Health {
 public:
  explicit Health(StateListener* listener) : listener_(listener) {}

  // Takes place also if there is no memory for the reason; then "out of memory" is all it says.
  void Raise(Condition condition, absl::string_view reason);
  void Clear(Condition condition);
  bool Has(Condition condition) const {
    return (raised_.load(std::memory_order_acquire) & Bit(condition)) != 0;
  }

  // The promise that this thread broke makes it read-only, and is returned and forgotten. OK if all
  // were kept.
  absl::Status RaiseBroken();

  StoreState state() const;
  std::string reason() const;
  // Why an append is refused now: OK, kResourceExhausted or kFailedPrecondition.
  absl::Status WhyNoAppend() const;

  // Tells the listener of changes since the last call. Where there is no memory for a reason it
  // hears of the state, and of the reason another time. The caller holds no lock.
  void TellListener();

 private:
  static uint32_t Bit(Condition condition) { return 1u << static_cast<uint32_t>(condition); }
  static StoreState StateOf(uint32_t raised);
  bool TellNow();

  StateListener* const listener_;
  std::atomic<uint32_t> raised_{0};
  std::atomic<bool> changed_{false};

  mutable Mutex mutex_;
  std::array<std::string, kConditions> reasons_ ABSL_GUARDED_BY(mutex_);
  // One call of the listener at a time. Not a lock: the listener may call the store, and come here.
  std::atomic<bool> telling_{false};
  StoreState told_ = StoreState::kHealthy;  // belong to who tells
  std::string told_reason_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_HEALTH_H_
