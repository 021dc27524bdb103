#include "base/guarded.h"

namespace weir::internal {

const absl::Status& OutOfMemory() {
  static const absl::Status* const status = [] {
    // Without a text a status takes no memory.
    static absl::Status made(absl::StatusCode::kUnavailable, "");
    try {
      made = absl::UnavailableError("out of memory");
    } catch (const std::bad_alloc&) {
    }
    return &made;
  }();
  return *status;
}

}  // namespace weir::internal
