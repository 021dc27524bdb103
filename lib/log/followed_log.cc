#include "log/followed_log.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "format/record.h"
#include "log/directory_lock.h"
#include "log/front.h"
#include "log/front_adoption.h"
#include "log/header_guess.h"
#include "log/segment_scanner.h"
#include "log/superblock_file.h"
#include "log/tail_scan.h"
#include "log/tail_verdict.h"

namespace weir::internal {
namespace {

class FollowedFrontReader final : public FrontReader {
 public:
  FollowedFrontReader(std::shared_ptr<FollowedFront> front, FollowedLog& log)
      : front_(std::move(front)), log_(log) {}

  Found Copy(LogPosition position, ReadMemory& memory, const char** record) override {
    if (front_ == nullptr || position < front_->begin()) return Found::kNotHere;
    const LogPosition claimed = front_->claimed_end();
    if (position + kRecordHeaderBytes > claimed) return Found::kUnpublished;
    const int32_t word = LoadWord(front_->At(position));
    const uint64_t bytes = static_cast<uint64_t>(word < 0 ? -int64_t{word} : word);
    if (word < 0 && position >= front_->written_end()) return Found::kUnpublished;
    if (word < 0 || bytes < kRecordHeaderBytes || bytes > claimed - position) {
      // Overwritten while we looked, or somebody's stray write: the begin tells.
      return position < front_->begin() ? Found::kNotHere : Found::kDamaged;
    }
    char* const copy = memory.Allocate(bytes);
    if (!front_->Copy(position, {copy, bytes})) return Found::kNotHere;
    *record = copy;
    return Found::kRecord;
  }
  uint64_t CurrentIncarnation() const override {
    return front_ == nullptr ? 0 : front_->incarnation;
  }
  uint64_t IncarnationAt(LogPosition position) override {
    const auto file = log_.segments().Find(position);
    return file.ok() ? (*file)->IncarnationAt(position) : CurrentIncarnation();
  }
  LogPosition written_end() const override { return log_.written_end(); }

 private:
  const std::shared_ptr<FollowedFront> front_;
  FollowedLog& log_;
};

}  // namespace

bool FollowedFront::Copy(LogPosition position, absl::Span<char> out) const {
  if (position < begin()) return false;
  std::memcpy(out.data(), At(position), out.size());
  // The copy must not be taken for one made before a begin that is seen now.
  std::atomic_thread_fence(std::memory_order_acquire);
  return position >= begin();
}

std::shared_ptr<FollowedFront> FollowedLog::front() const {
  MutexLock lock(mutex_);
  return front_;
}

absl::StatusOr<bool> FollowedLog::HasWriter() {
  if (at_rest_) return false;  // the lock may be our own
  return DirectoryLock::IsHeld(*directory_);
}

absl::StatusOr<Superblock> FollowedLog::LoadSuperblock() {
  if (at_rest_) return *at_rest_;
  ASSIGN_OR_RETURN(const std::unique_ptr<SuperblockFile> file,
                   SuperblockFile::Load(*directory_, OpenMode::kRead));
  if (file != nullptr) return file->current();
  RETURN_IF_ERROR(SuperblockFile::CheckNotPlanted(*directory_));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, directory_->List());
  for (const std::string& name : names) {
    if (ParseSegmentFileName(name)) {
      return absl::DataLossError(
          absl::StrCat(options_.directory, " has segments but no superblock"));
    }
  }
  return absl::NotFoundError(absl::StrCat("there is no store in ", options_.directory));
}

absl::StatusOr<std::unique_ptr<FollowedLog>> FollowedLog::Open(const StoreOptions& options) {
  return Open(options, nullptr);
}

absl::StatusOr<std::unique_ptr<FollowedLog>> FollowedLog::OpenAtRest(const StoreOptions& options,
                                                                     const Superblock& superblock) {
  return Open(options, &superblock);
}

