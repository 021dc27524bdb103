#include "io/file_descriptor.h"

#include <unistd.h>

namespace weir::internal {

FileDescriptor::~FileDescriptor() {
  if (is_open()) close(fd_);
}

}  // namespace weir::internal
