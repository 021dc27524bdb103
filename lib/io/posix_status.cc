#include "io/posix_status.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace weir::internal {
namespace {

absl::StatusCode CodeFor(int error) {
  switch (error) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::StatusCode::kResourceExhausted;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
    case EBUSY:
    case ENOLCK:
      return absl::StatusCode::kUnavailable;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ELOOP:
    case EXDEV:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kDataLoss;
  }
}

}  // namespace

absl::Status PosixStatus(absl::string_view path, absl::string_view call, int error) {
  // Abseil's text is thread-safe; its code is not ours.
  return absl::Status(CodeFor(error),
                      absl::ErrnoToStatus(error, absl::StrCat(path, ": ", call)).message());
}

}  // namespace weir::internal
