// The time by which ages are measured: a clock that jumps makes nothing old.
//
// It follows the wall clock, but at most twice as fast as time passes by the monotonic clock, and
// goes on where the log says it was: what a store missed while it was closed is made up for in as
// long as it was closed, and a clock that is wrong by a century for an hour is believed for an
// hour.

#ifndef WEIR_STORE_RETENTION_CLOCK_H_
#define WEIR_STORE_RETENTION_CLOCK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "index/log_index.h"
#include "store/carried.h"
#include "store/state_appender.h"
#include "weir/clock.h"

namespace weir::internal {

// Any thread.
class RetentionClock final : public LogIndex, public Carried {
 public:
  static constexpr absl::string_view kName = "time";

  // Neither is owned. `appender` may be null: then nothing is ever carried.
  RetentionClock(Clock* clock, StateAppender* appender) : clock_(clock), appender_(appender) {}

  // Nanoseconds since the epoch. `newest` is the store time of the newest record: where nothing is
  // known of an earlier life, the clock begins there or, in an empty log (0), where the wall clock
  // is.
  int64_t Now(int64_t newest) ABSL_LOCKS_EXCLUDED(mutex_);

  // Says what time it is, for the next life; before any segment goes.
  absl::StatusOr<uint64_t> Carry(LogPosition below) override ABSL_LOCKS_EXCLUDED(mutex_);

  absl::string_view name() const override { return kName; }
  absl::Status Apply(const ScannedRecord& record) override;
  std::string SaveAll(LogPosition to) const override { return SaveChanges(LogPosition(0), to); }
  std::string SaveChanges(LogPosition from, LogPosition to) const override;
  absl::Status Load(absl::string_view bytes) override;
  void Restart() override;

 private:
  struct Said {
    int64_t time = 0;
    LogPosition position;
  };

  // A record says the time.
  void Remember(Said said) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock* const clock_;
  StateAppender* const appender_;
  mutable Mutex mutex_;
  bool has_begun_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t time_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t looked_ ABSL_GUARDED_BY(mutex_) = 0;  // monotonic
  bool was_said_ ABSL_GUARDED_BY(mutex_) = false;
  // By the newest record, and by the one before it: what is saved with a segment may not show what
  // was said behind it.
  Said newest_ ABSL_GUARDED_BY(mutex_);
  Said before_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::internal

#endif  // WEIR_STORE_RETENTION_CLOCK_H_
