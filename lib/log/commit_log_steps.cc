// The steps of the log: each does a bounded piece of work and says how long it may rest.

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/guarded.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "log/commit_log.h"

namespace weir::internal {
namespace {

// Work that failed for want of space, or that another thread's claim holds up, is tried again
// after this long.
constexpr absl::Duration kRetry = absl::Milliseconds(20);
// Between two looks at a claim that holds up somebody who waits; most last microseconds.
constexpr absl::Duration kClaimRetry = absl::Milliseconds(1);
// While appends arrive the writer looks at the front this often, so that producers need not wake
// it.
constexpr absl::Duration kWriterTick = absl::Milliseconds(10);
// An interval longer than this is "never", and can be computed with.
constexpr absl::Duration kSyncIntervalMax = absl::Hours(24 * 365);
constexpr int64_t kStaleClaimNanos = 1'000'000'000;
constexpr int64_t kLinkCheckNanos = 1'000'000'000;

}  // namespace

absl::Duration CommitLog::WriteStep() {
  // Whatever becomes of the write: the time until a sync is due has begun.
  if (has_workers_ && syncer_rests_.exchange(false, std::memory_order_acq_rel)) wakeups_.syncer();
  absl::Status status;
  bool progressed = false;
  const LogPosition before = front_->written_end();
  {
    MutexLock lock(writer_->step());
    status =
        Guarded([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return writer_->WriteSome(&progressed); });
  }
  HOLDS(front_->written_end() >= before);
  HOLDS(front_->HasOrderedEnds());
  if (health_.Has(Condition::kFailed)) {
    Progressed();
  } else if (progressed) {
    FollowUp();
    progress_.TellWritten();
  }
  if (!status.ok()) {
    if (has_workers_) wakeups_.syncer();  // a failed file is replaced there
    return kRetry;
  }
  if (progressed) {
    if (has_workers_) wakeups_.preparer();
    return absl::ZeroDuration();
  }
  if (front_->claimed_end() != front_->written_end()) return kWriterTick;
  if (!has_workers_) return absl::InfiniteDuration();
  // A whole tick without an append: rest until the next one wakes us. It looks at the flag behind
  // its publication without a fence; the barrier here makes one of us see the other.
  const uint64_t end = front_->claimed_end().value();
  if (quiet_since_.exchange(end, std::memory_order_relaxed) != end) return kWriterTick;
  is_idle_.store(true, std::memory_order_seq_cst);
  BarrierThisProcess();
  if (front_->claimed_end() == front_->written_end()) return absl::Seconds(1);
  is_idle_.store(false, std::memory_order_seq_cst);
  return absl::ZeroDuration();
}

void CommitLog::CheckClaims(int64_t now) {
  const auto claim = held_claims_.Lowest();
  HOLDS(!claim || claim->first.value() % kRecordAlignment == 0);
  HOLDS(!claim || claim->first < front_->claimed_end());
  if (claim && now - claim->second > kStaleClaimNanos) {
    health_.Raise(Condition::kStaleClaim, absl::StrCat("a claim at ", claim->first.value(),
                                                       " is held for more than a second"));
  } else {
    health_.Clear(Condition::kStaleClaim);
  }
}

absl::Duration CommitLog::SyncIfDue(bool* tells) {
  MutexLock step(sync_step_lock_);
  const int64_t now = options_.clock->MonotonicNanos();
  CheckFrontIsLinked(now);
  CheckClaims(now);
  MutexLock lock(syncer_->step());
  // While appends arrive we look four times an interval, so what we see is at most a quarter old.
  const absl::Duration quarter = std::min(options_.sync_interval, kSyncIntervalMax) / 4;
  const uint64_t unsynced = front_->claimed_end() - front_->durable_end();
  if (unsynced == 0) {
    unsynced_since_ = 0;
    wants_sync_.store(false, std::memory_order_release);
    if (!syncer_->SaveSuperblock(/*idle=*/true).ok()) return kRetry;
    health_.Clear(Condition::kDiskFull);
    const bool is_idle = !has_workers_ || is_idle_.load(std::memory_order_acquire);
    return is_idle ? absl::Seconds(1) : std::clamp(quarter, kClaimRetry, absl::Seconds(1));
  }
  if (unsynced_since_ == 0) unsynced_since_ = now;
  const int64_t due = unsynced_since_ + absl::ToInt64Nanoseconds(3 * quarter);
  const bool is_wanted = wants_sync_.exchange(false, std::memory_order_acq_rel);
  if (!is_wanted && now < due && unsynced <= options_.unsynced_bytes_max / 2) {
    return absl::Nanoseconds(due - now);
  }
  const LogPosition before = front_->durable_end();
  const absl::Status status =
      Guarded([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return syncer_->Sync(); });
  const bool progressed = front_->durable_end() != before;
  HOLDS(front_->durable_end() >= before);
  HOLDS(front_->HasOrderedEnds());
  unsynced_since_ = front_->claimed_end() == front_->durable_end() ? 0 : now;
  if (!progressed && (!status.ok() || is_wanted)) {
    // A claim is in the way, and its owner needs the core more than we need another look; or the
    // disk is, and is tried again after a rest. Nobody is told, else whoever waits would ask at
    // once again; the wish stands, so nobody wakes us either.
    if (is_wanted) wants_sync_.store(true, std::memory_order_release);
    *tells = health_.Has(Condition::kFailed) || AnyBroken();
    return status.ok() ? kClaimRetry : kRetry;
  }
  return wants_sync_.load(std::memory_order_acquire) ? absl::ZeroDuration()
                                                     : std::max(quarter, kClaimRetry);
}

absl::Duration CommitLog::SyncStep() {
  bool tells = true;
  const absl::Duration rest = SyncIfDue(&tells);
  JudgePromises().IgnoreError();  // the listener is told of it
  if (tells) Progressed();
  health_.TellListener();
  return health_.Has(Condition::kFailed) ? absl::Seconds(1) : rest;
}

absl::Duration CommitLog::PrepareFor(Room room, bool may_drop) {
  if (is_stopped() || health_.Has(Condition::kFailed)) return absl::Seconds(1);
  const LogPosition wanted =
      segments_.BeginOf(front_->claimed_end()) + 3 * segments_.segment_bytes() + reserve_bytes();
  if (room == Room::kMessages && segments_.prepared_end() < wanted && segments_.IsFull()) {
    if (!may_drop) return kRetry;
    const absl::Status made = make_space_ ? Guarded([&] { return make_space_(); })
                                          : absl::ResourceExhaustedError("no more files allowed");
    // Who waits is told that it is closed, and not that it is full.
    if (is_stopped()) return absl::Seconds(1);
    if (!made.ok()) {
      health_.Raise(Condition::kNoSpaceAhead, std::string(made.message()));
      Progressed();
      return kRetry;
    }
    if (segments_.IsFull()) return kRetry;
  }
  // Not before: who makes space prepares a segment for himself.
  MutexLock step(prepare_step_lock_);
  if (is_stopped()) return absl::Seconds(1);
  const absl::StatusOr<bool> more = Guarded([&] {
    return segments_.Prepare(wanted, front_->incarnation(),
                             uses_disk_durability_.load(std::memory_order_relaxed));
  });
  const LogPosition begin = segments_.begin();
  const LogPosition prepared = segments_.prepared_end();
  HOLDS(prepared == segments_.BeginOf(prepared));
  HOLDS(begin <= prepared);
  if (!more.ok()) {
    const bool heals =
        absl::IsResourceExhausted(more.status()) || absl::IsUnavailable(more.status());
    health_.Raise(heals ? Condition::kNoSpaceAhead : Condition::kFailed, more.status().message());
    Progressed();
    return kRetry;
  }
  health_.Clear(Condition::kNoSpaceAhead);
  Progressed();
  return *more ? absl::ZeroDuration() : absl::Seconds(1);
}

bool CommitLog::Decide(const Completion& completion, absl::Status* status, Durability* reached) {
  // Its word is negative until it is published, and what is below the begin was published.
  *reached = Reached(completion.receipt.end);
  if (const auto range = lost_.Touching(completion.receipt.position, completion.receipt.end)) {
    *status = absl::DataLossError(range->reason);
    return true;
  }
  if (*reached >= completion.durability) {
    HOLDS(completion.receipt.end > completion.receipt.position);
    HOLDS(completion.receipt.end <= front_->claimed_end());
    if (completion.receipt.end <= front_->written_end() ||
        front_->PublishedEnd() >= completion.receipt.end) {
      if (completion.durability == Durability::kDisk) Count(counters_.sync_waiters);
      return true;
    }
    return false;
  }
  if (health_.Has(Condition::kFailed)) {
    *status = absl::DataLossError(
        absl::StrCat("it may be in the log and will never be confirmed: ", health_.reason()));
    return true;
  }
  // While the log is being closed there is still a sync to come.
  if (health_.Has(Condition::kClosed)) {
    *status = absl::FailedPreconditionError("closed while waiting");
    return true;
  }
  if (has_workers_ && completion.durability == Durability::kDisk &&
      !wants_sync_.exchange(true, std::memory_order_acq_rel)) {
    wakeups_.syncer();
  }
  if (!has_workers_) wants_sync_.store(true, std::memory_order_release);
  return false;
}

void CommitLog::FinishCallbacks() {
  while (RunCallbacks(/*is_last=*/true) == absl::ZeroDuration()) {
  }
}

absl::Duration CommitLog::RunCallbacks(bool is_last) {
  JudgePromises().IgnoreError();  // it is what those are told who wait
  constexpr size_t kCallbacksPerStep = 4096;
  const auto decide = [this](const Completion& completion, absl::Status* status,
                             Durability* reached) {
    const absl::StatusOr<bool> decided =
        Guarded([&]() -> absl::StatusOr<bool> { return Decide(completion, status, reached); });
    if (decided.ok()) return *decided;
    // There is another time, but for who is closed.
    if (!health_.Has(Condition::kClosed)) return false;
    *status = decided.status();
    return true;
  };
  const size_t called =
      is_last ? completions_.RunRest(front_->append_lock(), decide, kCallbacksPerStep)
              : completions_.RunReady(front_->append_lock(), decide, kCallbacksPerStep);
  return called == kCallbacksPerStep || AnyBroken() ? absl::ZeroDuration() : absl::Seconds(1);
}

void CommitLog::CheckFrontIsLinked(int64_t now) {
  if (!front_->is_shared() || now - link_checked_ < kLinkCheckNanos) return;
  if (Without(Protection::kFrontLinked)) return;
  link_checked_ = now;
  HOLDS(is_front_gone_.load(std::memory_order_acquire) == health_.Has(Condition::kFrontGone));
  HOLDS(!is_front_gone_.load(std::memory_order_acquire) || ReachedAtOnce() == Durability::kNone);
  const absl::StatusOr<bool> linked = front_->memory().IsLinked();
  if (!linked.ok() || *linked) return;
  is_front_gone_.store(true, std::memory_order_release);
  health_.Raise(Condition::kFrontGone,
                "somebody removed the shared front: appends wait for the write from now on");
}

}  // namespace weir::internal
