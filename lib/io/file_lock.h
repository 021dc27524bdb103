// An exclusive lock on a whole file, held by an open file description (F_OFD_SETLK): it conflicts
// inside one process as between two, and closing some other descriptor of the file does not drop
// it, as it would drop a classic POSIX lock.
//
// A forked child shares the description. A lock therefore ends when the last process that inherited
// the descriptor has closed it; exec closes it.

#ifndef WEIR_IO_FILE_LOCK_H_
#define WEIR_IO_FILE_LOCK_H_

#include <atomic>
#include <string>

#include "absl/status/status.h"

namespace weir::internal {

class FileLock final {
 public:
  // Locks through `fd`, which outlives this object and whose end is the lock's end.
  explicit FileLock(int fd) : fd_(fd) {}

  // Without waiting. kUnavailable if anyone else holds it.
  absl::Status TryLock(const std::string& path);
  // OK if nobody holds it, this object included; else kUnavailable.
  absl::Status Probe(const std::string& path) const;

 private:
  const int fd_;
  std::atomic<bool> is_held_{false};  // one's own lock cannot be seen through one's own descriptor
};

}  // namespace weir::internal

#endif  // WEIR_IO_FILE_LOCK_H_
