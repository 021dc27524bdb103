#include "log/recovery.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "log/front_memory.h"
#include "log/front_search.h"
#include "log/log_cut.h"
#include "log/record_copier.h"
#include "log/recoverer.h"
#include "log/segment_scanner.h"
#include "log/tail_verdict.h"

namespace weir::internal {
namespace {

Uuid ToUuid(const std::string& bytes) {
  Uuid uuid{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), uuid.size()), uuid.begin());
  return uuid;
}

}  // namespace

Recoverer::Recoverer(const RecoveryContext& context)
    : context_(context),
      segments_(context.segments),
      saved_(context.superblock.current()),
      boot_(ToUuid(context.file_system.BootId())),
      // A machine that does not say which boot it is may have lost its power since.
      same_boot_(saved_.boot == boot_ && boot_ != Uuid{}) {}

FrontIdentity Recoverer::Identity(uint64_t incarnation) const {
  return {.store = saved_.store,
          .incarnation = incarnation,
          .boot = boot_,
          .directory_device = directory_status_.device,
          .directory_inode = directory_status_.inode,
          .lock_device = context_.lock.status().device,
          .lock_inode = context_.lock.status().inode,
          .segment_bytes = saved_.segment_bytes,
          .ring_bytes = 0};
}

absl::Status Recoverer::Damage(DamagedRange range) {
  ENSURE(range.begin <= range.end);
  ENSURE(!range.reason.empty());
  if (context_.options.strict_recovery) return absl::DataLossError(range.reason);
  context_.health.Raise(Condition::kDamage, range.reason);
  context_.lost.Add(range);
  log_.report.damage.push_back(std::move(range));
  return absl::OkStatus();
}

absl::Status Recoverer::LoadSegments() {
  std::vector<DamagedRange> missing;
  ENSURE(saved_.log_begin <= saved_.durable_end);
  RETURN_IF_ERROR(segments_.Load(saved_.log_begin, saved_.durable_end, &missing));
  ENSURE(segments_.entries().empty() || segments_.begin() >= saved_.log_begin);
  for (DamagedRange& range : missing) RETURN_IF_ERROR(Damage(std::move(range)));
  // A hard link to the active segment would let our writes show in somebody's copy.
  absl::StatusOr<std::shared_ptr<SegmentFile>> file = segments_.Find(saved_.durable_end);
  if (file.ok()) {
    ASSIGN_OR_RETURN(const FileStatus status, (*file)->Stat());
    if (status.links > 1 && !Without(Protection::kSegmentLinks)) {
      return absl::FailedPreconditionError(
          absl::StrCat("segment ", (*file)->name(),
                       " has a second hard link: a copy of the store shares it; copy stores "
                       "without hard links, or with the snapshot function"));
    }
  } else if (segments_.EntryAt(saved_.durable_end) && !IsUnreadable(file.status())) {
    return file.status();
  }
  return absl::OkStatus();
}

// The last process may have died behind a directory sync that failed. The names that it was for are
// there, and on no disk; and only a directory that changed again is synced again.
absl::Status Recoverer::MakeNamesDurable() {
  const std::string name = TemporaryName(kLockFileName);
  // It is removed below.
  ENSURE(IsTemporaryName(name));
  ENSURE(!ParseSegmentFileName(name) && !ParseSuperblockFileName(name));
  const absl::StatusOr<std::unique_ptr<File>> made =
      context_.directory.Open(name, OpenMode::kCreate);
  if (!made.ok() && !absl::IsAlreadyExists(made.status())) return made.status();
  RETURN_IF_ERROR(context_.directory.Remove(name));
  return context_.directory.Sync();
}

