// Walks the log record by record over all segments; tells a record, damage and the end apart.

#ifndef WEIR_LOG_LOG_SCANNER_H_
#define WEIR_LOG_LOG_SCANNER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "log/log_view.h"
#include "log/segment_scanner.h"

namespace weir::internal {

// Members of groups are seen one by one behind their header. For one thread.
class LogScanner {
 public:
  enum class Step : uint8_t { kRecord, kDamage, kEnd };

  // Scans [from, to): from the first record that begins at `from` or behind it. `to` is the end of
  // a record or lies between segments. `begin` is the log's begin as it was when `from` was chosen:
  // what was dropped since is passed over.
  LogScanner(LogView& log, LogPosition from, LogPosition to)
      : LogScanner(log, from, to, log.segments().begin()) {}
  LogScanner(LogView& log, LogPosition from, LogPosition to, LogPosition begin)
      : log_(log),
        begin_(begin),
        position_(AlignUp<uint64_t>(from.value(), kRecordAlignment)),
        to_(to),
        second_look_(log) {}

  // What else may have written, besides what the files say: looked for behind damage.
  void AddIncarnations(const std::vector<uint64_t>& incarnations) {
    more_incarnations_.insert(more_incarnations_.end(), incarnations.begin(), incarnations.end());
  }

  // kDamage: `damage` is a range without a valid record; the scan goes on behind it.
  absl::StatusOr<Step> Next(ScannedRecord* record, DamagedRange* damage);
  // Where the next record is looked for.
  LogPosition position() const { return position_; }
  // Whether it did so since it was asked last.
  bool TakePassedDropped() { return std::exchange(has_passed_dropped_, false); }
  uint64_t bytes_read() const { return bytes_read_; }
  // Of the record that Next() gave last, which begins at `position`: who wrote it, and where it
  // lies.
  uint64_t IncarnationAt(LogPosition position) const { return file_->IncarnationAt(position); }
  std::string Describe(LogPosition position) const { return file_->Describe(position); }
  // What the device said where it did not give what was asked for; OK: it gave all.
  const absl::Status& unread() const { return unread_; }

 private:
  absl::StatusOr<bool> EnterSegment();
  absl::Status ReadBytes(LogPosition at, absl::Span<char> out);
  void Restart(LogPosition position);
  bool PassDropped(LogPosition at);
  absl::StatusOr<bool> LeaveRecord(LogPosition inside);

  LogView& log_;
  const LogPosition begin_;  // of the log, before the scan
  LogPosition position_;
  const LogPosition to_;
  std::shared_ptr<SegmentFile> file_;
  std::optional<SegmentScanner> scanner_;
  LogPosition segment_end_;
  SecondLook second_look_;
  bool prefers_file_ = false;     // to the front, where somebody overwrote something
  bool may_begin_inside_ = true;  // a record: until the first one is seen
  bool has_passed_dropped_ = false;
  uint64_t bytes_read_ = 0;
  std::vector<uint64_t> more_incarnations_;
  absl::Status unread_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_LOG_SCANNER_H_
