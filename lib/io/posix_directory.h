// An open directory of the real file system. Everything is done relative to its descriptor, so that
// it stays the same directory whatever happens to its path.
//
// Files are opened as if somebody had planted traps: no link is followed, nothing outside the
// directory or mounted over a name is reached, a FIFO does not block, and what is not a regular
// file of our own user is refused by name. New files are 0600 and new directories 0700 whatever the
// umask says; the mode of what was there already is never changed.

#ifndef WEIR_IO_POSIX_DIRECTORY_H_
#define WEIR_IO_POSIX_DIRECTORY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/file_descriptor.h"
#include "weir/file_system.h"

namespace weir::internal {

class PosixDirectory final : public Directory {
 public:
  // `path` may be or hold symbolic links: it is the host's word, unlike the names inside. A missing
  // directory is made with `create`. kFailedPrecondition if it belongs to anyone but this user or
  // root.
  static absl::StatusOr<std::unique_ptr<PosixDirectory>> OpenPath(const std::string& path,
                                                                  bool create);

  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override;
  absl::StatusOr<std::vector<std::string>> List() override;
  // Where the file system cannot rename without replacing, a second link is made and the first one
  // removed: a crash in between leaves both names.
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  // `target` must be a PosixDirectory.
  absl::Status MoveTo(absl::string_view from, Directory& target, absl::string_view to) override;
  absl::Status LinkTo(absl::string_view from, Directory& target, absl::string_view to) override;
  absl::Status Remove(absl::string_view name) override;
  absl::Status Sync() override;
  absl::StatusOr<FileStatus> Stat() override;
  absl::StatusOr<uint64_t> FreeBytes() override;
  absl::StatusOr<std::unique_ptr<Directory>> Subdirectory(absl::string_view name,
                                                          bool create) override;

  // As Open(), for who needs the descriptor itself.
  absl::StatusOr<FileDescriptor> OpenDescriptor(absl::string_view name, OpenMode mode);
  std::string PathOf(absl::string_view name) const;

 private:
  PosixDirectory(FileDescriptor fd, std::string path);

  const FileDescriptor fd_;
  const std::string path_;
};

}  // namespace weir::internal

#endif  // WEIR_IO_POSIX_DIRECTORY_H_
