#include "store/follower.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "store/dropped_offsets.h"

namespace weir::internal {
namespace {

// How often a follower looks at the directory itself, and not only at the front.
constexpr int64_t kRefreshNanos = 20'000'000;

}  // namespace

Follower::Follower(std::unique_ptr<FollowedLog> log, bool may_write)
    : log_(std::move(log)),
      queues_(&log_->reader_slots(), &entry_lock_),
      catalogue_(&queues_),
      totals_(&catalogue_),
      ends_(&queues_, &catalogue_, /*appender=*/nullptr),
      groups_(&log_->segments(), &indexer_, /*appender=*/nullptr),
      retention_clock_(&log_->clock(), /*appender=*/nullptr),
      latest_keys_(log_.get(), &indexer_, &catalogue_, /*appender=*/nullptr),
      digests_(log_->hash_seed(), catalogue_.Queues()),
      files_(&log_->directory(), &log_->cache()),
      seal_observer_(&totals_),
      indexer_(log_.get(), &queues_, &digests_, &files_,
               {&catalogue_, &totals_, &ends_, &groups_, &retention_clock_, &latest_keys_},
               may_write ? &seal_observer_ : nullptr, &log_->health()),
      reader_({.log = log_.get(), .queues = &queues_, .files = &files_, .indexer = &indexer_},
              &catalogue_),
      finder_({.log = log_.get(), .queues = &queues_, .files = &files_, .indexer = &indexer_},
              &digests_, &reader_),
      latest_finder_(log_.get(), &indexer_, &latest_keys_, &catalogue_),
      clock_(&log_->clock()) {}

absl::StatusOr<std::unique_ptr<Follower>> Follower::Open(const StoreOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<FollowedLog> log, FollowedLog::Open(options));
  return Open(std::move(log), /*may_write=*/false);
}

absl::StatusOr<std::unique_ptr<Follower>> Follower::OpenAtRest(const StoreOptions& options,
                                                               const Superblock& superblock,
                                                               bool may_write) {
  ASSIGN_OR_RETURN(std::unique_ptr<FollowedLog> log, FollowedLog::OpenAtRest(options, superblock));
  return Open(std::move(log), may_write);
}

absl::StatusOr<std::unique_ptr<Follower>> Follower::Open(std::unique_ptr<FollowedLog> log,
                                                         bool may_write) {
  std::unique_ptr<Follower> follower(new Follower(std::move(log), may_write));
  Follower& self = *follower;
  self.files_.SetResolver([&self](LogPosition begin) { return self.indexer_.IdentityOf(begin); });
  Indexer::Report report;
  MutexLock lock(self.catch_up_lock_);
  const LogPosition begin = self.log_->segments().begin();
  RETURN_IF_ERROR(
      self.indexer_.Restore(self.log_->ContiguousVisibleEnd(), self.log_->report(), &report));
  if (self.log_->segments().begin() != begin) RETURN_IF_ERROR(self.FeedVisible(&report));
  RecoveryReport& recovery = self.log_->report();
  recovery.bytes_read += report.bytes_read;
  for (std::string& note : report.notes) recovery.notes.push_back(std::move(note));
  for (DamagedRange& range : report.damage) {
    self.log_->health().Raise(Condition::kDamage, range.reason);
    recovery.damage.push_back(std::move(range));
  }
  recovery.dropped_offsets = NameDropped(self.log_->left_out(), self.catalogue_);
  self.refreshed_ = self.clock_->MonotonicNanos();
  return follower;
}

absl::Status Follower::RebuildIndexFiles(LogPosition end) {
  RETURN_IF_ERROR(indexer_.unread());
  RETURN_IF_ERROR(indexer_.RebuildDamaged());
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, indexer_.SealSome(std::min(end, log_->durable_end())));
    if (!more) return absl::OkStatus();
  }
}

absl::Status Follower::FeedVisible(Indexer::Report* report) {
  for (;;) {
    const LogPosition begin = log_->segments().begin();
    const LogPosition end = log_->ContiguousVisibleEnd();
    if (end <= indexer_.fed_end()) return absl::OkStatus();
    RETURN_IF_ERROR(indexer_.CatchUp(end, report));
    // What was dropped on the way was said again, behind the end that was to be reached.
    if (log_->segments().begin() == begin) return absl::OkStatus();
  }
}

absl::Status Follower::CatchUp() {
  MutexLock lock(catch_up_lock_);
  const int64_t now = clock_->MonotonicNanos();
  if (now - refreshed_ > kRefreshNanos || log_->claimed_end() > log_->segments().prepared_end()) {
    RETURN_IF_ERROR(log_->Refresh());
    refreshed_ = now;
    indexer_.ForgetSealed();
  }
  Indexer::Report report;
  RETURN_IF_ERROR(FeedVisible(&report));
  for (const DamagedRange& range : report.damage) {
    log_->health().Raise(Condition::kDamage, range.reason);
  }
  return absl::OkStatus();
}

}  // namespace weir::internal
