// A regular file of the real file system, over a descriptor.
//
// An error of Sync() is handed on and never tried away: the kernel drops what it could not write
// and says so once, so that a second call would answer OK for bytes that are gone. The destructor
// closes and reports nothing; only Sync() speaks for the disk.

#ifndef WEIR_IO_POSIX_FILE_H_
#define WEIR_IO_POSIX_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "io/file_descriptor.h"
#include "io/file_lock.h"
#include "weir/file_system.h"

namespace weir::internal {

class PosixFile final : public File {
 public:
  // `path` is for the text of errors.
  PosixFile(FileDescriptor fd, std::string path);

  absl::StatusOr<size_t> Read(uint64_t offset, absl::Span<char> out) override;
  absl::Status Write(uint64_t offset, absl::Span<const absl::string_view> pieces) override;
  absl::Status Sync() override;
  absl::Status Allocate(uint64_t size) override;
  absl::Status Truncate(uint64_t size) override;
  absl::StatusOr<FileStatus> Stat() override;
  absl::Status TryLock() override;
  absl::Status ProbeLock() override;

 private:
  const FileDescriptor fd_;
  const std::string path_;
  FileLock lock_;  // synchronises itself
};

// fstat as the interface answers it; of directories too.
absl::StatusOr<FileStatus> StatDescriptor(int fd, const std::string& path);

}  // namespace weir::internal

#endif  // WEIR_IO_POSIX_FILE_H_
