#include "log/log_scanner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace weir::internal {

void LogScanner::Restart(LogPosition position) {
  scanner_.emplace(
      *file_,
      [this](LogPosition at, absl::Span<char> out) {
        bytes_read_ += out.size();
        return ReadBytes(at, out);
      },
      position, segment_end_, Groups::kMembers);
  for (const uint64_t incarnation : more_incarnations_) scanner_->AddIncarnation(incarnation);
  position_ = scanner_->position();
}

absl::Status LogScanner::ReadBytes(LogPosition at, absl::Span<char> out) {
  const LogPosition written = prefers_file_ ? log_.written_end() : LogPosition(0);
  const size_t in_file = at < written ? std::min<uint64_t>(out.size(), written - at) : 0;
  if (in_file != 0) RETURN_IF_ERROR(file_->ReadZeroFilled(at, out.first(in_file)));
  if (in_file == out.size()) return absl::OkStatus();
  return log_.ReadBytes(at + in_file, out.subspan(in_file));
}

// Whether `at` is in what was dropped since `begin_` was; then the scan goes on behind that. A file
// that is missing at the log's begin is another matter.
bool LogScanner::PassDropped(LogPosition at) {
  const LogPosition now = log_.segments().begin();
  if (at >= now || now <= begin_) return false;
  has_passed_dropped_ = true;
  position_ = now;
  scanner_.reset();
  return true;
}

// Who begins to read in the middle of a record has met no damage. Walks from the segment's begin;
// true if the scan stands at the record behind now.
absl::StatusOr<bool> LogScanner::LeaveRecord(LogPosition inside) {
  Restart(file_->begin());
  while (position_ < inside) {
    ScannedRecord record;
    const absl::StatusOr<SegmentScanner::Step> step = scanner_->Next(&record);
    if (!step.ok() && !IsUnreadable(step.status())) return step.status();
    if (step.ok() && *step == SegmentScanner::Step::kEnd) break;
    if (!step.ok() || *step == SegmentScanner::Step::kInvalid) {
      ASSIGN_OR_RETURN(const bool goes_on, scanner_->Resync(scanner_->resync_from()));
      // The damage takes in the place where we began.
      if (!goes_on || scanner_->position() > inside) break;
    }
    position_ = scanner_->position();
  }
  if (position_ > inside) return true;
  Restart(inside);
  return false;
}

// False at the end of the scan. kNotFound: there is no file for what comes next.
absl::StatusOr<bool> LogScanner::EnterSegment() {
  const std::optional<SegmentEntry> entry = log_.segments().GoOn(position_);
  const LogPosition next = entry ? std::min(std::max(position_, entry->begin()), to_) : to_;
  if (position_ < next && !log_.segments().IsCutAt(position_)) {
    segment_end_ = next;
    return absl::NotFoundError(NoFile(position_, next));
  }
  if (next >= to_) return false;
  position_ = next;
  segment_end_ = std::min(entry->end(), to_);
  ASSIGN_OR_RETURN(file_, log_.segments().Find(position_));
  prefers_file_ = false;
  Restart(position_);
  return true;
}

absl::StatusOr<LogScanner::Step> LogScanner::Next(ScannedRecord* record, DamagedRange* damage) {
  for (;;) {
    if (!scanner_) {
      const absl::StatusOr<bool> entered = EnterSegment();
      if (entered.ok() && !*entered) return Step::kEnd;
      if (!entered.ok() && PassDropped(position_)) continue;
      if (!entered.ok() && !IsUnreadable(entered.status())) return entered.status();
      if (!entered.ok()) {
        ASSIGN_OR_RETURN(const bool has_looked, second_look_.At(position_));
        if (has_looked) continue;
        if (IsFromDevice(entered.status())) unread_ = entered.status();
        // A file that cannot be opened is damage of its range.
        const LogPosition end = std::min(segment_end_, to_);
        *damage = {position_, end, std::string(entered.status().message())};
        position_ = end;
        return Step::kDamage;
      }
    }
    const absl::StatusOr<SegmentScanner::Step> step = scanner_->Next(record);
    if (step.ok() && *step == SegmentScanner::Step::kRecord) {
      position_ = scanner_->position();
      may_begin_inside_ = false;
      second_look_.Forget();
      prefers_file_ = false;
      return Step::kRecord;
    }
    if (step.ok() && *step == SegmentScanner::Step::kEnd) {
      position_ = segment_end_;
      scanner_.reset();
      continue;
    }
    const LogPosition begin = scanner_->position();
    if (PassDropped(begin)) continue;
    if (!step.ok() && !IsUnreadable(step.status())) return step.status();
    if (const uint64_t current = log_.CurrentIncarnation();
        step.ok() && current != 0 && current != file_->IncarnationAt(begin)) {
      ASSIGN_OR_RETURN(const bool is_current, scanner_->IsOf(current));
      if (is_current) file_->ChangeIncarnation(begin, current);
      if (is_current) continue;
    }
    ASSIGN_OR_RETURN(const bool has_looked, second_look_.At(begin));
    if (has_looked) {
      position_ = begin;
      scanner_.reset();
      continue;
    }
    if (begin < log_.written_end() && !std::exchange(prefers_file_, true)) {
      Restart(begin);
      continue;
    }
    if (!file_->incarnations_are_complete() && step.ok()) {
      // Perhaps an open record lies before the place where this scan began.
      const uint64_t before = file_->IncarnationAt(begin);
      const absl::Status complete = CompleteIncarnations(*file_);
      if (!complete.ok() && !IsUnreadable(complete)) return complete;
      unread_.Update(complete);
      if (file_->IncarnationAt(begin) != before) continue;
    }
    if (std::exchange(may_begin_inside_, false) && begin > file_->begin() + kSegmentHeaderBytes) {
      const absl::StatusOr<bool> left = LeaveRecord(begin);
      if (!left.ok()) {
        may_begin_inside_ = true;
        Restart(begin);
        return left.status();
      }
      if (*left) continue;
    }
    ASSIGN_OR_RETURN(const bool found, scanner_->Resync(begin + kRecordAlignment));
    const LogPosition end = found ? scanner_->position() : segment_end_;
    if (!scanner_->unread().ok()) unread_ = scanner_->unread();
    *damage = {begin, end,
               step.ok() ? absl::StrCat(file_->Describe(begin), ": no valid record")
                         : absl::StrCat(file_->Describe(begin), ": ", step.status().message())};
    position_ = end;
    if (!found) scanner_.reset();
    return Step::kDamage;
  }
}

}  // namespace weir::internal
