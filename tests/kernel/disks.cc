#include "kernel/disks.h"

#include <sys/mount.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "kernel/workplace.h"

namespace weir::kernel {

std::vector<DiskKind> DiskKinds(const std::string& scratch) {
  const DiskKind known[] = {
      {"ext4", "ext4", "mkfs.ext4 -q -F -b 4096", "errors=continue", 64},
      {"ext4 without journal", "ext4", "mkfs.ext4 -q -F -b 4096 -O ^has_journal", "errors=continue",
       64},
      {"xfs", "xfs", "mkfs.xfs -q -f", "nouuid", 320},
      {"btrfs", "btrfs", "mkfs.btrfs -q -f", "defaults", 128},
  };
  std::vector<DiskKind> kinds;
  if (!MountTmpfs(scratch + "/probe_medium", "1g").ok()) return kinds;
  for (const DiskKind& kind : known) {
    const std::string image = scratch + "/probe_medium/image";
    const std::string mounted = scratch + "/probe";
    const bool can = MakeImage(kind, image, kind.megabytes_min).ok() &&
                     MountImage(kind, image, mounted).ok() && Unmount(mounted).ok();
    std::filesystem::remove(image);
    if (can) kinds.push_back(kind);
  }
  Unmount(scratch + "/probe_medium").IgnoreError();
  return kinds;
}

absl::Status MakeImage(const DiskKind& kind, const std::string& image, uint64_t megabytes) {
  return RunCommand(absl::StrCat("rm -f ", image, " && truncate -s ", megabytes, "M ", image,
                                 " && ", kind.make, " ", image))
      .status();
}

absl::Status MountImage(const DiskKind& kind, const std::string& image, const std::string& path) {
  std::filesystem::create_directories(path);
  // `loop` takes a device that is given back (LO_FLAGS_AUTOCLEAR) when nothing is mounted from it
  // any more: at the latest when the last process of the namespace has ended, in whatever way.
  return RunCommand(
             absl::StrCat("mount -t ", kind.type, " -o loop,", kind.options, " ", image, " ", path))
      .status();
}

absl::Status Unmount(const std::string& path) {
  // No other process sees these mounts, and a victim that was waited for has no descriptors any
  // more: if one is busy a harness has left something open, and shall hear of it.
  if (umount2(path.c_str(), 0) == 0) return absl::OkStatus();
  const int error = errno;
  umount2(path.c_str(), MNT_DETACH);
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": umount"));
}

}  // namespace weir::kernel
