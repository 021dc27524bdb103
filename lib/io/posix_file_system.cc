#include "io/posix_file_system.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "io/file_descriptor.h"
#include "io/mirrored_ring.h"
#include "io/posix_directory.h"
#include "io/posix_status.h"
#include "io/transfer.h"
#include "weir/clock.h"

namespace weir {
namespace internal {
namespace {

constexpr char kSharedMemoryDirectory[] = "/dev/shm";
constexpr char kBootIdFile[] = "/proc/sys/kernel/random/boot_id";
constexpr size_t kBootIdBytes = 16;

// The kernel gives its first namespaces these inodes for ever (PROC_PID_INIT_INO and
// PROC_IPC_INIT_INO of its proc_ns.h).
constexpr ino_t kInitialPidNamespace = 0xEFFFFFFC;
constexpr ino_t kInitialIpcNamespace = 0xEFFFFFFF;

absl::StatusOr<std::unique_ptr<PosixDirectory>> OpenSharedDirectory(const std::string& directory) {
  return PosixDirectory::OpenPath(directory.empty() ? kSharedMemoryDirectory : directory,
                                  /*create=*/false);
}

absl::Status CheckNamespace(const char* path, ino_t initial) {
  struct stat status;
  if (stat(path, &status) != 0) {
    return absl::FailedPreconditionError(PosixStatus(path, "stat", errno).message());
  }
  if (status.st_ino == initial) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path,
                   ": not the machine's own namespace (a container?): shared memory may end "
                   "with this process"));
}

// Where getrandom() is forbidden: the bytes that the kernel gave this process for its stack guard,
// and what makes the calls differ. Mixed by the finalizer of SplitMix64.
uint64_t FallbackBits() {
  static std::atomic<uint64_t> calls{0};
  std::array<uint64_t, 2> given{};
  if (const auto address = getauxval(AT_RANDOM); address != 0) {
    std::memcpy(given.data(), reinterpret_cast<const void*>(address), sizeof given);
  }
  const auto now = static_cast<uint64_t>(Clock::System()->MonotonicNanos());
  uint64_t bits = given[0] ^ (given[1] << 1) ^ now ^ (static_cast<uint64_t>(getpid()) << 32) ^
                  (calls.fetch_add(1) << 48);
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Directory>> PosixFileSystem::OpenDirectory(const std::string& path,
                                                                          bool create) {
  return PosixDirectory::OpenPath(path, create);
}

absl::StatusOr<std::unique_ptr<SharedMemory>> PosixFileSystem::CreateShared(
    const std::string& directory, absl::string_view name, SharedMemorySize size) {
  ASSIGN_OR_RETURN(const auto opened, OpenSharedDirectory(directory));
  return MirroredRing::CreateShared(*opened, name, size);
}

absl::StatusOr<std::unique_ptr<SharedMemory>> PosixFileSystem::OpenShared(
    const std::string& directory, absl::string_view name, size_t header_bytes, OpenMode mode) {
  ASSIGN_OR_RETURN(const auto opened, OpenSharedDirectory(directory));
  return MirroredRing::OpenShared(*opened, name, header_bytes, mode);
}

absl::Status PosixFileSystem::RemoveShared(const std::string& directory, absl::string_view name) {
  ASSIGN_OR_RETURN(const auto opened, OpenSharedDirectory(directory));
  return opened->Remove(name);
}

absl::StatusOr<std::unique_ptr<SharedMemory>> PosixFileSystem::CreatePrivate(
    SharedMemorySize size) {
  return MirroredRing::CreatePrivate(size);
}

absl::Status PosixFileSystem::SharedMemoryOutlivesProcess() {
  RETURN_IF_ERROR(CheckNamespace("/proc/self/ns/pid", kInitialPidNamespace));
  RETURN_IF_ERROR(CheckNamespace("/proc/self/ns/ipc", kInitialIpcNamespace));
  struct statfs status;
  if (statfs(kSharedMemoryDirectory, &status) != 0 || status.f_type != TMPFS_MAGIC) {
    return absl::FailedPreconditionError(absl::StrCat(kSharedMemoryDirectory, ": not a tmpfs"));
  }
  if (faccessat(AT_FDCWD, kSharedMemoryDirectory, W_OK | X_OK, AT_EACCESS) != 0) {
    return absl::FailedPreconditionError(
        PosixStatus(kSharedMemoryDirectory, "access", errno).message());
  }
  return absl::OkStatus();
}

std::string PosixFileSystem::BootId() {
  std::string unknown(kBootIdBytes, '\0');
  const FileDescriptor fd(open(kBootIdFile, O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return unknown;
  std::array<char, 64> text;  // 32 hexadecimal digits in five groups, and a newline
  const absl::StatusOr<size_t> size = ReadFully(fd.get(), kBootIdFile, 0, absl::MakeSpan(text));
  if (!size.ok()) return unknown;
  std::string digits(text.data(), *size);
  std::erase_if(digits, [](char c) { return c == '-' || c == '\n'; });
  return digits.size() == 2 * kBootIdBytes ? absl::HexStringToBytes(digits) : unknown;
}

uint64_t PosixFileSystem::ProcessId() { return static_cast<uint64_t>(getpid()); }

uint64_t PosixFileSystem::RandomBits() {
  uint64_t bits;
  ssize_t count;
  do {
    count = getrandom(&bits, sizeof bits, 0);
  } while (count < 0 && errno == EINTR);
  return count == static_cast<ssize_t>(sizeof bits) ? bits : FallbackBits();
}

}  // namespace internal

FileSystem* FileSystem::Posix() {
  static auto* const file_system = new internal::PosixFileSystem;  // outlives static destructors
  return file_system;
}

}  // namespace weir
