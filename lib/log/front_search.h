// Finds the front that the last process of a store left behind.

#ifndef WEIR_LOG_FRONT_SEARCH_H_
#define WEIR_LOG_FRONT_SEARCH_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "format/front_layout.h"
#include "log/health.h"
#include "weir/file_system.h"
#include "weir/hooks.h"
#include "weir/options.h"

namespace weir::internal {

// What is found is taken: locked, and its identity checked. Null: there is none.
class FrontSearch {
 public:
  FrontSearch(const StoreOptions& options, FileSystem& file_system, Health& health,
              RecoveryReport& report)
      : options_(options), file_system_(file_system), health_(health), report_(report) {}

  // The one that the superblock tells of. If it is not there, or is another's, that is reported.
  absl::StatusOr<std::unique_ptr<SharedMemory>> Told(const std::string& directory,
                                                     const FrontIdentity& identity);

  // The one of a life that the superblock does not tell of, since the slot that did is damaged. Who
  // died inside his open, before he wrote that slot, has appended nothing: his is not looked for.
  absl::StatusOr<std::unique_ptr<SharedMemory>> Untold(const FrontIdentity& identity);

 private:
  const StoreOptions& options_;
  FileSystem& file_system_;
  Health& health_;
  RecoveryReport& report_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_FRONT_SEARCH_H_
