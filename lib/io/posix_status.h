// An errno as a Status, with the codes that weir/file_system.h promises.

#ifndef WEIR_IO_POSIX_STATUS_H_
#define WEIR_IO_POSIX_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace weir::internal {

// "<path>: <call>: <what the error means>". `error` is not 0.
absl::Status PosixStatus(absl::string_view path, absl::string_view call, int error);

}  // namespace weir::internal

#endif  // WEIR_IO_POSIX_STATUS_H_
