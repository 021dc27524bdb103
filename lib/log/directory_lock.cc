#include "log/directory_lock.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"

namespace weir::internal {
namespace {

std::string WrittenIn(File& lock_file) {
  std::string holder(32, '\0');
  const absl::StatusOr<size_t> got = lock_file.Read(0, absl::MakeSpan(holder));
  holder.resize(got.ok() ? *got : 0);
  absl::StripAsciiWhitespace(&holder);
  return holder.empty() ? "unknown" : holder;
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
  const absl::Status locked =
      Without(Protection::kStoreLock) ? absl::OkStatus() : (*file)->TryLock();
  if (absl::IsUnavailable(locked)) {
    return absl::UnavailableError(
        absl::StrCat("another writer has the store open: process ", WrittenIn(**file)));
  }
  RETURN_IF_ERROR(locked);
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
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(*std::move(file), status));
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
  return WrittenIn(*file);
}

}  // namespace weir::internal