absl::StatusOr<std::unique_ptr<FollowedLog>> FollowedLog::Open(const StoreOptions& options,
                                                               const Superblock* at_rest) {
  const int64_t started = options.clock->MonotonicNanos();
  ASSIGN_OR_RETURN(std::unique_ptr<Directory> directory,
                   options.file_system->OpenDirectory(options.directory, /*create=*/false));
  std::unique_ptr<FollowedLog> log(new FollowedLog(options, std::move(directory)));
  if (at_rest != nullptr) log->at_rest_ = *at_rest;
  ASSIGN_OR_RETURN(const Superblock superblock, log->LoadSuperblock());
  log->segments_ =
      std::make_unique<Segments>(log->directory_.get(), OpenMode::kRead, superblock.store,
                                 superblock.segment_bytes, &log->cache_);
  log->hash_seed_ = superblock.hash_seed;
  log->report_.last_sync =
      superblock.last_sync == 0 ? absl::InfinitePast() : absl::FromUnixNanos(superblock.last_sync);
  log->report_.was_clean = superblock.is_clean;
  {
    ASSIGN_OR_RETURN(auto bells, options.file_system->CreatePrivate(
                                     {.header_bytes = kDoorbellBytes, .ring_bytes = 0}));
    MutexLock lock(log->mutex_);
    log->doorbells_.push_back(std::make_unique<Doorbell>(std::move(bells), true));
  }
  {
    MutexLock lock(log->refresh_lock_);
    RETURN_IF_ERROR(log->RefreshLocked(/*is_forced=*/false));
  }
  log->report_.end = log->ContiguousVisibleEnd();
  log->report_.duration = absl::Nanoseconds(options.clock->MonotonicNanos() - started);
  return log;
}

absl::StatusOr<FrontIdentity> FollowedLog::Identity(const Superblock& superblock) {
  ASSIGN_OR_RETURN(const FileStatus directory, directory_->Stat());
  ASSIGN_OR_RETURN(const std::unique_ptr<File> lock_file,
                   directory_->Open(kLockFileName, OpenMode::kRead));
  ASSIGN_OR_RETURN(const FileStatus lock, lock_file->Stat());
  return FrontIdentity{.store = superblock.store,
                       .incarnation = superblock.incarnation,
                       .boot = superblock.boot,
                       .directory_device = directory.device,
                       .directory_inode = directory.inode,
                       .lock_device = lock.device,
                       .lock_inode = lock.inode,
                       .segment_bytes = superblock.segment_bytes,
                       .ring_bytes = 0};
}

void FollowedLog::OpenDoorbell(const Superblock& superblock) {
  auto bells = options_.file_system->OpenShared(superblock.front_directory,
                                                DoorbellName(superblock.incarnation),
                                                kDoorbellBytes, OpenMode::kReadWrite);
  if (!bells.ok()) return;  // then we look from time to time
  MutexLock lock(mutex_);
  doorbells_.push_back(std::make_unique<Doorbell>(*std::move(bells), /*other_process=*/true));
}

