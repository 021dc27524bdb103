// A power of two of bytes, mapped twice back to back, shared or private, behind a header.
//
//   file:    | header | ring |
//   memory:  | header | ring | ring |      a write across the end of the ring appears at its start
//
// The space is taken before the first byte is mapped: a full /dev/shm is a Status, and no later
// store into the ring can fail with a signal. Creation touches every page through both mappings, so
// that later stores take no page fault. The memory is not inherited by a forked child.

#ifndef WEIR_IO_MIRRORED_RING_H_
#define WEIR_IO_MIRRORED_RING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/file_descriptor.h"
#include "io/file_lock.h"
#include "io/posix_directory.h"
#include "weir/file_system.h"

namespace weir::internal {

class MirroredRing final : public SharedMemory {
 public:
  // As the functions of FileSystem with the like names. kFailedPrecondition for sizes that cannot
  // be mapped, given or found.
  static absl::StatusOr<std::unique_ptr<SharedMemory>> CreateShared(PosixDirectory& directory,
                                                                    absl::string_view name,
                                                                    SharedMemorySize size);
  static absl::StatusOr<std::unique_ptr<SharedMemory>> OpenShared(PosixDirectory& directory,
                                                                  absl::string_view name,
                                                                  size_t header_bytes,
                                                                  OpenMode mode);
  static absl::StatusOr<std::unique_ptr<SharedMemory>> CreatePrivate(SharedMemorySize size);

  // Unmaps and closes; the name stays. In a forked child, where the addresses may by now belong to
  // somebody else, it only closes.
  ~MirroredRing() override;

  MirroredRing(const MirroredRing&) = delete;
  MirroredRing& operator=(const MirroredRing&) = delete;

  bool is_shared() const override { return is_shared_; }
  // Private memory is nobody else's to lock: always OK.
  absl::Status TryLock() override;
  absl::Status ProbeLock() override;
  // Private memory has no name that anybody could remove: true.
  absl::StatusOr<bool> IsLinked() override;

 private:
  MirroredRing(FileDescriptor fd, std::string path, bool is_shared);

  // Takes the space, maps it and touches it.
  absl::Status Create(SharedMemorySize size);
  absl::Status Map(SharedMemorySize size, int protection);
  absl::Status Touch();

  const FileDescriptor fd_;
  const std::string path_;
  const bool is_shared_;
  const uint64_t process_;  // that made the mapping
  FileLock lock_;           // synchronises itself
  char* reserved_ = nullptr;
  size_t reserved_bytes_ = 0;
};

}  // namespace weir::internal

#endif  // WEIR_IO_MIRRORED_RING_H_
