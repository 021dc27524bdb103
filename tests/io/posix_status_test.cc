#include "io/posix_status.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <utility>
#include <vector>

namespace weir::internal {
namespace {

TEST_CASE("an errno has the code that the file system's interface promises") {
  using absl::StatusCode;
  const std::vector<std::pair<int, StatusCode>> table = {
      {ENOENT, StatusCode::kNotFound},           {EEXIST, StatusCode::kAlreadyExists},
      {ENOSPC, StatusCode::kResourceExhausted},  {EDQUOT, StatusCode::kResourceExhausted},
      {EFBIG, StatusCode::kResourceExhausted},   {EMFILE, StatusCode::kUnavailable},
      {ENFILE, StatusCode::kUnavailable},        {ENOMEM, StatusCode::kUnavailable},
      {EAGAIN, StatusCode::kUnavailable},        {EACCES, StatusCode::kPermissionDenied},
      {EPERM, StatusCode::kPermissionDenied},    {EROFS, StatusCode::kPermissionDenied},
      {ELOOP, StatusCode::kFailedPrecondition},  {ENOTDIR, StatusCode::kFailedPrecondition},
      {EISDIR, StatusCode::kFailedPrecondition}, {EIO, StatusCode::kDataLoss},
      {EINVAL, StatusCode::kDataLoss},           {EINTR, StatusCode::kDataLoss},
      {EUCLEAN, StatusCode::kDataLoss},          {ESTALE, StatusCode::kDataLoss},
  };
  for (const auto& [error, code] : table) {
    CAPTURE(error);
    CHECK(PosixStatus("a/b", "call", error).code() == code);
  }
}

TEST_CASE("the text of an error names the file, the call and the reason") {
  const absl::Status status = PosixStatus("data/LOCK", "openat", ENOENT);

  CHECK(status.message() == "data/LOCK: openat: No such file or directory");
}

}  // namespace
}  // namespace weir::internal
