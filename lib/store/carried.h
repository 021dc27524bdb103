// State that lives in the log alone and must not go with its segment.

#ifndef WEIR_STORE_CARRIED_H_
#define WEIR_STORE_CARRIED_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "weir/message.h"

namespace weir::internal {

class Carried {
 public:
  virtual ~Carried() = default;

  // Appends again whatever the log says below `below` and nowhere behind it, and still holds.
  // Whether it does is tested, and the copy's place reserved, in one step under the lock that
  // orders its kind: so no copy ever stands behind what supersedes it. Not synced; the caller holds
  // nothing. Returns how many bytes of records that took. An error: not everything was appended,
  // and it may be tried again.
  virtual absl::StatusOr<uint64_t> Carry(LogPosition below) = 0;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_CARRIED_H_
