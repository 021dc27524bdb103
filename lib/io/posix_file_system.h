// The real FileSystem.

#ifndef WEIR_IO_POSIX_FILE_SYSTEM_H_
#define WEIR_IO_POSIX_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "weir/file_system.h"

namespace weir::internal {

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(const std::string& path,
                                                           bool create) override;
  absl::StatusOr<std::unique_ptr<SharedMemory>> CreateShared(const std::string& directory,
                                                             absl::string_view name,
                                                             SharedMemorySize size) override;
  absl::StatusOr<std::unique_ptr<SharedMemory>> OpenShared(const std::string& directory,
                                                           absl::string_view name,
                                                           size_t header_bytes,
                                                           OpenMode mode) override;
  absl::Status RemoveShared(const std::string& directory, absl::string_view name) override;
  absl::StatusOr<std::unique_ptr<SharedMemory>> CreatePrivate(SharedMemorySize size) override;

  // OK only in the machine's own process and IPC namespaces: the death of a process that a
  // container was made for takes the container's shared memory along. Reasons in the text.
  absl::Status SharedMemoryOutlivesProcess() override;

  // 16 zero bytes if the system does not say.
  std::string BootId() override;
  uint64_t ProcessId() override;
  uint64_t RandomBits() override;
};

}  // namespace weir::internal

#endif  // WEIR_IO_POSIX_FILE_SYSTEM_H_
