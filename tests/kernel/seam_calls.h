// Every system call that lib/io makes on what lies in a store's directory or its front's. Nothing
// else in the library touches a file, so a victim that makes any other call on one has found a way
// round the FileSystem, and tests that swap the FileSystem do not see what it does.

#ifndef WEIR_TESTS_KERNEL_SEAM_CALLS_H_
#define WEIR_TESTS_KERNEL_SEAM_CALLS_H_

#include <array>
#include <string_view>

namespace weir::kernel {

inline constexpr std::array<std::string_view, 23> kSeamCalls = {
    // io/posix_directory
    "open", "openat", "openat2", "mkdir", "mkdirat", "fchmod", "fsync", "renameat2", "linkat",
    "unlinkat", "getdents64", "newfstatat",
    // io/posix_file, io/transfer
    "pread64", "pwritev", "fdatasync", "fallocate", "ftruncate", "fstat",
    // io/file_lock, io/file_descriptor, io/mirrored_ring
    "fcntl", "close", "mmap", "munmap", "madvise"};

// Those of them that may name a file by its path, and not by a descriptor: a directory is opened or
// made, and all the rest is done in it.
inline constexpr std::array<std::string_view, 3> kSeamPathCalls = {"open", "openat", "mkdir"};

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_SEAM_CALLS_H_
