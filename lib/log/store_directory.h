// A store's directory, opened for writing: checked, locked, with its superblock.

#ifndef WEIR_LOG_STORE_DIRECTORY_H_
#define WEIR_LOG_STORE_DIRECTORY_H_

#include <memory>

#include "absl/status/statusor.h"
#include "log/directory_lock.h"
#include "log/superblock_file.h"
#include "weir/options.h"

namespace weir::internal {

struct StoreDirectory {
  std::unique_ptr<Directory> directory;
  std::unique_ptr<DirectoryLock> lock;
  std::unique_ptr<SuperblockFile> superblock;
};

// Checks the options that no opening survives: sizes.
absl::Status CheckOptions(const StoreOptions& options);

// Opens options.directory, takes its lock, reads its superblock or creates the first one. Removes
// files of ours that never got their name. Changes nothing in a directory that is not a store.
absl::StatusOr<StoreDirectory> OpenStoreDirectory(const StoreOptions& options);

}  // namespace weir::internal

#endif  // WEIR_LOG_STORE_DIRECTORY_H_
