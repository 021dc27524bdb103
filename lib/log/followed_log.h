// The log as another process reads it, whether its writer lives or is dead. Nothing is changed.
//
// With a live writer the front is mapped for reading: bytes are copied, the front's begin is looked
// at again, and then the checksum decides. A dead writer's front is copied whole and made sound in
// memory by the same code that recovery runs. Without a front there are only the files.

#ifndef WEIR_LOG_FOLLOWED_LOG_H_
#define WEIR_LOG_FOLLOWED_LOG_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "format/front_layout.h"
#include "format/superblock.h"
#include "log/block_cache.h"
#include "log/health.h"
#include "log/log_view.h"
#include "log/reader_slots.h"
#include "log/segments.h"
#include "log/tail_scan.h"
#include "weir/hooks.h"
#include "weir/options.h"

namespace weir::internal {

// Where the newest records are, for as long as somebody holds it.
struct FollowedFront {
  std::unique_ptr<SharedMemory> memory;
  FrontHeader* header = nullptr;
  bool is_copy = false;  // of a dead writer's: nothing moves any more
  uint64_t incarnation = 0;

  const char* At(LogPosition position) const {
    return memory->ring() + (position.value() & (memory->ring_bytes() - 1));
  }
  LogPosition begin() const {
    return LogPosition(header->front_begin.load(std::memory_order_acquire));
  }
  LogPosition claimed_end() const {
    return LogPosition(header->claimed_end.load(std::memory_order_acquire));
  }
  LogPosition written_end() const {
    return LogPosition(header->written_end.load(std::memory_order_acquire));
  }
  // Copies if it is there: false if the front begins behind `position` by now.
  bool Copy(LogPosition position, absl::Span<char> out) const;
};

class FollowedLog final : public LogView {
 public:
  static absl::StatusOr<std::unique_ptr<FollowedLog>> Open(const StoreOptions& options);
  // A log at rest: the caller knows that nobody writes it, and what the superblock says or must
  // have said. Segments whose header is gone are read as far as their records verify. It is looked
  // at once, and Refresh() does nothing.
  static absl::StatusOr<std::unique_ptr<FollowedLog>> OpenAtRest(const StoreOptions& options,
                                                                 const Superblock& superblock);

  // Looks at who writes and how far. Any thread, one at a time.
  absl::Status Refresh();

  Segments& segments() override { return *segments_; }
  std::unique_ptr<FrontReader> NewFrontReader() override;
  LogPosition ContiguousVisibleEnd() override;
  bool sees_only_contiguous() const override { return true; }
  bool IsPublished(LogPosition position) override { return position < ContiguousVisibleEnd(); }
  LogPosition claimed_end() const override;
  absl::Status ReadBytes(LogPosition position, absl::Span<char> out) override;
  Doorbell& doorbell() override;
  void HelpReader() override {}
  absl::Status WhyNoRead() const override { return absl::OkStatus(); }
  absl::StatusOr<bool> LookAgain() override;
  uint64_t CurrentIncarnation() const override {
    const std::shared_ptr<FollowedFront> front = this->front();
    return front == nullptr ? 0 : front->incarnation;
  }

  LogPosition durable_end() const;
  LogPosition written_end() const override;
  bool front_is_shared() const { return front() != nullptr; }
  bool has_writer() const { return has_writer_.load(std::memory_order_acquire); }
  // Of the store; constant.
  uint64_t hash_seed() const { return hash_seed_; }
  Directory& directory() { return *directory_; }
  BlockCache& cache() { return cache_; }
  ReaderSlots& reader_slots() { return reader_slots_; }
  Health& health() { return health_; }
  const Health& health() const { return health_; }
  RecoveryReport& report() { return report_; }
  // The offsets of what a power loss took, as they were found when this was opened.
  const std::vector<SeenOffset>& left_out() const { return left_out_; }
  Clock& clock() const override { return *options_.clock; }

 private:
  FollowedLog(const StoreOptions& options, std::unique_ptr<Directory> directory)
      : options_(options),
        directory_(std::move(directory)),
        cache_(options.read_cache_bytes),
        health_(nullptr) {}

  static absl::StatusOr<std::unique_ptr<FollowedLog>> Open(const StoreOptions& options,
                                                           const Superblock* at_rest);

  std::shared_ptr<FollowedFront> front() const;
  absl::StatusOr<Superblock> LoadSuperblock();
  absl::StatusOr<bool> HasWriter();
  absl::StatusOr<FrontIdentity> Identity(const Superblock& superblock);
  absl::Status FindFront(const Superblock& superblock, bool has_writer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_lock_);
  absl::Status RefreshLocked(bool is_forced) ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_lock_);
  // What is found after Open() is no part of its report, which others may be reading.
  RecoveryReport& ReportOfOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_lock_) {
    return !seen_sequence_ ? report_ : later_;
  }
  absl::Status JudgeFiles(const Superblock& superblock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_lock_);
  void OpenDoorbell(const Superblock& superblock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_lock_);

  const StoreOptions options_;
  const std::unique_ptr<Directory> directory_;
  std::optional<Superblock> at_rest_;  // constant after Open()
  uint64_t hash_seed_ = 0;             // likewise
  BlockCache cache_;
  Health health_;
  ReaderSlots reader_slots_;
  RecoveryReport report_;
  std::vector<SeenOffset> left_out_;
  std::unique_ptr<Segments> segments_;
  std::atomic<bool> has_writer_{false};
  // Without a front: how far the files verify. And how far the superblock says they are durable.
  std::atomic<uint64_t> file_end_{0};
  std::atomic<uint64_t> durable_end_{0};
  std::atomic<uint64_t> published_hint_{0};

  Mutex refresh_lock_ ABSL_ACQUIRED_BEFORE(mutex_);
  RecoveryReport later_ ABSL_GUARDED_BY(refresh_lock_);                   // for nobody
  std::optional<uint64_t> seen_sequence_ ABSL_GUARDED_BY(refresh_lock_);  // none: in Open()
  bool is_half_seen_ ABSL_GUARDED_BY(refresh_lock_) = true;  // the last look met an error

  mutable Mutex mutex_;
  std::shared_ptr<FollowedFront> front_ ABSL_GUARDED_BY(mutex_);
  // The last is in use; sleepers may still be at the others.
  std::vector<std::unique_ptr<Doorbell>> doorbells_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::internal

#endif  // WEIR_LOG_FOLLOWED_LOG_H_