// Writes what lies in [from, to) again with the same bytes: a predecessor may have seen a sync
// fail, and then only dirty pages would ever be synced.
absl::Status Recoverer::WriteAgain(LogPosition from, LogPosition to, Front* front) {
  for (const SegmentEntry& entry : segments_.entries()) {
    const LogPosition begin = std::max(from, entry.begin() + kSegmentHeaderBytes);
    const LogPosition end = std::min(to, entry.end());
    if (begin >= end) continue;
    absl::StatusOr<std::shared_ptr<SegmentFile>> found = segments_.Find(entry.begin());
    if (!found.ok() && !IsUnreadable(found.status())) return found.status();
    if (!found.ok()) {
      RETURN_IF_ERROR(Damage({begin, end, std::string(found.status().message())}));
      continue;
    }
    SegmentFile& file = **found;
    ENSURE(file.begin() == entry.begin());
    ENSURE(end <= file.limit());
    RecordCopier copier({.file = file,
                         .begin = begin,
                         .end = end,
                         .front = front,
                         .ring_begin = front != nullptr ? front->front_begin() : end});
    const auto on_gap = [&](LogPosition gap, LogPosition gap_end) {
      // Judged already where the files were scanned; new only behind an adopted front.
      if (front == nullptr) return absl::OkStatus();
      return Damage({gap, gap_end, absl::StrCat(file.Describe(gap), ": no valid record")});
    };
    const absl::Status copied =
        Without(Protection::kRecoveredWritten) ? absl::OkStatus() : copier.CopyTo(file, on_gap);
    RETURN_IF_ERROR(WhyNotOpened(copied));
    log_.report.bytes_read += copier.bytes_read();
    scan_.last_store_time = std::max(scan_.last_store_time, copier.last_store_time());
    if (!Without(Protection::kRecoveredSync)) RETURN_IF_ERROR(file.Sync());
    file.written_end.store(end.value(), std::memory_order_release);
    file.synced_end.store(end.value(), std::memory_order_release);
  }
  return absl::OkStatus();
}

void Recoverer::PrepareActive(LogPosition end) {
  const std::shared_ptr<SegmentFile> file = segments_.FindOpen(end);
  if (file == nullptr) return;
  HOLDS(end >= file->begin());
  HOLDS(end < file->limit());
  file->written_end.store(std::max(end, file->begin() + kSegmentHeaderBytes).value(),
                          std::memory_order_release);
  file->synced_end.store(file->written_end.load(std::memory_order_relaxed),
                         std::memory_order_release);
  // Close() cut the file off behind its last record.
  const absl::Status allocated = file->Allocate(file->limit());
  if (absl::IsResourceExhausted(allocated) || absl::IsUnavailable(allocated)) {
    context_.health.Raise(Condition::kDiskFull, allocated.message());
  } else if (!allocated.ok()) {
    // Nothing was lost. The next sync puts another file into its place, or says that it cannot.
    file->is_poisoned.store(true, std::memory_order_release);
  }
}

absl::Status Recoverer::GoOnBehind(LogPosition end) {
  // Files prepared by the last process name its incarnation; they are prepared again.
  const LogPosition next =
      end.value() % saved_.segment_bytes == 0 ? end : segments_.BeginOf(end) + saved_.segment_bytes;
  for (const SegmentName& name : segments_.TakeFrom(next)) {
    segments_.AddSpare(SegmentFileName(name));
  }
  if (end.value() % saved_.segment_bytes == 0) {
    RETURN_IF_ERROR(segments_.Create(end, end, incarnation_, /*zero=*/false));
  } else {
    ASSIGN_OR_RETURN(const std::shared_ptr<SegmentFile> file, segments_.Find(end));
    if (const uint64_t previous = file->IncarnationAt(end); previous != incarnation_) {
      log_.announce_behind = previous;
    }
    PrepareActive(end);
  }
  log_.report.end = end;
  ENSURE(segments_.FindOpen(end) != nullptr);
  ENSURE(segments_.prepared_end() == segments_.BeginOf(end) + saved_.segment_bytes);
  return StartFront(end);
}