absl::Status FollowedLog::FindFront(const Superblock& superblock, bool has_writer) {
  const std::shared_ptr<FollowedFront> known = front();
  const bool same = known != nullptr && known->incarnation == superblock.incarnation;
  const bool boots_match =
      options_.file_system->BootId() ==
      std::string(reinterpret_cast<const char*>(superblock.boot.data()), superblock.boot.size());
  if (superblock.is_clean) {
    // All of it is in the files, and what was seen in the front stays seen while they are judged.
    const uint64_t end = superblock.durable_end.value();
    file_end_.store(std::max(end, file_end_.load(std::memory_order_acquire)),
                    std::memory_order_release);
    durable_end_.store(end, std::memory_order_release);
  }
  if (superblock.is_clean || superblock.front != FrontKind::kShared || !boots_match) {
    MutexLock lock(mutex_);
    front_ = nullptr;
    return absl::OkStatus();
  }
  // A copy is made again: another writer may have come and gone since.
  if (same && !known->is_copy && has_writer) return absl::OkStatus();
  auto memory = options_.file_system->OpenShared(superblock.front_directory,
                                                 FrontName(superblock.incarnation),
                                                 kFrontHeaderBytes, OpenMode::kRead);
  absl::Status status = memory.status();
  if (!status.ok() && !IsUnreadable(status)) return status;
  auto found = std::make_shared<FollowedFront>();
  if (memory.ok()) {
    absl::StatusOr<FrontIdentity> identity = Identity(superblock);
    // Without LOCK nobody can tell whose front it is.
    if (!identity.ok() && !absl::IsNotFound(identity.status())) return identity.status();
    found->memory = *std::move(memory);
    found->header = reinterpret_cast<FrontHeader*>(found->memory->header());
    found->incarnation = superblock.incarnation;
    if (identity.ok()) identity->ring_bytes = found->memory->ring_bytes();
    status = !identity.ok()                     ? identity.status()
             : found->memory->ring_bytes() == 0 ? absl::DataLossError("the front has no ring")
                                                : CheckFront(*found->header, *identity);
  }
  if (!status.ok()) {
    if (!has_writer) {
      ReportOfOpen().possible_loss = true;
      ReportOfOpen().notes.push_back(absl::StrCat("no front: ", status.message()));
    }
    MutexLock lock(mutex_);
    front_ = nullptr;
    return absl::OkStatus();
  }
  if (!has_writer) {
    // What recovery would do with it, in memory of our own.
    const size_t ring = found->memory->ring_bytes();
    ASSIGN_OR_RETURN(auto copy, options_.file_system->CreatePrivate(
                                    {.header_bytes = kFrontHeaderBytes, .ring_bytes = ring}));
    std::memcpy(copy->header(), found->memory->header(), kFrontHeaderBytes);
    std::memcpy(copy->ring(), found->memory->ring(), ring);
    // A writer that came meanwhile goes on in this front: its open claims are no voids.
    ASSIGN_OR_RETURN(const bool is_held, HasWriter());
    if (is_held) {
      has_writer_.store(true, std::memory_order_release);
      ASSIGN_OR_RETURN(const Superblock again, LoadSuperblock());
      return FindFront(again, /*has_writer=*/true);
    }
    const auto& ends = *reinterpret_cast<const FrontHeader*>(copy->header());
    if (!EndsMakeSense(ends, ring)) {
      ReportOfOpen().possible_loss = true;
      ReportOfOpen().notes.push_back("no front: the ends in its header contradict each other");
      MutexLock lock(mutex_);
      front_ = nullptr;
      return absl::OkStatus();
    }
    Front settled(std::move(copy), superblock.segment_bytes, superblock.incarnation);
    std::vector<DamagedRange> overwritten;
    ReportOfOpen().voided_claims = SettleClaims(settled, &overwritten);
    for (DamagedRange& range : overwritten) {
      health_.Raise(Condition::kDamage, range.reason);
      ReportOfOpen().damage.push_back(std::move(range));
    }
    ReportOfOpen().front_adopted = true;
    found->memory = settled.ReleaseMemory();
    found->header = reinterpret_cast<FrontHeader*>(found->memory->header());
    found->is_copy = true;
  } else {
    OpenDoorbell(superblock);
  }
  MutexLock lock(mutex_);
  front_ = std::move(found);
  return absl::OkStatus();
}

