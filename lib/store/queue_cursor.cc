#include "store/queue_cursor.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace weir::internal {

absl::StatusOr<QueueCursor::Outcome> QueueCursor::Fetch(QueueEntry* entry) {
  const ConsumeQueue& queue = sources_.queues->queue(number_);
  {
    const ReaderSlots::Guard guard(*sources_.queues->readers());
    batch_count_ = queue.CopyEntries(offset_, NextBatch(), batch_);
  }
  batch_first_ = offset_;
  if (batch_count_ > 0) {
    *entry = batch_[0];
    return Outcome::kEntry;
  }
  if (offset_ >= queue.end()) return Outcome::kEnd;
  if (offset_ < queue.first()) return Outcome::kTooSmall;
  ASSIGN_OR_RETURN(const Outcome outcome, FillFromFiles());
  if (outcome == Outcome::kEntry) *entry = batch_[0];
  return outcome;
}

absl::Status QueueCursor::FillFromRun(uint64_t offset) {
  const uint64_t index = offset - run_->run.first.value();
  const size_t count = std::min<uint64_t>(NextBatch(), run_->run.count - index);
  IndexEntry entries[kBatch];
  RETURN_IF_ERROR(run_->file->ReadEntries(run_->run, static_cast<uint32_t>(index),
                                          absl::MakeSpan(entries, count)));
  for (size_t i = 0; i < count; ++i) {
    batch_[i] = {.position = entries[i].is_hole() ? QueueEntry::kHole
                                                  : entries[i].position(run_->segment_begin),
                 .filter = entries[i].filter};
  }
  batch_first_ = offset;
  batch_count_ = count;
  return absl::OkStatus();
}

void QueueCursor::NoteUnread(const absl::Status& status) {
  if (IsFromDevice(status)) unread_ = status;
}

absl::StatusOr<QueueCursor::Outcome> QueueCursor::FillWithoutLinks(const absl::Status& why) {
  NoteUnread(why);
  absl::StatusOr<Indexer::Place> place =
      sources_.indexer->FindWithoutLinks(number_, QueueOffset(offset_));
  // What is wrong with the chain says more than what is wrong with some file beside it.
  if (!place.ok()) return why.ok() ? place.status() : why;
  if (place->run) {
    run_ = *std::move(place->run);
    RETURN_IF_ERROR(FillFromRun(offset_));
    return Outcome::kEntry;
  }
  NoteUnread(place->lost);
  if (place->is_dropped) {
    // Who reads the queue from its begin again need not search again.
    sources_.queues->queue(number_).RaiseFirst(place->holes_end.value());
    return Outcome::kTooSmall;
  }
  holes_begin_ = offset_;
  holes_end_ = std::max(offset_, place->holes_end.value());
  return FillWithHoles();
}

absl::StatusOr<QueueCursor::Outcome> QueueCursor::FillWithHoles() {
  batch_first_ = offset_;
  batch_count_ = std::min<uint64_t>(kBatch, holes_end_ - offset_);
  std::fill_n(batch_, batch_count_, QueueEntry{.position = QueueEntry::kHole});
  return batch_count_ > 0 ? Outcome::kEntry : Outcome::kTooSmall;
}

absl::StatusOr<QueueCursor::Outcome> QueueCursor::FillFromFiles() {
  if (offset_ >= holes_begin_ && offset_ < holes_end_) return FillWithHoles();
  for (int tries = 0;; ++tries) {
    absl::Status status;
    const ConsumeQueue& queue = sources_.queues->queue(number_);
    const RunLink tail = queue.tail();
    if (!run_ || offset_ < run_->run.first.value() || offset_ >= run_->run.end().value()) {
      absl::StatusOr<std::optional<RunLocation>> found = FindRunOf(
          *sources_.files, number_, tail, QueueOffset(offset_), sources_.log->segments().begin());
      status = found.status();
      if (found.ok() && !found->has_value()) return FillWithoutLinks(absl::OkStatus());
      if (found.ok()) run_ = **std::move(found);
    }
    if (status.ok()) status = FillFromRun(offset_);
    if (status.ok()) return Outcome::kEntry;
    run_.reset();
    if (queue.tail() != tail) {  // a seal went on while we looked
      --tries;
      continue;
    }
    const bool is_lost = absl::IsOutOfRange(status);  // a link into a missing segment
    if (!is_lost && !IsUnreadable(status)) return status;
    if (is_lost || tries > 0) return FillWithoutLinks(status);
    if (const absl::Status rebuilt = sources_.indexer->RebuildDamaged(); !rebuilt.ok()) {
      NoteUnread(rebuilt);
      return FillWithoutLinks(status);
    }
  }
}

absl::StatusOr<uint64_t> QueueCursor::SeekPosition(LogPosition position) {
  const ConsumeQueue& queue = sources_.queues->queue(number_);
  uint64_t low = queue.first();
  uint64_t high = queue.end();
  // The segment's own run, if there is one, holds the offset or ends before it. What is wrong with
  // the file is for who reads on.
  const LogPosition segment_begin = sources_.log->segments().BeginOf(position);
  if (segment_begin < sources_.indexer->sealed_end()) {
    const auto found = sources_.files->FindRun(segment_begin, number_);
    if (found.ok() && found->has_value() && (*found)->run.end().value() <= high) {
      low = std::max(low, (*found)->run.first.value());
      high = std::max(low, (*found)->run.end().value());
    }
  }
  // Entries are in the order of the log. Holes have no position; they go with what is behind them.
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    uint64_t probe = middle;
    QueueEntry entry;
    Outcome outcome = Outcome::kEnd;
    for (; probe < high; ++probe) {
      MoveTo(probe);
      ASSIGN_OR_RETURN(outcome, Get(&entry));
      if (outcome != Outcome::kEntry || !entry.is_hole()) break;
    }
    if (probe == high || outcome == Outcome::kEnd) {
      high = middle;
    } else if (outcome == Outcome::kTooSmall) {
      low = probe + 1;
    } else if (entry.position < position) {
      low = probe + 1;
    } else {
      high = middle;
    }
  }
  MoveTo(low);
  return low;
}

}  // namespace weir::internal
