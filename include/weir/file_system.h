// The file system: one of the two objects through which a store sees the world. Every durable byte
// and every byte of shared memory passes through it. Who swaps it can cut the power at any byte.
//
//   class CountingFileSystem final : public weir::FileSystem { ... };  // counts, and passes on to
//   CountingFileSystem counting(weir::FileSystem::Posix());            // the real one
//   weir::MessageStore::Open({.directory = "data", .file_system = &counting});
//
// Errors. Implementations answer with these codes, and the text names the file and the reason:
//   kNotFound            there is no such file or directory
//   kAlreadyExists       kCreate, Rename or MakeDirectory found the name taken
//   kResourceExhausted   no space, quota or file size limit; space cures it
//   kUnavailable         out of descriptors or memory, or a lock is held by someone else
//   kPermissionDenied    not allowed, or a read-only file system
//   kFailedPrecondition  not a regular file, a symbolic link, a foreign owner
//   kDataLoss            the device failed (EIO and everything not named here)

#ifndef WEIR_FILE_SYSTEM_H_
#define WEIR_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace weir {

// What stat() says of a file or a directory.
struct FileStatus {
  uint64_t size = 0;
  uint64_t links = 0;  // hard links; 0: unlinked while open
  uint64_t device = 0;
  uint64_t inode = 0;
};

enum class OpenMode : uint8_t {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // must not exist; reading and writing; permissions 0600 whatever the umask
};

// An open regular file. Calls for disjoint ranges may run at the same time.
class File {
 public:
  virtual ~File() = default;

  // Reads into `out` from `offset`; returns how many bytes, fewer than asked only at the end of
  // the file.
  virtual absl::StatusOr<size_t> Read(uint64_t offset, absl::Span<char> out) = 0;

  // Writes the pieces back to back at `offset`, all of them or an error. After an error any part
  // of the bytes may have been written.
  virtual absl::Status Write(uint64_t offset, absl::Span<const absl::string_view> pieces) = 0;

  // fdatasync: OK means that everything written before the call survives power loss. After an
  // error nothing is known of what was written since the last OK, and a later OK says nothing
  // about it either.
  virtual absl::Status Sync() = 0;

  // Makes the file `size` bytes long with space for all of them; new bytes read as zero.
  virtual absl::Status Allocate(uint64_t size) = 0;
  // Makes the file `size` bytes long; space behind it is given back.
  virtual absl::Status Truncate(uint64_t size) = 0;
  virtual absl::StatusOr<FileStatus> Stat() = 0;

  // Takes an exclusive lock on the whole file without waiting; it ends with this object or the
  // process. kUnavailable if anyone else holds one, another object of this process included.
  virtual absl::Status TryLock() = 0;
  // OK if TryLock() of somebody else would succeed now, kUnavailable if not. Takes nothing.
  virtual absl::Status ProbeLock() = 0;
};

// An open directory. Names are single components without '/'; links are never followed.
class Directory {
 public:
  virtual ~Directory() = default;

  // Only regular files: kFailedPrecondition for anything else of that name.
  virtual absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) = 0;
  // Regular files, in no order. Directories and special files are left out.
  virtual absl::StatusOr<std::vector<std::string>> List() = 0;
  // Never replaces: kAlreadyExists if `to` is taken.
  virtual absl::Status Rename(absl::string_view from, absl::string_view to) = 0;
  // Moves a file into another directory of the same file system. Never replaces.
  virtual absl::Status MoveTo(absl::string_view from, Directory& target, absl::string_view to) = 0;
  // Gives a file a second name, in another directory of the same file system. Never replaces.
  // kUnimplemented: there can be none here, and who wants one makes a copy.
  virtual absl::Status LinkTo(absl::string_view from, Directory& /*target*/,
                              absl::string_view /*to*/) {
    return absl::UnimplementedError(from);
  }
  // Removes the name; who has the file open keeps it.
  virtual absl::Status Remove(absl::string_view name) = 0;
  // Bytes that this process could still allocate on the directory's file system.
  virtual absl::StatusOr<uint64_t> FreeBytes() = 0;
  // Makes creations, renames and removals of before the call survive power loss.
  virtual absl::Status Sync() = 0;
  virtual absl::StatusOr<FileStatus> Stat() = 0;
  // Opens a directory inside this one. With `create` it is made (0700) if it is missing.
  virtual absl::StatusOr<std::unique_ptr<Directory>> Subdirectory(absl::string_view name,
                                                                  bool create) = 0;
};

// Memory that other processes can map too, or private memory of the same shape: a header, then a
// ring whose bytes appear twice, back to back, so that nothing in it ever wraps.
// Unmapped by the destructor; the name stays until RemoveShared().
class SharedMemory {
 public:
  virtual ~SharedMemory() = default;

  char* header() const { return header_; }
  char* ring() const { return ring_; }  // 2 x ring_bytes() can be addressed
  size_t header_bytes() const { return header_bytes_; }
  size_t ring_bytes() const { return ring_bytes_; }  // power of two, or 0: no ring
  virtual bool is_shared() const = 0;

  // As File's. Private memory is always free and locked by its owner.
  virtual absl::Status TryLock() = 0;
  virtual absl::Status ProbeLock() = 0;
  // False once the name was removed by anybody: what lies in this memory dies with the process.
  virtual absl::StatusOr<bool> IsLinked() = 0;

 protected:
  char* header_ = nullptr;
  char* ring_ = nullptr;
  size_t header_bytes_ = 0;
  size_t ring_bytes_ = 0;
};

struct SharedMemorySize {
  size_t header_bytes = 0;  // multiple of 4096
  size_t ring_bytes = 0;    // power of two >= 4096, or 0
};

// All functions may be called from any thread.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Opens the directory `path`. With `create` it is made (0700, its parent synced) if missing; its
  // parent must exist.
  virtual absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(const std::string& path,
                                                                   bool create) = 0;

  // Shared memory in `directory` ("" = the default place, /dev/shm). Create takes the space before
  // it maps (kResourceExhausted, never a signal later) and fails with kAlreadyExists if the name
  // is taken. Open maps what is there: its size is found out, the header's size is given.
  virtual absl::StatusOr<std::unique_ptr<SharedMemory>> CreateShared(const std::string& directory,
                                                                     absl::string_view name,
                                                                     SharedMemorySize size) = 0;
  virtual absl::StatusOr<std::unique_ptr<SharedMemory>> OpenShared(const std::string& directory,
                                                                   absl::string_view name,
                                                                   size_t header_bytes,
                                                                   OpenMode mode) = 0;
  // Removes the name; the memory stays for those who have it mapped.
  virtual absl::Status RemoveShared(const std::string& directory, absl::string_view name) = 0;
  // Memory of this process alone: kUnavailable if there is not so much.
  virtual absl::StatusOr<std::unique_ptr<SharedMemory>> CreatePrivate(SharedMemorySize size) = 0;

  // Why shared memory of the default place would not outlive this process (not the initial pid
  // namespace, ...), or OK.
  virtual absl::Status SharedMemoryOutlivesProcess() = 0;

  // Names this boot of the machine, 16 bytes; 16 zeros if it is not known.
  virtual std::string BootId() = 0;
  // As others see it: it is told to who finds the store taken.
  virtual uint64_t ProcessId() = 0;
  // Bits that nobody can guess: uuids, incarnations, hash seeds.
  virtual uint64_t RandomBits() = 0;

  // The real file system. Lives for ever.
  static FileSystem* Posix();
};

}  // namespace weir

#endif  // WEIR_FILE_SYSTEM_H_
