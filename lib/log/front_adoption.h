// The front of a dead process: found, checked, and made whole again.

#ifndef WEIR_LOG_FRONT_ADOPTION_H_
#define WEIR_LOG_FRONT_ADOPTION_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "format/front_layout.h"
#include "log/front.h"
#include "weir/file_system.h"
#include "weir/message.h"

namespace weir::internal {

// Opens the front `name` and takes it if it belongs to `identity` (whose ring_bytes is ignored),
// its ends make sense and nobody holds it. kNotFound: there is none. Other errors say why it was
// left alone.
absl::StatusOr<std::unique_ptr<SharedMemory>> TakeFront(FileSystem& file_system,
                                                        const std::string& directory,
                                                        const std::string& name,
                                                        FrontIdentity identity);

// Walks what the dead process claimed: each unpublished claim becomes a void; a stretch that
// somebody overwrote, up to the next record that verifies, is covered by a lost filler and told in
// `damage`. A written end in the middle of a record moves behind it. Returns how many claims were
// voided.
uint64_t SettleClaims(Front& front, std::vector<DamagedRange>* damage);

}  // namespace weir::internal

#endif  // WEIR_LOG_FRONT_ADOPTION_H_