absl::Status FollowedLog::JudgeFiles(const Superblock& superblock) {
  const bool has_writer = has_writer_.load(std::memory_order_acquire);
  const LogPosition known(file_end_.load(std::memory_order_acquire));
  if (has_writer) {
    // A live writer without a shared front: what verifies, up to where nothing does.
    LogPosition end = std::max(known, superblock.durable_end);
    while (const std::optional<SegmentEntry> entry = segments_->GoOn(end)) {
      const LogPosition start = std::max(end, entry->begin());
      const auto file = segments_->Find(start);
      if (!file.ok()) break;
      if ((*file)->IncarnationAt(start) != superblock.incarnation &&
          !(*file)->incarnations_are_complete()) {
        const absl::Status complete = CompleteIncarnations(**file);
        if (!complete.ok() && !IsUnreadable(complete)) return complete;
      }
      SegmentScanner scanner(
          **file,
          [&](LogPosition at, absl::Span<char> out) { return (*file)->ReadZeroFilled(at, out); },
          start, entry->end(), Groups::kWhole);
      ScannedRecord record;
      for (;;) {
        ASSIGN_OR_RETURN(const SegmentScanner::Step step, scanner.Next(&record));
        if (step != SegmentScanner::Step::kRecord) break;
        end = record.end();
      }
      if (end != entry->end()) break;
    }
    file_end_.store(end.value(), std::memory_order_release);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const TailScan scan,
                   ScanTail(*segments_, superblock.durable_end, superblock.durable_incarnation,
                            superblock.incarnation));
  ReportOfOpen().bytes_read += scan.bytes_read;
  const bool same_boot =
      options_.file_system->BootId() ==
      std::string(reinterpret_cast<const char*>(superblock.boot.data()), superblock.boot.size());
  TailVerdict verdict = JudgeTail(scan, same_boot, superblock.segment_bytes);
  RecoveryReport& report = ReportOfOpen();
  if (scan.last_sync > superblock.last_sync) {
    report.last_sync = absl::FromUnixNanos(scan.last_sync);
  }
  report.dropped_bytes = verdict.dropped_bytes;
  report.dropped_records = verdict.dropped_records;
  if (!seen_sequence_) left_out_ = std::move(verdict.left_out);
  // Where recovery would not open, there is still something to read.
  if (!scan.unread.ok()) {
    verdict.damage.push_back({verdict.end, verdict.end, std::string(scan.unread.message())});
  }
  for (DamagedRange& range : verdict.damage) {
    health_.Raise(Condition::kDamage, range.reason);
    report.damage.push_back(std::move(range));
  }
  file_end_.store(verdict.end.value(), std::memory_order_release);
  return absl::OkStatus();
}

absl::Status FollowedLog::Refresh() {
  if (at_rest_) return absl::OkStatus();
  MutexLock lock(refresh_lock_);
  return RefreshLocked(/*is_forced=*/false);
}

absl::StatusOr<bool> FollowedLog::LookAgain() {
  if (at_rest_) return false;
  MutexLock lock(refresh_lock_);
  const absl::Status refreshed = RefreshLocked(/*is_forced=*/true);
  // What is damaged will be damaged next time too.
  if (IsUnreadable(refreshed) && !IsFromDevice(refreshed)) return false;
  RETURN_IF_ERROR(refreshed);
  return true;
}

absl::Status FollowedLog::RefreshLocked(bool is_forced) {
  ASSIGN_OR_RETURN(const bool has_writer, HasWriter());
  ASSIGN_OR_RETURN(const Superblock superblock, LoadSuperblock());
  const bool is_news = std::exchange(is_half_seen_, true) ||
                       superblock.sequence != seen_sequence_ ||
                       has_writer != has_writer_.load(std::memory_order_acquire);
  has_writer_.store(has_writer, std::memory_order_release);
  const std::shared_ptr<FollowedFront> before = front();
  if (is_news) RETURN_IF_ERROR(FindFront(superblock, has_writer));
  const std::shared_ptr<FollowedFront> now = front();
  const bool needs_files = is_forced || is_news ||
                           (now != nullptr && now->claimed_end() > segments_->prepared_end()) ||
                           (now == nullptr && has_writer);
  if (needs_files) {
    std::vector<DamagedRange> missing;
    RETURN_IF_ERROR(segments_->Load(superblock.log_begin, superblock.durable_end, &missing));
    if (!missing.empty()) {
      // What the superblock still counted may have been dropped before the files were listed.
      ASSIGN_OR_RETURN(const Superblock again, LoadSuperblock());
      if (again.log_begin > superblock.log_begin) return RefreshLocked(is_forced);
    }
    if (at_rest_) {
      RETURN_IF_ERROR(GuessHeaders(*segments_, superblock,
                                   now != nullptr ? now->begin() : LogPosition(0),
                                   now != nullptr ? now->claimed_end() : LogPosition(0)));
    }
    for (DamagedRange& range : missing) {
      health_.Raise(Condition::kDamage, range.reason);
      if (!seen_sequence_) report_.damage.push_back(std::move(range));
    }
  }
  durable_end_.store(superblock.durable_end.value(), std::memory_order_release);
  if (now == nullptr && (is_news || has_writer)) RETURN_IF_ERROR(JudgeFiles(superblock));
  seen_sequence_ = superblock.sequence;
  is_half_seen_ = false;
  return absl::OkStatus();
}

