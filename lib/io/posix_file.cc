#include "io/posix_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/status_macros.h"
#include "io/posix_status.h"
#include "io/transfer.h"

namespace weir::internal {

PosixFile::PosixFile(FileDescriptor fd, std::string path)
    : fd_(std::move(fd)), path_(std::move(path)), lock_(fd_.get()) {}

absl::StatusOr<size_t> PosixFile::Read(uint64_t offset, absl::Span<char> out) {
  return ReadFully(fd_.get(), path_, offset, out);
}

absl::Status PosixFile::Write(uint64_t offset, absl::Span<const absl::string_view> pieces) {
  return WriteFully(fd_.get(), path_, offset, pieces);
}

absl::Status PosixFile::Sync() {
  // EINTR is an error like any other here: the call may have taken note of a failed write already.
  if (fdatasync(fd_.get()) != 0) return PosixStatus(path_, "fdatasync", errno);
  return absl::OkStatus();
}

absl::Status PosixFile::Allocate(uint64_t size) {
  RETURN_IF_ERROR(AllocateSpace(fd_.get(), path_, size));
  ASSIGN_OR_RETURN(const FileStatus status, Stat());
  return status.size > size ? Truncate(size) : absl::OkStatus();
}

absl::Status PosixFile::Truncate(uint64_t size) { return TruncateTo(fd_.get(), path_, size); }

absl::StatusOr<FileStatus> PosixFile::Stat() { return StatDescriptor(fd_.get(), path_); }

absl::Status PosixFile::TryLock() { return lock_.TryLock(path_); }

absl::Status PosixFile::ProbeLock() { return lock_.Probe(path_); }

absl::StatusOr<FileStatus> StatDescriptor(int fd, const std::string& path) {
  struct stat status;
  if (fstat(fd, &status) != 0) return PosixStatus(path, "fstat", errno);
  return FileStatus{.size = static_cast<uint64_t>(status.st_size),
                    .links = status.st_nlink,
                    .device = status.st_dev,
                    .inode = status.st_ino};
}

}  // namespace weir::internal
