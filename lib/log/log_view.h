// The log as readers see it, in the process that writes it and in others.

#ifndef WEIR_LOG_LOG_VIEW_H_
#define WEIR_LOG_LOG_VIEW_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/status_macros.h"
#include "log/block_cache.h"
#include "log/doorbell.h"
#include "log/reader_slots.h"
#include "log/record_reader.h"
#include "log/segments.h"
#include "weir/clock.h"

namespace weir::internal {

class LogView {
 public:
  virtual ~LogView() = default;

  virtual Segments& segments() = 0;
  // For one read by one thread.
  virtual std::unique_ptr<FrontReader> NewFrontReader() = 0;
  // Below this everything is there for those who read the log as a whole.
  virtual LogPosition ContiguousVisibleEnd() = 0;
  // Whether nothing beyond ContiguousVisibleEnd() may be seen, queue by queue either.
  virtual bool sees_only_contiguous() const = 0;
  // Whether the record at `position`, which some queue knows, can be read.
  virtual bool IsPublished(LogPosition position) = 0;
  // Everything that was entered into a queue lies below.
  virtual LogPosition claimed_end() const = 0;
  // The files are whole up to here.
  virtual LogPosition written_end() const = 0;
  // Bytes of [position, position + out.size()) of one segment, below the visible end.
  virtual absl::Status ReadBytes(LogPosition position, absl::Span<char> out) = 0;
  // Of the process whose front it is; 0: there is none. Its open records may be in the front only.
  virtual uint64_t CurrentIncarnation() const = 0;
  virtual Doorbell& doorbell() = 0;
  virtual Clock& clock() const = 0;
  // Does what a waiting reader without workers must do himself.
  virtual void HelpReader() = 0;
  virtual absl::Status WhyNoRead() const = 0;
  // What was read makes no sense. True: the files may have been replaced or recycled under us, they
  // were looked up anew, and reading once more may help. An error: it could not look now, so nobody
  // knows whether that is damage.
  virtual absl::StatusOr<bool> LookAgain() = 0;
};

// When to look again: once for each record, and as long as another file serves in its place since.
class SecondLook {
 public:
  explicit SecondLook(LogView& log) : log_(log) {}

  // At what makes no sense; the answers are those of LogView::LookAgain().
  absl::StatusOr<bool> At(LogPosition position) {
    if (std::exchange(has_looked_, true)) return false;
    const std::optional<SegmentEntry> before = log_.segments().EntryAt(position);
    absl::StatusOr<bool> looked = log_.LookAgain();
    const std::optional<SegmentEntry> now = log_.segments().EntryAt(position);
    // It may have been replaced once more before it was opened.
    if (before && now && before->name.generation != now->name.generation) has_looked_ = false;
    return looked;
  }
  // A record was found.
  void Forget() { has_looked_ = false; }

  // Reads the record at `position`, and once more if it makes no sense.
  absl::StatusOr<Found> Read(RecordReader& records, LogPosition position, const char** record) {
    Forget();
    for (;;) {
      ASSIGN_OR_RETURN(const Found found, records.Read(position, record));
      if (found != Found::kDamaged) return found;
      ASSIGN_OR_RETURN(const bool has_looked, At(position));
      if (!has_looked) return found;
      records.Forget();
    }
  }

 private:
  LogView& log_;
  bool has_looked_ = false;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_LOG_VIEW_H_
