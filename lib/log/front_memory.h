// The memory of a new front: shared if it can be, smaller if there is little, else private.

#ifndef WEIR_LOG_FRONT_MEMORY_H_
#define WEIR_LOG_FRONT_MEMORY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weir/file_system.h"
#include "weir/options.h"

namespace weir::internal {

struct FrontMemory {
  std::unique_ptr<SharedMemory> memory;  // if it is shared, its lock is ours
  std::string directory;                 // of a shared one; empty: the usual one
  absl::Status why_private;              // OK: it is shared
};

// `name` holds the store, this boot and the incarnation, and the store's LOCK is the caller's:
// whatever has that name is what a crash inside an open left, and nothing is in it.
absl::StatusOr<FrontMemory> CreateFrontMemory(const StoreOptions& options, FileSystem& file_system,
                                              const std::string& name);

}  // namespace weir::internal

#endif  // WEIR_LOG_FRONT_MEMORY_H_
