// A directory that a whole store is written into: empty when it begins, and empty again unless the
// store in it became whole.

#ifndef WEIR_API_NEW_DIRECTORY_H_
#define WEIR_API_NEW_DIRECTORY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "weir/file_system.h"

namespace weir::internal {

class NewDirectory {
 public:
  // Makes `path` if it is missing. kAlreadyExists if it holds anything; kInvalidArgument if it lies
  // inside `source`, the store that is copied.
  static absl::StatusOr<NewDirectory> Make(FileSystem& file_system, const std::string& path,
                                           const std::string& source);
  NewDirectory(NewDirectory&& other) = default;
  NewDirectory& operator=(NewDirectory&&) = delete;
  ~NewDirectory() {
    if (directory_ != nullptr) Empty();
  }

  Directory& operator*() const { return *directory_; }
  // Removes all files that are in it; what cannot be removed, the next try will find.
  void Empty();
  // The store in it is whole.
  void Keep() { directory_.reset(); }

 private:
  explicit NewDirectory(std::unique_ptr<Directory> directory) : directory_(std::move(directory)) {}

  std::unique_ptr<Directory> directory_;
};

}  // namespace weir::internal

#endif  // WEIR_API_NEW_DIRECTORY_H_
