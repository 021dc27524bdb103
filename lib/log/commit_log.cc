#include "log/commit_log.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/guarded.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "log/segment_scanner.h"

namespace weir::internal {
namespace {

constexpr int64_t kSleepNanosMax = 10'000'000;

// What there was too little of may be there again.
bool Heals(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
}

}  // namespace

CommitLog::CommitLog(const StoreOptions& options, std::unique_ptr<Directory> directory,
                     std::unique_ptr<DirectoryLock> lock,
                     std::unique_ptr<SuperblockFile> superblock)
    : options_(options),
      directory_(std::move(directory)),
      lock_(std::move(lock)),
      superblock_(std::move(superblock)),
      cache_(options.read_cache_bytes),
      segments_(directory_.get(), OpenMode::kReadWrite, superblock_->current().store,
                superblock_->current().segment_bytes, &cache_),
      health_(options.state_listener) {}

CommitLog::~CommitLog() = default;

absl::StatusOr<std::unique_ptr<CommitLog>> CommitLog::Open(const StoreOptions& options) {
  const int64_t started = options.clock->MonotonicNanos();
  ASSIGN_OR_RETURN(StoreDirectory opened, OpenStoreDirectory(options));
  std::unique_ptr<CommitLog> log(new CommitLog(
      options, std::move(opened.directory), std::move(opened.lock), std::move(opened.superblock)));
  RETURN_IF_ERROR(log->Start());
  // Nothing that may be wrong is served.
  RETURN_IF_ERROR(Broken());
  ENSURE(log->front_->HasOrderedEnds());
  ENSURE(log->report_.end <= log->front_->claimed_end());
  log->report_.duration = absl::Nanoseconds(options.clock->MonotonicNanos() - started);
  return log;
}

absl::Status CommitLog::Start() {
  ASSIGN_OR_RETURN(RecoveredLog recovered, Recover({.options = options_,
                                                    .file_system = *options_.file_system,
                                                    .clock = *options_.clock,
                                                    .directory = *directory_,
                                                    .lock = *lock_,
                                                    .superblock = *superblock_,
                                                    .segments = segments_,
                                                    .health = health_,
                                                    .lost = lost_}));
  front_ = std::move(recovered.front);
  front_directory_ = std::move(recovered.front_directory);
  report_ = std::move(recovered.report);
  left_out_ = std::move(recovered.left_out);
  const uint64_t ring = front_->ring_bytes();
  const uint64_t segment = front_->segment_bytes();
  // The worst place for a record leaves a filler as long as it before, and a segment's header.
  group_bytes_max_ = static_cast<uint32_t>(
      std::min(segment / 2, (ring - kSegmentHeaderBytes - kRecordHeaderBytes) / 2) & ~uint64_t{7});
  record_bytes_max_ = static_cast<uint32_t>(std::min(ring, segment) / 4);
  ENSURE(record_bytes_max_ % kRecordAlignment == 0 && group_bytes_max_ % kRecordAlignment == 0);
  ENSURE(record_bytes_max_ + kRecordHeaderBytes <= group_bytes_max_);
  {
    MutexLock lock(room_lock_);
    must_announce_ = recovered.announce_behind.has_value();
    announced_behind_ = recovered.announce_behind.value_or(0);
  }
  FileSystem& file_system = *options_.file_system;
  std::unique_ptr<SharedMemory> bells;
  const SharedMemorySize bell_size{.header_bytes = kDoorbellBytes, .ring_bytes = 0};
  if (front_->is_shared()) {
    const std::string name = DoorbellName(front_->incarnation());
    auto created = file_system.CreateShared(front_directory_, name, bell_size);
    if (absl::IsAlreadyExists(created.status())) {
      created =
          file_system.OpenShared(front_directory_, name, kDoorbellBytes, OpenMode::kReadWrite);
    }
    if (created.ok()) bells = *std::move(created);
  }
  if (bells == nullptr) {
    ASSIGN_OR_RETURN(bells, file_system.CreatePrivate(bell_size));
  }
  doorbell_ = std::make_unique<Doorbell>(std::move(bells), /*other_process=*/false);
  writer_ = std::make_unique<LogWriter>(front_.get(), &segments_, &health_, &lost_, &counters_);
  syncer_ = std::make_unique<LogSyncer>(front_.get(), &segments_, superblock_.get(), writer_.get(),
                                        &health_, &lost_, &counters_, &progress_, options_.clock);
  syncer_->set_last_sync_wall_nanos(superblock_->current().last_sync);
  if (report_.front_adopted) {
    // What the dead process had not written yet goes to disk before anybody reads it.
    while (segments_.prepared_end() < front_->claimed_end()) {
      const auto more = segments_.Prepare(front_->claimed_end(), front_->incarnation(), false);
      if (!more.ok()) {
        health_.Raise(Condition::kNoSpaceAhead, more.status().message());
        break;
      }
    }
    MutexLock lock(syncer_->step());
    const absl::Status synced =
        Without(Protection::kAdoptedSync) ? absl::OkStatus() : syncer_->Sync();
    if (!synced.ok() && !absl::IsResourceExhausted(synced) && !absl::IsNotFound(synced)) {
      report_.notes.push_back(absl::StrCat("recovered and not yet durable: ", synced.message()));
    }
  }
  health_.TellListener();
  return absl::OkStatus();
}

absl::Status CommitLog::EndWriting() {
  const bool is_news = !health_.Has(Condition::kFailed);
  absl::Status broken = health_.RaiseBroken();
  Progressed();
  // Who tells the listener; and who may be this thread, and break the same promise again.
  if (is_news && has_workers_) wakeups_.syncer();
  return broken;
}

absl::Status CommitLog::GiveUp(const Reservation& reservation) {
  // Whatever there is no memory for: the record must not stand in the way of all others.
  Guarded([&] {
    lost_.Add({reservation.position, reservation.end(), std::string(Broken().message())});
    return absl::OkStatus();
  }).IgnoreError();
  Abandon(reservation);
  doorbell_->RingAll();
  return JudgePromises();
}

void CommitLog::SetWakeups(Wakeups wakeups) {
  wakeups_ = std::move(wakeups);
  has_workers_ = true;
}

void CommitLog::Stop() {
  is_stopped_.store(true, std::memory_order_release);
  {
    MutexLock lock(room_lock_);
    front_->set_limit(LogPosition(0));
  }
  Progressed();
  doorbell_->RingAll();
  // Who looked for room before looks whether we stopped before he gives any.
  HOLDS(front_->limit() == LogPosition(0));
  HOLDS(front_->HasOrderedEnds());
}

absl::Status CommitLog::Close() {
  Stop();
  {
    // Who is in the step would make a file in a directory that may be another writer's by then.
    MutexLock lock(prepare_step_lock_);
  }
  const absl::Status status = Guarded([&] { return WriteAndClose(); });
  doorbell_->RingAll();
  health_.Raise(Condition::kClosed, "closed");
  health_.TellListener();
  return status;
}

absl::Status CommitLog::WriteAndClose() {
  absl::Status status;
  {
    MutexLock lock(syncer_->step());
    status = syncer_->Sync();
    if (status.ok()) status = syncer_->SaveSuperblock(/*idle=*/true);
  }
  const LogPosition end = front_->claimed_end();
  if (status.ok() && front_->durable_end() != end && !Without(Protection::kCloseWhole)) {
    status = absl::FailedPreconditionError(
        absl::StrCat("a claim at ", front_->PublishedEnd().value(),
                     " is still held: what is behind it stays in the front for the next open"));
  }
  if (status.ok() && health_.Has(Condition::kFailed)) status = health_.WhyNoAppend();
  HOLDS(front_->HasOrderedEnds());
  HOLDS(!status.ok() || superblock_->current().durable_end == end);
  // Whatever is wrong, a store that is not known to be whole is not called clean.
  status.Update(JudgePromises());
  if (status.ok()) {
    const LogPosition kept_end = end.value() % segments_.segment_bytes() == 0
                                     ? end
                                     : segments_.BeginOf(end) + segments_.segment_bytes();
    status = superblock_->Update([&](Superblock& block) {
      block.is_clean = true;
      block.front = FrontKind::kNone;
      block.prepared_end = std::max(kept_end, block.durable_end);
      block.last_store_time = front_->last_store_time();
    });
  }
  // After a failed close the front is still ours until this object goes.
  if (!status.ok()) return status;
  // From here on nothing can be lost any more.
  Guarded([&] { return TidyUp(end); }).IgnoreError();
  // Others may open now.
  superblock_->Release();
  lock_.reset();
  return absl::OkStatus();
}

// A short run shall leave a short directory; what cannot be removed now the next open removes.
absl::Status CommitLog::TidyUp(LogPosition end) {
  // What goes here is what an open behind a death would need.
  ENSURE(superblock_->current().is_clean);
  ENSURE(end == front_->claimed_end());
  front_->set_closed();
  const std::shared_ptr<SegmentFile> active = segments_.FindOpen(end);
  if (active != nullptr && end > active->begin()) active->Truncate(end).IgnoreError();
  segments_.RemovePrepared(end).IgnoreError();
  directory_->Sync().IgnoreError();
  if (!front_->is_shared()) return absl::OkStatus();
  FileSystem& file_system = *options_.file_system;
  const uint64_t incarnation = front_->incarnation();
  file_system.RemoveShared(front_directory_, FrontName(incarnation)).IgnoreError();
  return file_system.RemoveShared(front_directory_, DoorbellName(incarnation));
}

// Whether a step that a waiting thread did itself brought anything: then the others are told. A
// claim in the way, a full disk and too little memory are looked at again after a rest.
bool CommitLog::IsDone(bool progressed, const absl::Status& status) const {
  const bool rests = status.ok() || (Heals(status) && has_workers_);
  return progressed || !rests;
}

void CommitLog::Sleep(const Want& want, uint32_t seen, absl::Duration duration) {
  if (want.end) {
    progress_.SleepForSync(seen, *want.end, duration);
  } else {
    progress_.SleepForRoom(seen, duration);
  }
}

absl::Status CommitLog::HelpOrSleep(const Want& want, bool leads, Deadline deadline) {
  const uint32_t seen = progress_.Look();
  // Who is in the step tells of its end, and then one of those who wait leads: waking the worker
  // too would make it the next leader, and every append would pay for two hand-offs.
  if (leads && want.is_sync) {
    if (syncer_->step().TryLock()) {
      const LogPosition before = front_->durable_end();
      const absl::Status status =
          Guarded([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return syncer_->Sync(); });
      const bool progressed = front_->durable_end() != before;
      const uint64_t round = progress_.round();
      syncer_->step().Unlock();
      RETURN_IF_ERROR(JudgePromises());
      if (IsDone(progressed, status)) {
        FollowUp();
        if (status.ok()) {
          progress_.TellSynced(round);
        } else {
          progress_.TellAll();
        }
        return status;
      }
    }
  } else if (leads) {
    if (writer_->step().TryLock()) {
      bool progressed = false;
      const absl::Status status =
          Guarded([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return writer_->WriteSome(&progressed); });
      writer_->step().Unlock();
      RETURN_IF_ERROR(JudgePromises());
      // To be replaced.
      if (absl::IsDataLoss(status)) return HelpOrSleep({.is_sync = true}, leads, deadline);
      if (IsDone(progressed, status)) {
        Progressed();
        return status;
      }
    }
  } else if (!want.is_sync) {
    wakeups_.writer();
  } else if (!wants_sync_.exchange(true, std::memory_order_acq_rel)) {
    wakeups_.syncer();
  }
  const int64_t left = deadline == kNever
                           ? kSleepNanosMax
                           : std::min(deadline - options_.clock->MonotonicNanos(), kSleepNanosMax);
  if (left <= 0) return absl::OkStatus();
  // Whoever is in the step tells of its end; a foreign claim tells nobody.
  Sleep(want, seen, absl::Nanoseconds(leads ? left / 10 : left));
  return absl::OkStatus();
}

void CommitLog::FollowUp() {
  if (health_.Has(Condition::kFailed)) {
    // Whoever has room left would not ask.
    MutexLock lock(room_lock_);
    front_->set_limit(LogPosition(0));
  }
  doorbell_->RingLog();
  if (visible_only_durable() || !front_->is_shared()) doorbell_->RingAll();
  if (completions_.any()) WakeCallbacks();
}

// --- Wait

Deadline CommitLog::FiniteDeadlineIn(absl::Duration timeout) const {
  const int64_t now = options_.clock->MonotonicNanos();
  if (timeout <= absl::ZeroDuration()) return now;
  const int64_t nanos = absl::ToInt64Nanoseconds(timeout);
  return nanos > kNever - now ? kNever : now + nanos;
}

Durability CommitLog::Reached(LogPosition end) const {
  if (front_->durable_end() >= end) return Durability::kDisk;
  if (Without(Protection::kAckedAfterSync) && front_->written_end() >= end) {
    return Durability::kDisk;
  }
  if (ReachedAtOnce() == Durability::kProcess) return Durability::kProcess;
  return front_->written_end() >= end ? Durability::kProcess : Durability::kNone;
}

absl::Status CommitLog::CheckMayWait(std::optional<LogPosition> but) const {
  if (!held_claims_.HeldByThisThread(but)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "this thread holds a claim of this log and would wait for itself");
}

absl::StatusOr<Durability> CommitLog::WaitFor(LogPosition begin, LogPosition end, Durability wanted,
                                              Deadline deadline) {
  if (wanted == Durability::kDisk && !uses_disk_durability_.load(std::memory_order_relaxed)) {
    uses_disk_durability_.store(true, std::memory_order_relaxed);
  }
  if (Reached(end) >= wanted && !lost_.Touching(begin, end)) return Reached(end);
  const Progress::Waiting waiting(progress_);
  if (Completions::InCallback()) deadline = 0;
  const absl::StatusOr<Durability> reached =
      Guarded([&] { return Wait(begin, end, wanted, deadline); });
  // What waits has its place in the log, and of an error for want of memory it is said that nothing
  // was written.
  return absl::IsUnavailable(reached.status()) ? Reached(end) : reached;
}

absl::StatusOr<Durability> CommitLog::Wait(LogPosition begin, LogPosition end, Durability wanted,
                                           Deadline deadline) {
  for (;;) {
    if (const auto range = lost_.Touching(begin, end)) return absl::DataLossError(range->reason);
    const Durability reached = Reached(end);
    if (reached >= wanted) {
      if (wanted == Durability::kDisk) Count(counters_.sync_waiters);
      return reached;
    }
    if (health_.Has(Condition::kFailed)) {
      return absl::DataLossError(
          absl::StrCat("it may be in the log and will never be confirmed: ", health_.reason()));
    }
    if (is_stopped()) return absl::FailedPreconditionError("closed while waiting");
    if (options_.clock->MonotonicNanos() >= deadline) return reached;
    RETURN_IF_ERROR(CheckMayWait());
    const Want want = wanted == Durability::kDisk ? Want{.is_sync = true, .end = end} : Want{};
    const absl::Status helped = HelpOrSleep(want, LeadsWithout(deadline), deadline);
    // Without workers nobody else would try again: what is reached is the answer.
    if (Heals(helped) && !has_workers_) return Reached(end);
  }
}

absl::Status CommitLog::Flush(Deadline deadline) {
  // What is durable already was confirmed or reported before.
  const LogPosition begin = front_->durable_end();
  const LogPosition end = front_->claimed_end();
  return WaitDurable(begin, end, deadline, "what was appended");
}

absl::Status CommitLog::WaitDurable(LogPosition begin, LogPosition end, Deadline deadline,
                                    absl::string_view what) {
  ASSIGN_OR_RETURN(const Durability reached, WaitFor(begin, end, Durability::kDisk, deadline));
  if (reached == Durability::kDisk) return absl::OkStatus();
  const absl::Status why = health_.WhyNoAppend();
  if (!why.ok()) return why;
  return absl::DeadlineExceededError(
      absl::StrCat(what, " was not durable before the deadline", HeldClaimText()));
}

std::string CommitLog::HeldClaimText() const {
  const auto claim = held_claims_.Lowest();
  return claim ? absl::StrCat("; a claim at ", claim->first.value(), " is held") : "";
}

// --- Read

LogPosition CommitLog::ContiguousVisibleEnd() {
  if (visible_only_durable() && !Without(Protection::kVisibleOnDurable)) {
    return front_->durable_end();
  }
  return front_->is_shared() ? front_->PublishedEnd() : front_->written_end();
}

absl::Status CommitLog::ReadBytes(LogPosition position, absl::Span<char> out) {
  if (position >= front_->front_begin()) {
    const ReaderSlots::Guard guard(front_->reader_slots());
    if (position >= front_->front_begin()) {
      std::memcpy(out.data(), front_->At(position), out.size());
      return absl::OkStatus();
    }
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<SegmentFile> file, segments_.Find(position));
  const uint64_t in_file =
      std::min<uint64_t>(out.size(), std::max(front_->written_end(), position) - position);
  RETURN_IF_ERROR(file->ReadZeroFilled(position, out.subspan(0, in_file)));
  if (in_file == out.size()) return absl::OkStatus();
  // The rest was not written yet, so it is in the front or was written since.
  return ReadBytes(position + in_file, out.subspan(in_file));
}

absl::Status CommitLog::TrimTo(LogPosition position) {
  const LogPosition durable = front_->durable_end();
  const LogPosition keep = segments_.BeginOf(std::min(position, durable));
  if (keep <= segments_.begin()) return absl::OkStatus();
  LogPosition begin = segments_.begin();
  for (const SegmentEntry& entry : segments_.entries()) {
    // Behind a cut the next one does not begin where this one ends.
    begin = entry.begin();
    if (entry.limit > keep) break;
  }
  ENSURE(begin <= durable);
  {
    // The durable end in the superblock must not lie below the log's begin.
    MutexLock lock(syncer_->step());
    RETURN_IF_ERROR(syncer_->SaveSuperblock(/*idle=*/true));
  }
  RETURN_IF_ERROR(superblock_->Update([&](Superblock& block) {
    // Another thread may have dropped more since we looked.
    if (!Without(Protection::kTrimSaved)) block.log_begin = std::max(block.log_begin, begin);
  }));
  segments_.DropBelow(begin);
  ENSURE(segments_.begin() >= begin);
  return absl::OkStatus();
}

}  // namespace weir::internal
