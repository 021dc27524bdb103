// Disks made of files: images with a file system in them, mounted over loop devices. All of it lies
// in a workplace and goes with it.

#ifndef WEIR_TESTS_KERNEL_DISKS_H_
#define WEIR_TESTS_KERNEL_DISKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace weir::kernel {

// A file system that an image may hold: a name for people, and the command that makes it.
struct DiskKind {
  std::string name;
  std::string type;        // as mount has it
  std::string make;        // mkfs and its options; the image's path is appended
  std::string options;     // of mount
  uint64_t megabytes_min;  // of an image
};

// Those that this machine can make and mount: ext4 with and without a journal, xfs, btrfs.
std::vector<DiskKind> DiskKinds(const std::string& scratch);

absl::Status MakeImage(const DiskKind& kind, const std::string& image, uint64_t megabytes);
// Makes the directory and mounts the image there.
absl::Status MountImage(const DiskKind& kind, const std::string& image, const std::string& path);
// Nothing of it may be open. If something is it goes when that is closed, and that is an error.
absl::Status Unmount(const std::string& path);

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_DISKS_H_
