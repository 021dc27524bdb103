#include "io/mirrored_ring.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "io/posix_file.h"
#include "io/posix_status.h"
#include "io/transfer.h"

namespace weir::internal {
namespace {

constexpr size_t kUnit = 4096;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kBytesMax = size_t{1} << 40;  // keeps sums of sizes far from overflow

// Younger than the headers of some systems that we are built on.
constexpr unsigned kNoExecSeal = 0x8;  // MFD_NOEXEC_SEAL
constexpr int kPopulateWrite = 23;     // MADV_POPULATE_WRITE
constexpr int kCollapse = 25;          // MADV_COLLAPSE

absl::Status CheckSize(const std::string& path, SharedMemorySize size) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const bool is_header_good =
      size.header_bytes > 0 && size.header_bytes % kUnit == 0 && size.header_bytes <= kBytesMax;
  const bool is_ring_good =
      size.ring_bytes == 0 || (std::has_single_bit(size.ring_bytes) && size.ring_bytes >= kUnit &&
                               size.ring_bytes <= kBytesMax);
  const bool is_mappable = size.header_bytes % page == 0 && size.ring_bytes % page == 0;
  if (is_header_good && is_ring_good && is_mappable) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path, ": no size for a mirrored ring: header ",
                                                    size.header_bytes, ", ring ", size.ring_bytes,
                                                    ", page ", page));
}

char* AlignUp(char* address, size_t alignment) {
  const size_t beyond = reinterpret_cast<uintptr_t>(address) % alignment;
  return beyond == 0 ? address : address + (alignment - beyond);
}

}  // namespace

MirroredRing::MirroredRing(FileDescriptor fd, std::string path, bool is_shared)
    : fd_(std::move(fd)),
      path_(std::move(path)),
      is_shared_(is_shared),
      process_(static_cast<uint64_t>(getpid())),
      lock_(fd_.get()) {}

MirroredRing::~MirroredRing() {
  const bool is_owner = process_ == static_cast<uint64_t>(getpid());
  if (reserved_ != nullptr && is_owner) munmap(reserved_, reserved_bytes_);
}

absl::StatusOr<std::unique_ptr<SharedMemory>> MirroredRing::CreateShared(PosixDirectory& directory,
                                                                         absl::string_view name,
                                                                         SharedMemorySize size) {
  RETURN_IF_ERROR(CheckSize(directory.PathOf(name), size));
  ASSIGN_OR_RETURN(FileDescriptor fd, directory.OpenDescriptor(name, OpenMode::kCreate));
  std::unique_ptr<MirroredRing> ring(
      new MirroredRing(std::move(fd), directory.PathOf(name), /*is_shared=*/true));
  if (absl::Status status = ring->Create(size); !status.ok()) {
    // The first error is the one to report.
    directory.Remove(name).IgnoreError();
    return status;
  }
  return ring;
}

absl::StatusOr<std::unique_ptr<SharedMemory>> MirroredRing::OpenShared(PosixDirectory& directory,
                                                                       absl::string_view name,
                                                                       size_t header_bytes,
                                                                       OpenMode mode) {
  const std::string path = directory.PathOf(name);
  if (mode == OpenMode::kCreate) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": shared memory is not opened so"));
  }
  ASSIGN_OR_RETURN(FileDescriptor fd, directory.OpenDescriptor(name, mode));
  ASSIGN_OR_RETURN(const FileStatus file, StatDescriptor(fd.get(), path));
  if (file.size < header_bytes) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": shorter than its header"));
  }
  const SharedMemorySize size{.header_bytes = header_bytes, .ring_bytes = file.size - header_bytes};
  RETURN_IF_ERROR(CheckSize(path, size));
  std::unique_ptr<MirroredRing> ring(new MirroredRing(std::move(fd), path, /*is_shared=*/true));
  RETURN_IF_ERROR(ring->Map(size, mode == OpenMode::kRead ? PROT_READ : PROT_READ | PROT_WRITE));
  return ring;
}

