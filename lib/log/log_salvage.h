// What verifies of a damaged log: told, and copied into another directory, every record to the
// position that it had, with its checksum. Ranges of which nothing is left are covered by fillers
// marked lost. The damaged log is only read.

#ifndef WEIR_LOG_LOG_SALVAGE_H_
#define WEIR_LOG_LOG_SALVAGE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "format/superblock.h"
#include "log/log_view.h"
#include "log/salvaged_segment.h"
#include "log/segment_scanner.h"
#include "weir/file_system.h"
#include "weir/message.h"

namespace weir::internal {

// For one thread.
class LogSalvage {
 public:
  // Of [begin, end) of a log at rest; `incarnations` are all that may have written there.
  LogSalvage(LogView* source, std::vector<uint64_t> incarnations, LogPosition begin,
             LogPosition end)
      : source_(*source), incarnations_(std::move(incarnations)), begin_(begin), end_(end) {}

  // Every record and every damaged range, in the order of the log. An error of either ends the
  // walk.
  absl::Status Walk(
      absl::FunctionRef<absl::Status(const ScannedRecord&, uint64_t incarnation)> on_record,
      absl::FunctionRef<absl::Status(const DamagedRange&)> on_damage);

  // Writes and syncs the segments of the copy, and gives the superblock that makes a store of them;
  // `copy` is what does not depend on the log. Of `stand_ins` those stay that found no room. After
  // an error the directory is no store.
  absl::StatusOr<Superblock> CopyTo(Directory& target, const Superblock& copy,
                                    std::list<StandIn>* stand_ins);

 private:
  // The copy on its way.
  struct Copy {
    Directory& directory;
    Superblock superblock;
    std::list<StandIn>* stand_ins;
    bool has_segment = false;
    std::unique_ptr<SalvagedSegment> segment;
  };

  absl::Status Enter(LogPosition segment_begin, Copy& copy);
  absl::Status Cover(const DamagedRange& range, Copy& copy);

  LogView& source_;
  const std::vector<uint64_t> incarnations_;
  const LogPosition begin_;
  const LogPosition end_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_LOG_SALVAGE_H_
