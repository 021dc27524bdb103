// From files and a front of unknown state to a log that may be served, with a report of what was
// dropped.
//
// Nothing here is done twice by halves: what recovery writes before the superblock is either the
// same bytes again or lies in files that the old superblock does not reach, so a crash inside
// recovery is followed by the same recovery.

#ifndef WEIR_LOG_RECOVERY_H_
#define WEIR_LOG_RECOVERY_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "log/directory_lock.h"
#include "log/front.h"
#include "log/health.h"
#include "log/lost_ranges.h"
#include "log/segments.h"
#include "log/superblock_file.h"
#include "log/tail_scan.h"
#include "weir/hooks.h"
#include "weir/options.h"

namespace weir::internal {

// What recovery needs of the world. Nothing is owned.
struct RecoveryContext {
  const StoreOptions& options;
  FileSystem& file_system;
  Clock& clock;
  Directory& directory;
  const DirectoryLock& lock;
  SuperblockFile& superblock;
  Segments& segments;
  Health& health;
  LostRanges& lost;
};

struct RecoveredLog {
  std::unique_ptr<Front> front;
  // Set: records of the new incarnation may begin only behind open records, seeded with this one.
  std::optional<uint64_t> announce_behind;
  std::string front_directory;
  // Offsets that a cut left out.
  std::vector<SeenOffset> left_out;
  RecoveryReport report;
};

absl::StatusOr<RecoveredLog> Recover(const RecoveryContext& context);

}  // namespace weir::internal

#endif  // WEIR_LOG_RECOVERY_H_
