// Which call of the file system is to fail, and how.
//
//   file_system.Inject({.kind = OperationKind::kSync, .nth = 3, .code =
//   absl::StatusCode::kDataLoss,
//                       .pages = PagesAfterFailure::kDropped});

#ifndef WEIR_TESTS_SUPPORT_FAULT_H_
#define WEIR_TESTS_SUPPORT_FAULT_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "support/disk_file.h"

namespace weir::testing {

enum class OperationKind : uint8_t {
  kOpenDirectory,  // FileSystem::OpenDirectory, Directory::Subdirectory
  kOpen,
  kCreate,  // Directory::Open with kCreate
  kRead,
  kWrite,
  kSync,
  kAllocate,
  kTruncate,
  kStat,
  kLock,  // TryLock and ProbeLock, of files and of shared memory
  kList,
  kRename,  // and MoveTo
  kLink,
  kRemove,
  kSyncDirectory,
  kCreateShared,
  kOpenShared,
  kRemoveShared,
  kCreatePrivate,
  kStatShared,  // SharedMemory::IsLinked
};
inline constexpr int kOperationKinds = 20;

absl::string_view OperationKindName(OperationKind kind);

// A call that is about to be made.
struct Operation {
  uint64_t index = 0;  // among all calls of this world, from 0
  OperationKind kind = OperationKind::kOpen;
  absl::string_view name;  // of the file, directory or shared memory
  // Only kWrite.
  uint64_t inode = 0;
  uint64_t offset = 0;
  absl::Span<const absl::string_view> pieces;
};

struct Fault {
  static constexpr uint64_t kForEver = std::numeric_limits<uint64_t>::max();

  // Which calls count: of this kind and on a name that contains this. Default: all.
  std::optional<OperationKind> kind = std::nullopt;
  std::string name_contains = {};
  // The nth of them since Inject() fails, and the `times` - 1 that follow it.
  uint64_t nth = 1;
  uint64_t times = 1;

  absl::StatusCode code = absl::StatusCode::kDataLoss;
  std::string reason = "injected fault";
  // A failed write or read has transferred so many sectors of its bytes before it failed.
  uint64_t sectors_written = 0;
  // Of a failed sync. Of a directory, kReverted is as kDropped: processes go on seeing the names.
  PagesAfterFailure pages = PagesAfterFailure::kKept;
};

// The reasons as a kernel gives them.
inline Fault DiskFull(Fault fault) {
  fault.code = absl::StatusCode::kResourceExhausted;
  fault.reason = "No space left on device";
  return fault;
}
inline Fault InputOutputError(Fault fault) {
  fault.code = absl::StatusCode::kDataLoss;
  fault.reason = "Input/output error";
  return fault;
}
inline Fault TooManyOpenFiles(Fault fault) {
  fault.code = absl::StatusCode::kUnavailable;
  fault.reason = "Too many open files";
  return fault;
}
inline Fault ReadOnlyFileSystem(Fault fault) {
  fault.code = absl::StatusCode::kPermissionDenied;
  fault.reason = "Read-only file system";
  return fault;
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_FAULT_H_
