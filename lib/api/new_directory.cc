#include "api/new_directory.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/guarded.h"
#include "base/status_macros.h"
#include "format/file_names.h"

namespace weir::internal {

absl::StatusOr<NewDirectory> NewDirectory::Make(FileSystem& file_system, const std::string& path,
                                                const std::string& source) {
  if (path == source || absl::StartsWith(path, absl::StrCat(source, "/"))) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " lies inside the store that is to be copied"));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Directory> directory,
                   file_system.OpenDirectory(path, /*create=*/true));
  ASSIGN_OR_RETURN(const std::vector<std::string> taken, directory->List());
  if (!taken.empty()) {
    return absl::AlreadyExistsError(absl::StrCat(path, " is not empty: it has ", taken.front()));
  }
  return NewDirectory(std::move(directory));
}

void NewDirectory::Empty() {
  Guarded([&]() -> absl::Status {
    // Without a superblock it is no store, whatever else stays.
    directory_->Remove(kSuperblockFileName).IgnoreError();
    ASSIGN_OR_RETURN(const std::vector<std::string> names, directory_->List());
    for (const std::string& name : names) directory_->Remove(name).IgnoreError();
    return absl::OkStatus();
  }).IgnoreError();
}

}  // namespace weir::internal