std::unique_ptr<FrontReader> FollowedLog::NewFrontReader() {
  return std::make_unique<FollowedFrontReader>(front(), *this);
}

LogPosition FollowedLog::durable_end() const {
  const std::shared_ptr<FollowedFront> front = this->front();
  const LogPosition saved(durable_end_.load(std::memory_order_acquire));
  if (front == nullptr) return saved;
  return std::max(saved, LogPosition(front->header->durable_end.load(std::memory_order_acquire)));
}

LogPosition FollowedLog::written_end() const {
  const std::shared_ptr<FollowedFront> front = this->front();
  return front != nullptr ? front->written_end()
                          : LogPosition(file_end_.load(std::memory_order_acquire));
}

LogPosition FollowedLog::claimed_end() const {
  const std::shared_ptr<FollowedFront> front = this->front();
  return front != nullptr ? front->claimed_end()
                          : LogPosition(file_end_.load(std::memory_order_acquire));
}

LogPosition FollowedLog::ContiguousVisibleEnd() {
  if (options_.visibility == Visibility::kOnDurable) return durable_end();
  const std::shared_ptr<FollowedFront> front = this->front();
  if (front == nullptr) return LogPosition(file_end_.load(std::memory_order_acquire));
  const LogPosition claimed = front->claimed_end();
  LogPosition end =
      std::max(LogPosition(published_hint_.load(std::memory_order_acquire)), front->written_end());
  while (end < claimed) {
    const LogPosition start = RecordStart(end, segments_->segment_bytes());
    if (start >= claimed) break;
    const int32_t word = LoadWord(front->At(start));
    // A word is only worth something if its place was not given to somebody else meanwhile: then
    // the written end moved as well, unless somebody wrote over the header.
    if (start < front->begin()) {
      const LogPosition written = front->written_end();
      if (written <= end) break;
      end = written;
      continue;
    }
    if (word < static_cast<int32_t>(kRecordHeaderBytes)) break;
    end = start + static_cast<uint32_t>(word);
  }
  end = std::min(end, claimed);
  published_hint_.store(end.value(), std::memory_order_release);
  return end;
}

absl::Status FollowedLog::ReadBytes(LogPosition position, absl::Span<char> out) {
  const std::shared_ptr<FollowedFront> front = this->front();
  if (front != nullptr && front->Copy(position, out)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::shared_ptr<SegmentFile> file, segments_->Find(position));
  const LogPosition written = written_end();
  if (front == nullptr || position + out.size() <= written || position >= written) {
    return file->ReadZeroFilled(position, out);
  }
  const uint64_t in_file = written - position;
  RETURN_IF_ERROR(file->ReadZeroFilled(position, out.subspan(0, in_file)));
  return ReadBytes(position + in_file, out.subspan(in_file));
}

Doorbell& FollowedLog::doorbell() {
  MutexLock lock(mutex_);
  return *doorbells_.back();
}

}  // namespace weir::internal
