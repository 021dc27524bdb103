#include "io/posix_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "io/posix_file.h"
#include "io/posix_status.h"

namespace weir::internal {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// A name is one component: it can lead nowhere but into its directory.
absl::Status CheckName(const std::string& path, absl::string_view name) {
  const bool is_good = !name.empty() && name != "." && name != ".." &&
                       name.find('/') == absl::string_view::npos &&
                       name.find('\0') == absl::string_view::npos;
  if (is_good) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path, ": not the name of a file"));
}

template <typename Call>
int Uninterrupted(Call call) {
  int result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// openat() of one component that follows no link, crosses no mount and leaves no directory.
int OpenBeneath(int directory, const char* name, int flags, mode_t mode) {
  if (Without(Protection::kNoLinks)) return openat(directory, name, flags, mode);
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_NOFOLLOW);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  const int fd = Uninterrupted(
      [&] { return static_cast<int>(syscall(SYS_openat2, directory, name, &how, sizeof how)); });
  // Older kernels do not have it, and older sandboxes deny what they do not know. For a single
  // component openat() differs only in what is mounted over the name.
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
  return Uninterrupted([&] { return openat(directory, name, flags | O_NOFOLLOW, mode); });
}

absl::Status CheckOwner(const std::string& path, const struct stat& status, bool or_root) {
  const uid_t user = geteuid();
  if (status.st_uid == user || (or_root && status.st_uid == 0)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": belongs to user ", status.st_uid, ", not to ", user));
}

absl::Status CheckFile(int fd, const std::string& path) {
  struct stat status;
  if (fstat(fd, &status) != 0) return PosixStatus(path, "fstat", errno);
  if (!S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": not a regular file"));
  }
  RETURN_IF_ERROR(CheckOwner(path, status, /*or_root=*/false));
  // It was for the opening only.
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return PosixStatus(path, "fcntl", errno);
  }
  return absl::OkStatus();
}

absl::Status CheckDirectory(int fd, const std::string& path) {
  struct stat status;
  if (fstat(fd, &status) != 0) return PosixStatus(path, "fstat", errno);
  return CheckOwner(path, status, /*or_root=*/true);
}

// Makes the name of the directory `fd` survive power loss. If it was there already its maker may
// have died between making and syncing, so it is synced again; but then an old parent that we may
// not read, or that cannot be synced, is nothing that we could mend.
absl::Status SyncParent(int fd, const std::string& path, bool was_made) {
  const FileDescriptor parent(Uninterrupted([&] { return openat(fd, "..", kDirectoryFlags); }));
  if (parent.is_open() && fsync(parent.get()) == 0) return absl::OkStatus();
  if (!was_made && (errno == EACCES || errno == EINVAL)) return absl::OkStatus();
  return PosixStatus(path, "fsync of the parent", errno);
}

// RENAME_NOREPLACE, or link and unlink where the file system or the kernel does not know it.
absl::Status Move(int from_directory, const std::string& from, int to_directory,
                  const std::string& to, const std::string& path) {
  const unsigned flags = Without(Protection::kRenameKeeps) ? 0 : RENAME_NOREPLACE;
  if (renameat2(from_directory, from.c_str(), to_directory, to.c_str(), flags) == 0) {
    return absl::OkStatus();
  }
  if (errno != EINVAL && errno != ENOSYS) return PosixStatus(path, "renameat2", errno);
  if (linkat(from_directory, from.c_str(), to_directory, to.c_str(), 0) != 0) {
    return PosixStatus(path, "linkat", errno);
  }
  if (unlinkat(from_directory, from.c_str(), 0) != 0) return PosixStatus(path, "unlinkat", errno);
  return absl::OkStatus();
}

bool IsRegular(int directory, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_REG;
  struct stat status;
  return fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISREG(status.st_mode);
}

}  // namespace

PosixDirectory::PosixDirectory(FileDescriptor fd, std::string path)
    : fd_(std::move(fd)), path_(std::move(path)) {}

