// One file of the copy of a damaged log, as it is written: records where they stood, and lost
// ranges between them.

#ifndef WEIR_LOG_SALVAGED_SEGMENT_H_
#define WEIR_LOG_SALVAGED_SEGMENT_H_

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "format/segment_header.h"
#include "log/segment_scanner.h"
#include "weir/file_system.h"
#include "weir/message.h"

namespace weir::internal {

// A record for a lost range: it says again what must not be forgotten with the one that is lost. As
// it is claimed, with stamp and body; where it comes to stand it is sealed.
struct StandIn {
  LogPosition lost_at;  // it goes into the first lost range with room that ends behind this
  std::string record;
};

// For one thread.
class SalvagedSegment {
 public:
  // `stand_ins` outlives it: what finds room is taken out.
  static absl::StatusOr<std::unique_ptr<SalvagedSegment>> Create(Directory& directory,
                                                                 const SegmentHeader& header,
                                                                 int64_t last_store_time,
                                                                 std::list<StandIn>* stand_ins);

  LogPosition begin() const { return header_.begin; }
  LogPosition limit() const { return header_.begin + header_.segment_bytes; }
  // Who writes behind all that was written so far.
  uint64_t incarnation() const { return incarnation_; }
  int64_t last_store_time() const { return last_store_time_; }

  // In the order of the log. A record goes to the position that it has; `incarnation` wrote it.
  absl::Status Write(const ScannedRecord& record, uint64_t incarnation);
  // Nothing is left of [begin, end).
  absl::Status Cover(LogPosition begin, LogPosition end);
  // Writes what is still to be written, the header last, and syncs. Of the last segment of the log
  // nothing stands behind `end`.
  absl::Status Finish(LogPosition end);

 private:
  SalvagedSegment(const SegmentHeader& header, std::unique_ptr<File> file, int64_t last_store_time,
                  std::list<StandIn>* stand_ins)
      : header_(header),
        file_(std::move(file)),
        stand_ins_(*stand_ins),
        incarnation_(header.incarnation),
        last_store_time_(last_store_time) {}

  // Writes what stands in the gap, and there who goes on behind it, if he must be named.
  absl::Status SettleGap(std::optional<uint64_t> next_incarnation);
  void ReachAnnounced(LogPosition at);
  absl::Status PutStandIns(LogPosition* at, LogPosition end);
  absl::Status PutFiller(LogPosition begin, LogPosition end);
  absl::Status Put(LogPosition at, absl::string_view bytes);
  absl::Status Flush();

  const SegmentHeader header_;
  const std::unique_ptr<File> file_;
  std::list<StandIn>& stand_ins_;
  uint64_t incarnation_;
  std::optional<std::pair<LogPosition, uint64_t>> announced_;  // by an open record
  int64_t last_store_time_;
  LogPosition group_end_;  // of the last group that was met
  std::optional<std::pair<LogPosition, LogPosition>> gap_;
  LogPosition put_end_;  // of all that was put
  LogPosition buffer_begin_;
  std::string buffer_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_SALVAGED_SEGMENT_H_