// Of two open records the first was written and the second was not: from where the first one says,
// a second life of the log would be read with the wrong seed.
bool Recoverer::IsOpenRecordTorn(LogPosition end) const {
  const auto file = segments_.FindOpen(end);
  if (file == nullptr || file->incarnations().size() == 1) return false;
  if (Without(Protection::kWholeOpenRecords)) return false;
  return file->incarnations().back().first > end;
}

absl::Status Recoverer::JudgeFiles() {
  ASSIGN_OR_RETURN(scan_, ScanTail(segments_, saved_.durable_end, saved_.durable_incarnation,
                                   saved_.incarnation));
  // Neither the end of the log nor how far it was durable can be told without the marks and records
  // that the device does not give today.
  RETURN_IF_ERROR(WhyNotOpened(scan_.unread));
  scan_.last_store_time = std::max(scan_.last_store_time, saved_.last_store_time);
  if (scan_.last_sync > saved_.last_sync) {
    log_.report.last_sync = absl::FromUnixNanos(scan_.last_sync);
  }
  log_.report.bytes_read += scan_.bytes_read;
  log_.report.was_clean = saved_.is_clean && !scan_.has_records;

  TailVerdict verdict = JudgeTail(scan_, same_boot_, saved_.segment_bytes);
  const bool is_damaged = !verdict.damage.empty();
  for (DamagedRange& range : verdict.damage) RETURN_IF_ERROR(Damage(std::move(range)));
  const LogPosition end = verdict.end;
  log_.report.end = end;
  const LogPosition next = StepOverCuts(segments_, end);
  ENSURE(end >= saved_.log_begin);
  ENSURE(next >= end);
  const bool at_border = next.value() % saved_.segment_bytes == 0;
  const bool has_file = segments_.Find(next).ok();
  if (log_.report.was_clean && !is_damaged && (at_border || has_file)) return GoOnBehind(next);
  RETURN_IF_ERROR(WriteAgain(scan_.watermark, end, nullptr));
  // In the same boot, writes were sequential: what does not verify is where the last one stopped.
  if (same_boot_ && !verdict.is_cut && !is_damaged && has_file && !scan_.has_leftovers &&
      !IsOpenRecordTorn(next)) {
    return GoOnBehind(next);
  }
  if (segments_.entries().empty() && end == saved_.log_begin) return GoOnBehind(end);
  log_.report.dropped_bytes = verdict.dropped_bytes;
  log_.report.dropped_records = verdict.dropped_records;
  log_.left_out = std::move(verdict.left_out);
  ASSIGN_OR_RETURN(const LogPosition start, CutLog(segments_, scan_,
                                                   {.end = end,
                                                    .keep_rest = verdict.is_cut,
                                                    .prepared_end = saved_.prepared_end,
                                                    .incarnation = incarnation_}));
  return StartFront(start);
}

absl::Status Recoverer::StartFront(LogPosition end) {
  ENSURE(end >= log_.report.end);
  ASSIGN_OR_RETURN(FrontMemory created, CreateFrontMemory(context_.options, context_.file_system,
                                                          FrontName(incarnation_)));
  std::unique_ptr<SharedMemory> memory = std::move(created.memory);
  if (!created.why_private.ok() && context_.options.front_directory != "private") {
    log_.report.notes.push_back(
        absl::StrCat("the front is private: ", created.why_private.message()));
  }
  FrontIdentity identity = Identity(incarnation_);
  identity.ring_bytes = memory->ring_bytes();
  WriteFrontIdentity(*reinterpret_cast<FrontHeader*>(memory->header()), identity);
  const FrontKind kind = memory->is_shared() ? FrontKind::kShared : FrontKind::kPrivate;
  log_.front_directory = std::move(created.directory);
  log_.front = std::make_unique<Front>(std::move(memory), saved_.segment_bytes, incarnation_);
  if (!Without(Protection::kStoreTimes)) log_.front->RaiseLastStoreTime(scan_.last_store_time);
  log_.front->Begin(end);
  ENSURE(log_.front->claimed_end() == end && log_.front->HasOrderedEnds());
  return context_.superblock.Update([&](Superblock& block) {
    block.durable_end = log_.report.end;
    const std::shared_ptr<SegmentFile> file = segments_.FindOpen(log_.report.end);
    block.durable_incarnation =
        file != nullptr ? file->IncarnationAt(log_.report.end) : incarnation_;
    block.prepared_end = std::max(segments_.prepared_end(), log_.report.end);
    block.incarnation = incarnation_;
    if (!Without(Protection::kNextIncarnation)) {
      block.next_incarnation = context_.file_system.RandomBits();
    }
    block.boot = boot_;
    block.front = kind;
    block.front_directory = log_.front_directory;
    block.is_clean = Without(Protection::kFrontSaved) && block.is_clean;
    block.last_sync = std::max(saved_.last_sync, scan_.last_sync);
    block.last_store_time = scan_.last_store_time;
  });
}

