// Appends the newest messages of compacted topics again before their segments are dropped.
//
// No copy ever stands behind what supersedes it. So its place is claimed first, the index of the
// newest messages is fed all that stands before it, and if anything newer is there the claim
// becomes a void. Therefore a newer message, one that deletes the key and a purge may go with their
// segments: no copy of what they supersede is left behind them.

#ifndef WEIR_STORE_LATEST_CARRIER_H_
#define WEIR_STORE_LATEST_CARRIER_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "format/message_copy.h"
#include "index/indexer.h"
#include "log/commit_log.h"
#include "log/log_view.h"
#include "store/carried.h"
#include "store/latest_keys.h"
#include "store/retention_clock.h"

namespace weir::internal {

// One thread at a time carries; the counters are for any.
class LatestCarrier final : public Carried {
 public:
  // Nothing is owned.
  struct Parts {
    CommitLog* log;
    LogView* view;
    Indexer* indexer;
    LatestKeys* keys;
    RetentionClock* clock;
  };
  explicit LatestCarrier(const Parts& parts) : parts_(parts) {}

  absl::StatusOr<uint64_t> Carry(LogPosition below) override;
  // A bounded piece of it: of up to kBytesPerStep, or one message that is larger. `*more`: call
  // again.
  static constexpr uint64_t kBytesPerStep = uint64_t{1} << 20;
  absl::StatusOr<uint64_t> CarrySome(LogPosition below, bool* more);

  // Whether there is any to be carried.
  bool HasAny(LogPosition below) const { return parts_.keys->FindOldest(below).has_value(); }

  // Copies appended since the store was opened.
  uint64_t copies() const { return copies_.load(std::memory_order_relaxed); }

 private:
  enum class Verdict : uint8_t { kNewest, kSuperseded, kUnfinished };

  // Carries one, or forgets it; how many bytes of records that took.
  absl::StatusOr<uint64_t> CarryOne(const LatestKeys::Named& named);
  absl::StatusOr<uint64_t> Append(const LatestKeys::Named& named, const MessageCopy& copy);
  // What the log below `place`, which is claimed, says. kUnfinished: not all of it is published.
  absl::StatusOr<Verdict> Judge(const LatestKeys::Named& named, LogPosition place);

  const Parts parts_;
  std::atomic<uint64_t> copies_{0};
};

}  // namespace weir::internal

#endif  // WEIR_STORE_LATEST_CARRIER_H_