std::string PosixDirectory::PathOf(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

absl::StatusOr<std::unique_ptr<PosixDirectory>> PosixDirectory::OpenPath(const std::string& path,
                                                                         bool create) {
  if (path.find('\0') != std::string::npos) {
    return absl::FailedPreconditionError("the path of a directory holds a zero byte");
  }
  const auto open_path = [&] { return open(path.c_str(), kDirectoryFlags); };
  FileDescriptor fd(Uninterrupted(open_path));
  bool was_made = false;
  if (!fd.is_open() && errno == ENOENT && create) {
    was_made = mkdir(path.c_str(), kDirectoryMode) == 0;
    if (!was_made && errno != EEXIST) return PosixStatus(path, "mkdir", errno);
    fd = FileDescriptor(Uninterrupted(open_path));
  }
  if (!fd.is_open()) return PosixStatus(path, "open", errno);
  RETURN_IF_ERROR(CheckDirectory(fd.get(), path));
  if (was_made && fchmod(fd.get(), kDirectoryMode) != 0) return PosixStatus(path, "fchmod", errno);
  if (create && !Without(Protection::kStoreName)) {
    RETURN_IF_ERROR(SyncParent(fd.get(), path, was_made));
  }
  return std::unique_ptr<PosixDirectory>(new PosixDirectory(std::move(fd), path));
}

absl::StatusOr<FileDescriptor> PosixDirectory::OpenDescriptor(absl::string_view name,
                                                              OpenMode mode) {
  const std::string path = PathOf(name);
  RETURN_IF_ERROR(CheckName(path, name));
  const bool create = mode == OpenMode::kCreate;
  const int flags = (mode == OpenMode::kRead ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK |
                    O_NOCTTY | (create ? O_CREAT : 0) |
                    (create && !Without(Protection::kExclusiveCreate) ? O_EXCL : 0);
  FileDescriptor fd(OpenBeneath(fd_.get(), std::string(name).c_str(), flags, kFileMode));
  if (!fd.is_open()) {
    // So answers a link, a socket, or a device without a driver.
    if (errno == ELOOP || errno == ENXIO || errno == ENODEV) {
      return absl::FailedPreconditionError(absl::StrCat(path, ": not a regular file"));
    }
    return PosixStatus(path, "open", errno);
  }
  absl::Status status = CheckFile(fd.get(), path);
  if (create && status.ok() && fchmod(fd.get(), kFileMode) != 0) {
    status = PosixStatus(path, "fchmod", errno);
  }
  if (!status.ok()) {
    // The first error is the one to report; a name that stays behind is found by List().
    if (create) Remove(name).IgnoreError();
    return status;
  }
  return fd;
}

absl::StatusOr<std::unique_ptr<File>> PosixDirectory::Open(absl::string_view name, OpenMode mode) {
  ASSIGN_OR_RETURN(FileDescriptor fd, OpenDescriptor(name, mode));
  return std::make_unique<PosixFile>(std::move(fd), PathOf(name));
}

absl::StatusOr<std::vector<std::string>> PosixDirectory::List() {
  // A description of its own: the place in the listing is a property of the description.
  FileDescriptor fd(Uninterrupted([&] { return openat(fd_.get(), ".", kDirectoryFlags); }));
  if (!fd.is_open()) return PosixStatus(path_, "open", errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(fd.get()), closedir);
  if (stream == nullptr) return PosixStatus(path_, "fdopendir", errno);
  fd.Release();
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr && errno != 0) return PosixStatus(path_, "readdir", errno);
    if (entry == nullptr) return names;
    if (IsRegular(fd_.get(), *entry)) names.emplace_back(entry->d_name);
  }
}

absl::Status PosixDirectory::Rename(absl::string_view from, absl::string_view to) {
  return MoveTo(from, *this, to);
}

absl::Status PosixDirectory::MoveTo(absl::string_view from, Directory& target,
                                    absl::string_view to) {
  auto* const other = dynamic_cast<PosixDirectory*>(&target);
  if (other == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(PathOf(from), ": the target directory is of another file system"));
  }
  RETURN_IF_ERROR(CheckName(PathOf(from), from));
  RETURN_IF_ERROR(CheckName(other->PathOf(to), to));
  return Move(fd_.get(), std::string(from), other->fd_.get(), std::string(to),
              absl::StrCat(PathOf(from), " -> ", other->PathOf(to)));
}

absl::Status PosixDirectory::LinkTo(absl::string_view from, Directory& target,
                                    absl::string_view to) {
  auto* const other = dynamic_cast<PosixDirectory*>(&target);
  if (other == nullptr) return absl::UnimplementedError(PathOf(from));
  RETURN_IF_ERROR(CheckName(PathOf(from), from));
  RETURN_IF_ERROR(CheckName(other->PathOf(to), to));
  // Of a symbolic link the link itself, which nobody follows.
  if (linkat(fd_.get(), std::string(from).c_str(), other->fd_.get(), std::string(to).c_str(), 0) ==
      0) {
    return absl::OkStatus();
  }
  const int error = errno;
  const absl::Status status =
      PosixStatus(absl::StrCat(PathOf(from), " -> ", other->PathOf(to)), "linkat", error);
  // Another file system, one without links, one with too many of them, or not our own file.
  const bool is_impossible =
      error == EXDEV || error == EPERM || error == EOPNOTSUPP || error == EMLINK;
  return is_impossible ? absl::UnimplementedError(status.message()) : status;
}

absl::Status PosixDirectory::Remove(absl::string_view name) {
  const std::string path = PathOf(name);
  RETURN_IF_ERROR(CheckName(path, name));
  if (unlinkat(fd_.get(), std::string(name).c_str(), 0) != 0) {
    return PosixStatus(path, "unlinkat", errno);
  }
  return absl::OkStatus();
}

absl::Status PosixDirectory::Sync() {
  if (fsync(fd_.get()) != 0) return PosixStatus(path_, "fsync", errno);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> PosixDirectory::FreeBytes() {
  struct statvfs status {};
  if (fstatvfs(fd_.get(), &status) != 0) return PosixStatus(path_, "fstatvfs", errno);
  return uint64_t{status.f_bavail} * status.f_frsize;
}

absl::StatusOr<FileStatus> PosixDirectory::Stat() { return StatDescriptor(fd_.get(), path_); }

absl::StatusOr<std::unique_ptr<Directory>> PosixDirectory::Subdirectory(absl::string_view name,
                                                                        bool create) {
  const std::string path = PathOf(name);
  RETURN_IF_ERROR(CheckName(path, name));
  const std::string component(name);
  const bool was_made = create && mkdirat(fd_.get(), component.c_str(), kDirectoryMode) == 0;
  if (create && !was_made && errno != EEXIST) return PosixStatus(path, "mkdirat", errno);
  FileDescriptor fd(OpenBeneath(fd_.get(), component.c_str(), kDirectoryFlags, 0));
  if (!fd.is_open()) return PosixStatus(path, "open", errno);
  RETURN_IF_ERROR(CheckDirectory(fd.get(), path));
  if (was_made && fchmod(fd.get(), kDirectoryMode) != 0) return PosixStatus(path, "fchmod", errno);
  return std::unique_ptr<Directory>(new PosixDirectory(std::move(fd), path));
}

}  // namespace weir::internal
