// Who may write in a store's directory: the holder of its LOCK file.

#ifndef WEIR_LOG_DIRECTORY_LOCK_H_
#define WEIR_LOG_DIRECTORY_LOCK_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "weir/file_system.h"

namespace weir::internal {

class DirectoryLock {
 public:
  // Takes the lock, which lasts as long as this object or the process, and writes the process id
  // into the file. kUnavailable, naming the holder, if somebody else has it; kFailedPrecondition
  // if LOCK has a second name: the directory was copied with hard links.
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> Take(FileSystem& file_system,
                                                             Directory& directory);

  // Takes the process id out of the file again, unless this is a forked child's copy.
  ~DirectoryLock();

  // True if a writer holds the lock now. False if nobody does or there is no LOCK.
  static absl::StatusOr<bool> IsHeld(Directory& directory);
  // The process id of who holds it, as he wrote it down ("unknown" if he did not); nullopt if
  // nobody does. Takes nothing.
  static absl::StatusOr<std::optional<std::string>> Holder(Directory& directory);

  const FileStatus& status() const { return status_; }

 private:
  DirectoryLock(FileSystem& file_system, std::unique_ptr<File> file, FileStatus status)
      : file_system_(file_system),
        process_(file_system.ProcessId()),
        file_(std::move(file)),
        status_(status) {}

  FileSystem& file_system_;
  const uint64_t process_;
  const std::unique_ptr<File> file_;
  const FileStatus status_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_DIRECTORY_LOCK_H_