absl::StatusOr<std::unique_ptr<SharedMemory>> MirroredRing::CreatePrivate(SharedMemorySize size) {
  const std::string path = "private memory";
  RETURN_IF_ERROR(CheckSize(path, size));
  // Some systems refuse memory that could be executed; older kernels do not know the difference.
  FileDescriptor fd(memfd_create("weir", MFD_CLOEXEC | kNoExecSeal));
  if (!fd.is_open() && errno == EINVAL) fd = FileDescriptor(memfd_create("weir", MFD_CLOEXEC));
  if (!fd.is_open()) return PosixStatus(path, "memfd_create", errno);
  std::unique_ptr<MirroredRing> ring(new MirroredRing(std::move(fd), path, /*is_shared=*/false));
  RETURN_IF_ERROR(ring->Create(size));
  return ring;
}

absl::Status MirroredRing::TryLock() {
  return is_shared_ ? lock_.TryLock(path_) : absl::OkStatus();
}

absl::Status MirroredRing::ProbeLock() {
  return is_shared_ ? lock_.Probe(path_) : absl::OkStatus();
}

absl::StatusOr<bool> MirroredRing::IsLinked() {
  if (!is_shared_) return true;
  ASSIGN_OR_RETURN(const FileStatus file, StatDescriptor(fd_.get(), path_));
  return file.links > 0;
}

absl::Status MirroredRing::Create(SharedMemorySize size) {
  RETURN_IF_ERROR(AllocateSpace(fd_.get(), path_, size.header_bytes + size.ring_bytes));
  RETURN_IF_ERROR(Map(size, PROT_READ | PROT_WRITE));
  return Touch();
}

absl::Status MirroredRing::Map(SharedMemorySize size, int protection) {
  // Reserve all addresses first: between two mappings somebody else's could come to lie. Huge pages
  // want address and offset in the file to agree modulo their size, for both mappings.
  const size_t alignment = size.ring_bytes >= kHugePage ? kHugePage : kUnit;
  reserved_bytes_ = size.header_bytes + 2 * size.ring_bytes + alignment;
  void* const reserved =
      mmap(nullptr, reserved_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return PosixStatus(path_, "mmap", errno);
  reserved_ = static_cast<char*>(reserved);

  char* const begin = AlignUp(reserved_, alignment);
  const size_t once = size.header_bytes + size.ring_bytes;
  constexpr int kFlags = MAP_SHARED | MAP_FIXED;
  if (mmap(begin, once, protection, kFlags, fd_.get(), 0) == MAP_FAILED) {
    return PosixStatus(path_, "mmap", errno);
  }
  if (size.ring_bytes > 0 && mmap(begin + once, size.ring_bytes, protection, kFlags, fd_.get(),
                                  static_cast<off_t>(size.header_bytes)) == MAP_FAILED) {
    return PosixStatus(path_, "mmap", errno);
  }
  if (madvise(reserved_, reserved_bytes_, MADV_DONTFORK) != 0) {
    return PosixStatus(path_, "madvise", errno);
  }
  header_ = begin;
  ring_ = begin + size.header_bytes;
  header_bytes_ = size.header_bytes;
  ring_bytes_ = size.ring_bytes;
  return absl::OkStatus();
}

absl::Status MirroredRing::Touch() {
  const size_t bytes = header_bytes_ + 2 * ring_bytes_;
  if (ring_bytes_ >= kHugePage) {
    // Asked for, and taken without an answer: small pages do the same, a little slower. Collapsing
    // replaces pages under the mappings, so it comes before they are touched, not when it suits the
    // kernel.
    madvise(header_, bytes, MADV_HUGEPAGE);
    madvise(header_, header_bytes_ + ring_bytes_, kCollapse);
  }
  if (madvise(header_, bytes, kPopulateWrite) == 0) return absl::OkStatus();
  if (errno != EINVAL) return PosixStatus(path_, "madvise", errno);
  // A kernel older than that advice. The file is new and nobody else's yet: all of it is zero.
  for (size_t i = 0; i < bytes; i += kUnit) *const_cast<volatile char*>(header_ + i) = 0;
  return absl::OkStatus();
}

}  // namespace weir::internal
