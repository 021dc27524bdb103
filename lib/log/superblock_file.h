// The superblock's file: read at open, written in alternating slots, replaced when it fails.

#ifndef WEIR_LOG_SUPERBLOCK_FILE_H_
#define WEIR_LOG_SUPERBLOCK_FILE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "format/superblock.h"
#include "weir/file_system.h"

namespace weir::internal {

class SuperblockFile {
 public:
  // The names of all generations of its file, sorted.
  static absl::StatusOr<std::vector<std::string>> List(Directory& directory);

  // The newest superblock of the directory, of all generations of its file; null if there is no
  // such file. `mode` is kRead or kReadWrite. A writer may be at it.
  static absl::StatusOr<std::unique_ptr<SuperblockFile>> Load(Directory& directory, OpenMode mode);

  // Load() sees regular files only. An error if something else has the superblock's name.
  static absl::Status CheckNotPlanted(Directory& directory);

  // Writes the first superblock of a store, durably.
  static absl::StatusOr<std::unique_ptr<SuperblockFile>> Create(Directory& directory,
                                                                const Superblock& superblock);

  // Takes the lock that the file made by Create() or written anew has from the start. LOCK says who
  // may write; this finds a writer whose LOCK somebody removed. kUnavailable if there is one.
  absl::Status TryLock();
  // Gives the lock and the file back; Update() and Stat() are refused from then on.
  void Release() {
    MutexLock lock(mutex_);
    file_.reset();
  }

  Superblock current() const {
    MutexLock lock(mutex_);
    return current_;
  }

  // Changes fields, and writes and syncs the result into the older slot; before the first time the
  // newer slot is written again, as it was read. If that fails the file is written anew under the
  // next generation; if that fails too the superblock is as before.
  absl::Status Update(const std::function<void(Superblock&)>& change);

  absl::StatusOr<FileStatus> Stat() {
    MutexLock lock(mutex_);
    if (file_ == nullptr) return absl::FailedPreconditionError("closed");
    return file_->Stat();
  }

 private:
  // Whether this process has synced the current superblock, or found it.
  enum class Origin : uint8_t { kRead, kWritten };

  SuperblockFile(Directory& directory, std::unique_ptr<File> file, uint64_t generation,
                 Superblock current, Origin origin)
      : directory_(directory),
        file_(std::move(file)),
        generation_(generation),
        furthest_generation_(generation),
        current_(std::move(current)),
        is_settled_(origin == Origin::kWritten) {}

  // kNotFound: one of them is not there.
  static absl::StatusOr<std::unique_ptr<SuperblockFile>> LoadNewest(
      Directory& directory, OpenMode mode, const std::vector<std::string>& names);
  static absl::StatusOr<std::unique_ptr<File>> WriteAnew(Directory& directory, uint64_t generation,
                                                         const Superblock& superblock);

  absl::Status WriteSlot(uint64_t sequence, absl::string_view slot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SettleCurrent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Directory& directory_;
  mutable Mutex mutex_;
  std::unique_ptr<File> file_ ABSL_GUARDED_BY(mutex_);
  uint64_t generation_ ABSL_GUARDED_BY(mutex_);
  uint64_t furthest_generation_ ABSL_GUARDED_BY(mutex_);  // of all files that there are
  Superblock current_ ABSL_GUARDED_BY(mutex_);
  bool is_poisoned_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_settled_ ABSL_GUARDED_BY(mutex_);  // the current superblock is on the disk
};

}  // namespace weir::internal

#endif  // WEIR_LOG_SUPERBLOCK_FILE_H_
