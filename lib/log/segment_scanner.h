// Walks one segment record by record; tells a record, the end and damage apart.

#ifndef WEIR_LOG_SEGMENT_SCANNER_H_
#define WEIR_LOG_SEGMENT_SCANNER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "format/record.h"
#include "log/segment_file.h"

namespace weir::internal {

struct ScannedRecord {
  LogPosition position;
  const char* bytes = nullptr;  // valid until the next call of the scanner
  RecordHeader header;
  LogPosition end() const { return position + header.bytes(); }
};

// What an open record says.
struct OpenRecord {
  uint64_t previous = 0;
  uint64_t incarnation = 0;
  LogPosition from;  // where records of the new incarnation begin
};
std::optional<OpenRecord> DecodeOpen(const ScannedRecord& record);

// What a mark says.
struct MarkRecord {
  LogPosition durable_end;
  int64_t synced_at = 0;  // wall clock, nanoseconds; 0: never
};
std::optional<MarkRecord> DecodeMark(const ScannedRecord& record);

// How groups are seen: in the tail of the log a group is one record, whole or not there; where the
// log is known to have been whole, members stand for themselves.
enum class Groups : uint8_t { kWhole, kMembers };

class SegmentScanner {
 public:
  using ReadBytes = std::function<absl::Status(LogPosition, absl::Span<char>)>;
  enum class Step : uint8_t { kRecord, kEnd, kInvalid };

  // Scans [from, to); records must end at or below `to`. `read` gives bytes of the segment,
  // zeros behind the file's end. Open records are entered into `file`.
  SegmentScanner(SegmentFile& file, ReadBytes read, LogPosition from, LogPosition to,
                 Groups groups);

  // Candidates for Resync() besides what the file knows.
  void AddIncarnation(uint64_t incarnation) { more_incarnations_.push_back(incarnation); }

  // Behind `end` the file has nothing: there Resync() looks for nothing.
  void set_data_end(LogPosition end) { data_end_ = end; }

  // kInvalid: no valid record begins at position(), and nothing moved. `record` of kEnd is unset.
  absl::StatusOr<Step> Next(ScannedRecord* record);
  // Whether a record that `incarnation` wrote begins at position().
  absl::StatusOr<bool> IsOf(uint64_t incarnation) { return IsValidAt(position_, incarnation); }
  // Where the next record is expected.
  LogPosition position() const { return position_; }
  // After kInvalid: where looking for something valid may begin. Inside a group whose tail is
  // torn, the members before the tear are not "something behind it".
  LogPosition resync_from() const { return resync_from_; }
  // What the device said where it did not give what was asked for; OK: it gave all.
  const absl::Status& unread() const { return unread_; }
  // Goes to the first record that verifies at or behind `from`; what cannot be read is passed over.
  // False: there is none before `to`.
  absl::StatusOr<bool> Resync(LogPosition from);

 private:
  // `bytes` bytes at `position`, in the window.
  absl::StatusOr<const char*> Window(LogPosition position, uint64_t bytes);
  absl::StatusOr<bool> IsValidAt(LogPosition position, uint64_t incarnation);

  SegmentFile& file_;
  const ReadBytes read_;
  const LogPosition to_;
  LogPosition data_end_ = to_;
  const Groups groups_;
  LogPosition position_;
  LogPosition resync_from_;
  uint64_t resync_bytes_ = 0;
  absl::Status unread_;
  std::vector<uint64_t> more_incarnations_;
  LogPosition window_begin_;
  std::vector<char> window_;
};

// Finds every open record of a sealed file. What the device said if it did not give all of it.
absl::Status CompleteIncarnations(SegmentFile& file);

}  // namespace weir::internal

#endif  // WEIR_LOG_SEGMENT_SCANNER_H_
