// How appends get room: in the front, in prepared segments, and below what may be unsynced.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "log/commit_log.h"

namespace weir::internal {

LogPosition CommitLog::NeededEnd(uint32_t bytes) const {
  const uint64_t segment = front_->segment_bytes();
  const LogPosition end = front_->claimed_end();
  const LogPosition start = RecordStart(end, segment);
  const LogPosition segment_end = segments_.BeginOf(end) + segment;
  const bool fits =
      start + bytes == segment_end || start + bytes + kRecordHeaderBytes <= segment_end;
  return (fits ? start : segment_end + kSegmentHeaderBytes) + bytes;
}

CommitLog::Limits CommitLog::LimitsFor(LogPosition needed, Room room) {
  bool reader_in_the_way = false;
  const LogPosition ring = front_->Reclaim(needed, front_->written_end(), &reader_in_the_way);
  HOLDS(front_->HasOrderedEnds());
  // With nothing unsynced anything goes, or a record larger than the limit would never.
  const LogPosition durable = front_->durable_end();
  LogPosition unsynced = front_->claimed_end() == durable
                             ? std::max(durable + options_.unsynced_bytes_max, needed)
                             : durable + options_.unsynced_bytes_max;
  if (Without(Protection::kUnsyncedMax)) unsynced = LogPosition(~uint64_t{0});
  const LogPosition prepared = segments_.prepared_end();
  HOLDS(prepared == segments_.BeginOf(prepared));
  // Never less than what is claimed: limits do not take back.
  const LogPosition for_messages = prepared - std::min(reserve_bytes(), prepared.value());
  Limits limits{.messages = std::min({ring, for_messages, unsynced}),
                .reserve = std::min({ring, prepared, unsynced})};
  if (ring < needed) {
    limits.stall = reader_in_the_way ? &counters_.stalls_reader : &counters_.stalls_front_full;
  } else if ((room == Room::kReserve ? prepared : for_messages) < needed) {
    limits.stall = &counters_.stalls_segment;
  } else if (unsynced < needed) {
    limits.stall = &counters_.stalls_unsynced;
  }
  return limits;
}

void CommitLog::AnnounceIncarnation() {
  if (!must_announce_ || Without(Protection::kAnnounced)) return;
  // Behind the records nothing may fail for want of memory. The open left the file open in which
  // the log goes on.
  const std::shared_ptr<SegmentFile> active = segments_.FindOpen(front_->claimed_end());
  if (HOLDS(active != nullptr)) active->ReserveChange();
  must_announce_ = false;
  // Nothing of this incarnation is in the log yet.
  HOLDS(front_->written_end() == front_->claimed_end());
  const LogPosition from = front_->WriteOpenRecords(announced_behind_);
  const std::shared_ptr<SegmentFile> file = segments_.FindOpen(from);
  if (file != nullptr && from > file->begin()) {
    file->ChangeIncarnation(from, front_->incarnation());
    HOLDS(file->IncarnationAt(from) == front_->incarnation());
  }
}

void CommitLog::Refuse(const absl::Status& why) {
  if (why.ok()) {
    if (!health_.Has(Condition::kRefused)) return;
    health_.Clear(Condition::kRefused);
  } else {
    health_.Raise(Condition::kRefused, std::string(why.message()));
    // Whoever has room left would not ask.
    MutexLock lock(room_lock_);
    front_->RefuseMessages();
  }
  Progressed();
}

absl::Status CommitLog::MakeRoom(uint32_t bytes, Deadline deadline, Room room) {
  if (bytes > group_bytes_max_) {
    return absl::InvalidArgumentError(
        absl::StrCat("a record of ", bytes, " bytes; at most ", group_bytes_max_, " fit"));
  }
  ENSURE(bytes >= kRecordHeaderBytes && bytes % kRecordAlignment == 0);
  // The front refuses what breaks a promise, and room does not help.
  RETURN_IF_ERROR(Broken());
  const Progress::Waiting waiting(progress_);
  // Inside a callback nobody waits: the thread is the one that would have to make progress.
  if (Completions::InCallback()) deadline = 0;
  const bool leads = LeadsWithout(deadline);
  int64_t stalled_since = 0;
  for (bool counted = false;;) {
    std::atomic<uint64_t>* stall = nullptr;
    {
      MutexLock lock(room_lock_);
      if (is_stopped()) return absl::FailedPreconditionError("closed");
      if (health_.Has(Condition::kFailed) && !Without(Protection::kFailedForGood)) {
        front_->set_limit(LogPosition(0));
        return health_.WhyNoAppend();
      }
      AnnounceIncarnation();
      const LogPosition durable = front_->durable_end();
      const LogPosition needed = NeededEnd(bytes);
      ENSURE(needed >= durable + bytes);
      Limits limits = LimitsFor(needed, room);
      stall = limits.stall;
      if (health_.Has(Condition::kRefused)) limits.messages = LogPosition(0);
      front_->set_limits(limits.messages, limits.reserve);
      if (health_.Has(Condition::kRefused) && room == Room::kMessages) {
        return health_.WhyNoAppend();
      }
      if (needed <= (room == Room::kReserve ? limits.reserve : limits.messages)) {
        if (counted) {
          counters_.stall_nanos.Record(
              static_cast<uint64_t>(options_.clock->MonotonicNanos() - stalled_since));
        }
        return absl::OkStatus();
      }
    }
    if (!std::exchange(counted, true)) {
      Count(*stall);
      stalled_since = options_.clock->MonotonicNanos();
    }
    const bool needs_segment = stall == &counters_.stalls_segment;
    const bool prepares = needs_segment && (leads || room == Room::kReserve);
    // Who only tries may hold locks that whoever drops must take, and who drops waits for claims.
    const bool may_drop = options_.clock->MonotonicNanos() < deadline && CheckMayWait().ok();
    if (prepares) {
      PrepareFor(room, may_drop);
    } else if (needs_segment) {
      wakeups_.preparer();
    }
    const absl::Status why = health_.WhyNoAppend();
    if (!why.ok()) {
      // One more try by whoever has no workers: space may have come back.
      if (!leads || needs_segment || !HelpOrSleep({.is_sync = true}, true, deadline).ok())
        return why;
      if (!health_.WhyNoAppend().ok()) return why;
      continue;
    }
    if (prepares && (may_drop || room == Room::kReserve || !segments_.IsFull())) continue;
    RETURN_IF_ERROR(CheckMayWait());
    if (options_.clock->MonotonicNanos() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("no room in the log before the deadline", HeldClaimText()));
    }
    // What it met is in the log's health, which is looked at first.
    HelpOrSleep({.is_sync = stall == &counters_.stalls_unsynced}, leads, deadline).IgnoreError();
  }
}

}  // namespace weir::internal