// Memory that nobody asks for any more, and that the machine would keep until it starts again.
void Recoverer::RemoveLeftFront() {
  if (!HOLDS(log_.front != nullptr) || !HOLDS(incarnation_ != saved_.incarnation)) return;
  FileSystem& file_system = context_.file_system;
  const bool was_closed = saved_.is_clean && saved_.incarnation != 0 && same_boot_;
  if (was_closed) {
    // Who closed the store may have died, or met an error, before it was removed.
    file_system.RemoveShared(saved_.front_directory, FrontName(saved_.incarnation)).IgnoreError();
  }
  if (was_closed || log_.report.possible_loss) {
    // Of a front that is gone the doorbells may have stayed.
    file_system.RemoveShared(saved_.front_directory, DoorbellName(saved_.incarnation))
        .IgnoreError();
  }
}

absl::StatusOr<RecoveredLog> Recoverer::Run() {
  ASSIGN_OR_RETURN(directory_status_, context_.directory.Stat());
  log_.report.last_sync =
      saved_.last_sync == 0 ? absl::InfinitePast() : absl::FromUnixNanos(saved_.last_sync);
  RETURN_IF_ERROR(LoadSegments());
  // The superblock of a store that nobody opened yet may itself be such a name.
  if (!saved_.is_clean || saved_.incarnation == 0) RETURN_IF_ERROR(MakeNamesDurable());
  FrontSearch search(context_.options, context_.file_system, context_.health, log_.report);
  std::unique_ptr<SharedMemory> front;
  if (!saved_.is_clean && saved_.front == FrontKind::kShared && same_boot_) {
    ASSIGN_OR_RETURN(front, search.Told(saved_.front_directory, Identity(saved_.incarnation)));
  }
  if (front != nullptr) {
    incarnation_ = saved_.incarnation;
    RETURN_IF_ERROR(Adopt(std::move(front), saved_.front_directory));
    return std::move(log_);
  }
  // Mixed with the directory, so that a copy of this store goes on under another incarnation.
  const FrontIdentity place = Identity(saved_.next_incarnation);
  incarnation_ = Checksum(reinterpret_cast<const char*>(&place), sizeof place, saved_.hash_seed);
  if (Without(Protection::kIncarnationOfPlace)) incarnation_ = saved_.next_incarnation;
  ASSIGN_OR_RETURN(front, search.Untold(Identity(incarnation_)));
  if (front != nullptr) {
    RETURN_IF_ERROR(Adopt(std::move(front), context_.options.front_directory));
    return std::move(log_);
  }
  RETURN_IF_ERROR(JudgeFiles());
  RemoveLeftFront();
  return std::move(log_);
}

absl::StatusOr<RecoveredLog> Recover(const RecoveryContext& context) {
  return Recoverer(context).Run();
}

}  // namespace weir::internal
