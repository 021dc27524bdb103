#include "io/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace weir::internal {

FileDescriptor::~FileDescriptor() {
  if (is_open()) close(fd_);
}

int FileDescriptor::MoveUp(int fd) {
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, kFirst);
  const int error = errno;
  close(fd);
  errno = error;
  return moved;
}

}  // namespace weir::internal
