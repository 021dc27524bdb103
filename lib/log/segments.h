// The sealed and the active files of the log as one address space: find, prepare ahead, recycle,
// drop.
//
// Invariants
// 1. A file is in the list only when its header is synced and its name is durable.
// 2. Numbers without a file between two segments are a cut: the later header names where the log
//    before it ends. Without a gap a segment ends where the next begins.
// 3. A file is recycled only with one link and without a reader; old bytes in it never verify.

#ifndef WEIR_LOG_SEGMENTS_H_
#define WEIR_LOG_SEGMENTS_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "format/file_names.h"
#include "log/block_cache.h"
#include "log/segment_file.h"
#include "weir/file_system.h"
#include "weir/message.h"

namespace weir::internal {

// A segment as the list knows it.
struct SegmentEntry {
  SegmentName name;
  LogPosition begin() const { return name.begin; }
  LogPosition limit;               // where the next segment may begin
  std::optional<LogPosition> cut;  // the log ends here and goes on in the next segment
  LogPosition end() const { return cut ? *cut : limit; }
};

// What is said of a stretch of the log for which there is no file.
std::string NoFile(LogPosition begin, LogPosition end);

class Segments {
 public:
  Segments(Directory* directory, OpenMode mode, const Uuid& store, uint64_t segment_bytes,
           BlockCache* cache)
      : directory_(directory),
        mode_(mode),
        store_(store),
        segment_bytes_(segment_bytes),
        cache_(cache) {}

  uint64_t segment_bytes() const { return segment_bytes_; }
  LogPosition BeginOf(LogPosition position) const {
    return LogPosition(position.value() & ~(segment_bytes_ - 1));
  }

  // Fills the list from the directory; after an error it stays what it was. Files that a cut
  // skipped, files below `log_begin` and, behind `durable_end`, files that were to be prepared
  // again go to spares; `missing` gets ranges for which there should be a file.
  absl::Status Load(LogPosition log_begin, LogPosition durable_end,
                    std::vector<DamagedRange>* missing);

  std::vector<SegmentEntry> entries() const;
  // The segment that holds `position`; nullopt if none does.
  std::optional<SegmentEntry> EntryAt(LogPosition position) const;
  // The segment in which the log goes on at `position`: that which holds it below its end, else the
  // next one; nullopt behind the last one.
  std::optional<SegmentEntry> GoOn(LogPosition position) const;
  // Whether nothing is at `position` because the log was cut there.
  bool IsCutAt(LogPosition position) const;
  // Begin of the oldest segment; the end of the furthest one.
  LogPosition begin() const { return LogPosition(begin_.load(std::memory_order_acquire)); }
  LogPosition prepared_end() const {
    return LogPosition(prepared_end_.load(std::memory_order_acquire));
  }

  // The file that holds `position`, opened if need be. kNotFound if there is none, kOutOfRange if
  // it was dropped.
  absl::StatusOr<std::shared_ptr<SegmentFile>> Find(LogPosition position);

  // The same without touching the disk: null if it is not open.
  std::shared_ptr<SegmentFile> FindOpen(LogPosition position) const;

  // Creates the file of a segment whole: allocated, header and name durable. `zero`: its space is
  // written, so that a later sync has no metadata to commit.
  absl::Status Create(LogPosition begin, LogPosition predecessor_end, uint64_t incarnation,
                      bool zero);
  // Names the end of the newest list entry before `begin`; part of a cut.
  void SetCut(LogPosition predecessor_end, LogPosition begin);

  // A step: brings the next missing one of the segments up to `wanted_end` one bounded piece
  // further. True: call again. An error that space does not cure has met two files in a row, or the
  // directory.
  absl::StatusOr<bool> Prepare(LogPosition wanted_end, uint64_t incarnation, bool zero);

  // Puts `replacement` into the place of the file with the same begin.
  void TakeOver(std::shared_ptr<SegmentFile> replacement);

  // Takes segments whose limit is at or below `position` out of the list; their files become
  // spares. The caller made the new log begin durable before.
  void DropBelow(LogPosition position);
  // At most so many files, of segments and spares together, are made by Prepare(); 0: any number.
  void set_files_max(uint64_t count) { files_max_.store(count, std::memory_order_release); }
  // Whether the next one would be more, and there is none to recycle.
  bool IsFull() const;
  // Removes spares but the newest `keep`. Files with readers stay for another time.
  absl::Status RemoveSpares(size_t keep);
  // Makes files that are of no use as they are available for Prepare().
  void AddSpare(const std::string& file_name);
  // Takes entries at or behind `position` out of the list and returns their names.
  std::vector<SegmentName> TakeFrom(LogPosition position);
  // Removes spares and prepared segments that hold no record at or below `end`; at Close().
  absl::Status RemovePrepared(LogPosition end);

  uint64_t prepared_count() const { return prepared_.load(std::memory_order_relaxed); }
  uint64_t recycled_count() const { return recycled_.load(std::memory_order_relaxed); }
  Directory& directory() const { return *directory_; }
  BlockCache& cache() const { return *cache_; }
  const Uuid& store() const { return store_; }

 private:
  struct Slot {
    SegmentEntry entry;
    std::shared_ptr<SegmentFile> file;  // null: not open
    uint64_t last_use = 0;
  };
  // A file on its way to become a segment.
  struct Preparation {
    LogPosition begin;
    std::unique_ptr<File> file;
    std::string temporary_name;
    uint64_t zeroed = 0;
  };

  // Without it names may be lost although the bytes are not.
  absl::Status SyncDirectory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(preparing_) {
    const absl::Status synced = directory_->Sync();
    directory_failed_ = !synced.ok();
    return synced;
  }
  absl::StatusOr<Preparation> StartPreparation(LogPosition begin)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(preparing_);
  absl::Status FinishPreparation(Preparation& preparation, LogPosition predecessor_end,
                                 uint64_t incarnation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(preparing_);
  absl::StatusOr<bool> PrepareSome(LogPosition wanted_end, uint64_t incarnation, bool zero)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(preparing_);
  // A file to recycle; `preferred` if it is one of them.
  std::optional<std::string> TakeSpare(const std::string& preferred);
  // Files that nobody reads any more are spares.
  void CollectDropped() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::vector<SegmentName>> ListNewestGenerations();
  // Whether a segment of the list has this file.
  bool IsInUse(const std::string& file_name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateEnds() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseIdleFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant.
  Directory* const directory_;
  const OpenMode mode_;
  const Uuid store_;
  const uint64_t segment_bytes_;
  BlockCache* const cache_;

  std::atomic<uint64_t> begin_{0};
  std::atomic<uint64_t> prepared_end_{0};
  std::atomic<uint64_t> prepared_{0};
  std::atomic<uint64_t> recycled_{0};
  std::atomic<uint64_t> files_max_{0};

  // Held by one preparing step; the disk is used under it, never by readers.
  Mutex preparing_ ABSL_ACQUIRED_BEFORE(mutex_);
  std::optional<Preparation> preparation_ ABSL_GUARDED_BY(preparing_);
  bool prepares_anew_ ABSL_GUARDED_BY(preparing_) = false;     // the last file failed
  bool directory_failed_ ABSL_GUARDED_BY(preparing_) = false;  // its sync, when asked last

  mutable Mutex mutex_;
  std::map<uint64_t, Slot> slots_ ABSL_GUARDED_BY(mutex_);  // by begin
  std::vector<std::string> spares_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<SegmentFile>> dropped_ ABSL_GUARDED_BY(mutex_);  // perhaps read
  uint64_t use_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_SEGMENTS_H_
