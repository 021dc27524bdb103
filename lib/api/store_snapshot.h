// A copy of a store that is in use, in another directory: files that will not change any more are
// linked, the end of the log is copied.
//
// Why a link is safe. Only whole files below the durable end are linked, and nobody writes to
// those: a store drops them, and writes anew in the file of a dropped one only if it has one link
// (log/segments.h). A file that was being dropped meanwhile may have been looked at before it was
// linked; but the log's new begin is durable before that, so it is looked at afterwards, and what
// lies below it is given up.

#ifndef WEIR_API_STORE_SNAPSHOT_H_
#define WEIR_API_STORE_SNAPSHOT_H_

#include <string>

#include "absl/status/statusor.h"
#include "log/log_view.h"
#include "weir/file_system.h"
#include "weir/info.h"

namespace weir::internal {

// MessageStore::Snapshot() of the store in `source`, whose log is `log`.
absl::StatusOr<SnapshotReport> SnapshotStore(LogView& log, FileSystem& file_system,
                                             const std::string& source,
                                             const std::string& directory);

}  // namespace weir::internal

#endif  // WEIR_API_STORE_SNAPSHOT_H_
