// A temporary directory as the real file system sees it.

#ifndef WEIR_TESTS_IO_SCRATCH_DIRECTORY_H_
#define WEIR_TESTS_IO_SCRATCH_DIRECTORY_H_

#include <memory>
#include <stdexcept>
#include <string>

#include "io/posix_directory.h"
#include "support/temporary_directory.h"

namespace weir::internal {

class ScratchDirectory final : public weir::testing::TemporaryDirectory {
 public:
  std::string PathOf(const std::string& name) const { return *this / name; }

  std::unique_ptr<PosixDirectory> Open() const {
    auto directory = PosixDirectory::OpenPath(path(), /*create=*/false);
    if (!directory.ok()) throw std::runtime_error(directory.status().ToString());
    return *std::move(directory);
  }
};

}  // namespace weir::internal

#endif  // WEIR_TESTS_IO_SCRATCH_DIRECTORY_H_
