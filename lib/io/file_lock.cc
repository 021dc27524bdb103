#include "io/file_lock.h"

#include <fcntl.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "io/posix_status.h"

namespace weir::internal {
namespace {

struct flock WholeFile() {
  struct flock lock {};  // l_pid must be 0
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

absl::Status HeldError(const std::string& path) {
  return absl::UnavailableError(absl::StrCat(path, ": locked by another"));
}

}  // namespace

absl::Status FileLock::TryLock(const std::string& path) {
  struct flock lock = WholeFile();
  int result;
  do {
    result = fcntl(fd_, F_OFD_SETLK, &lock);
  } while (result != 0 && errno == EINTR);
  if (result == 0) {
    is_held_.store(true);
    return absl::OkStatus();
  }
  if (errno == EAGAIN || errno == EACCES) return HeldError(path);
  return PosixStatus(path, "lock", errno);
}

absl::Status FileLock::Probe(const std::string& path) const {
  if (is_held_.load()) return absl::UnavailableError(absl::StrCat(path, ": locked by this object"));
  struct flock lock = WholeFile();
  int result;
  do {
    result = fcntl(fd_, F_OFD_GETLK, &lock);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return PosixStatus(path, "probe of the lock", errno);
  return lock.l_type == F_UNLCK ? absl::OkStatus() : HeldError(path);
}

}  // namespace weir::internal
