// Appends state records of one index to the log.

#ifndef WEIR_STORE_STATE_APPENDER_H_
#define WEIR_STORE_STATE_APPENDER_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "log/commit_log.h"

namespace weir::internal {

// Any thread.
class StateAppender {
 public:
  // `name` as in the records; lives as long as this does.
  StateAppender(CommitLog* log, absl::string_view name) : log_(log), name_(name) {}

  // So many bytes of entries fit into one record.
  size_t entries_bytes_max() const;
  // Now or not at all, since the caller holds the lock that orders what he says: kDeadlineExceeded
  // if there is no room. Published when this returns.
  absl::StatusOr<Reservation> TryAppend(absl::string_view entries);
  // Waits for room, with no lock held.
  absl::Status MakeRoom(size_t entries_bytes, Deadline deadline);
  // Waits until what was appended survives power loss; an error if it never will, or not now.
  absl::Status MakeDurable(const Reservation& place);

 private:
  CommitLog* const log_;
  const absl::string_view name_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_STATE_APPENDER_H_
