#include "log/directory_lock.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"

namespace weir::internal {
namespace {

// Empty if nobody wrote his process id yet.
std::string WrittenIn(File& lock_file) {
  std::string holder(32, '\0');
  const absl::StatusOr<size_t> got = lock_file.Read(0, absl::MakeSpan(holder));
  holder.resize(got.ok() ? *got : 0);
  absl::StripAsciiWhitespace(&holder);
  return holder;
}

// Who has the lock writes its process id a few calls later, so somebody who is refused in between
// looks so many times before he calls the holder unknown.
constexpr int kLooks = 5000;

// OK if the lock was to be had, else kUnavailable, naming the holder.
absl::Status LockOrNameHolder(File& file) {
  for (int look = 0; look < kLooks; ++look) {
    const absl::Status locked = file.TryLock();
    if (!absl::IsUnavailable(locked)) return locked;
    if (const std::string holder = WrittenIn(file); !holder.empty()) {
      return absl::UnavailableError(
          absl::StrCat("another writer has the store open: process ", holder));
    }
  }
  return absl::UnavailableError("another writer has the store open: process unknown");
}

}  // namespace

absl::StatusOr<std::unique_ptr<DirectoryLock>> DirectoryLock::Take(FileSystem& file_system,
                                                                   Directory& directory) {
  absl::StatusOr<std::unique_ptr<File>> file = directory.Open(kLockFileName, OpenMode::kReadWrite);
  if (absl::IsNotFound(file.status())) {
    file = directory.Open(kLockFileName, OpenMode::kCreate);
    // Somebody else was faster: then it is there.
    if (absl::IsAlreadyExists(file.status())) {
      file = directory.Open(kLockFileName, OpenMode::kReadWrite);
    }
  }
  if (!file.ok()) return file.status();
  if (!Without(Protection::kStoreLock)) RETURN_IF_ERROR(LockOrNameHolder(**file));
  ASSIGN_OR_RETURN(const FileStatus status, (*file)->Stat());
  if (status.links > 1 && !Without(Protection::kLockLinks)) {
    return absl::FailedPreconditionError(
        "LOCK has a second hard link: this directory shares files with a copy of the store; copy "
        "stores without hard links, or with the snapshot function");
  }
  // For people and error messages only; nothing rests on it.
  const std::string text = absl::StrCat(file_system.ProcessId(), "\n");
  (*file)->Truncate(0).IgnoreError();
  (*file)->Write(0, {absl::string_view(text)}).IgnoreError();
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(file_system, *std::move(file), status));
}

DirectoryLock::~DirectoryLock() {
  // The next holder's process id is not there at once, and this one's must not stand for it.
  if (file_system_.ProcessId() == process_) file_->Truncate(0).IgnoreError();
}

absl::StatusOr<bool> DirectoryLock::IsHeld(Directory& directory) {
  absl::StatusOr<std::unique_ptr<File>> file = directory.Open(kLockFileName, OpenMode::kRead);
  if (absl::IsNotFound(file.status())) return false;
  if (!file.ok()) return file.status();
  const absl::Status probed = (*file)->ProbeLock();
  if (absl::IsUnavailable(probed)) return true;
  RETURN_IF_ERROR(probed);
  return false;
}

absl::StatusOr<std::optional<std::string>> DirectoryLock::Holder(Directory& directory) {
  ASSIGN_OR_RETURN(const bool is_held, IsHeld(directory));
  if (!is_held) return std::nullopt;
  ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                   directory.Open(kLockFileName, OpenMode::kRead));
  const std::string holder = WrittenIn(*file);
  return holder.empty() ? "unknown" : holder;
}

}  // namespace weir::internal
