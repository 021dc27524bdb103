// One file of the log: positioned reads and writes, and which incarnation wrote what in it.

#ifndef WEIR_LOG_SEGMENT_FILE_H_
#define WEIR_LOG_SEGMENT_FILE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "format/segment_header.h"
#include "weir/file_system.h"
#include "weir/message.h"

namespace weir::internal {

// Whether a file that answers so will not serve, today or tomorrow: what it holds is damaged. Any
// other error may pass (too few descriptors, too little memory, a missing right), and nothing may
// be concluded from it.
bool IsUnreadable(const absl::Status& status);
// The same, or its segment is not there at all.
bool IsLost(const absl::Status& status);

// What a file system says when the device did not give the bytes (kDataLoss) is marked where it
// comes from. The bytes may be whole, and a later try may get them: reads go on without them, and
// nothing that lasts is concluded from it.
absl::Status FromDevice(absl::Status status);
bool IsFromDevice(const absl::Status& status);
// What an open says that needs those bytes; any other status stays as it is.
absl::Status WhyNotOpened(const absl::Status& status);

// Reads may run on any thread. Writes and syncs belong to the writer's and the syncer's step.
class SegmentFile {
 public:
  // `cache_file` names its content in the block cache.
  SegmentFile(std::string name, const SegmentHeader& header, std::unique_ptr<File> file,
              uint64_t cache_file)
      : name_(std::move(name)), header_(header), file_(std::move(file)), cache_file_(cache_file) {}

  // Opens a file of the directory and checks that its header is of this store and place.
  static absl::StatusOr<std::shared_ptr<SegmentFile>> Open(Directory& directory,
                                                           const std::string& name, OpenMode mode,
                                                           uint64_t cache_file);

  const std::string& name() const { return name_; }
  const SegmentHeader& header() const { return header_; }
  LogPosition begin() const { return header_.begin; }
  LogPosition limit() const { return header_.begin + header_.segment_bytes; }
  uint64_t cache_file() const { return cache_file_; }

  // Reads all of `out` at `position`; kDataLoss, naming file and offset, if the file is too short.
  absl::Status Read(LogPosition position, absl::Span<char> out) const;
  // Reads as much of `out` as the file has, the rest is zeroed. A short file is not an error.
  absl::Status ReadZeroFilled(LogPosition position, absl::Span<char> out) const;
  absl::Status Write(LogPosition position, absl::Span<const absl::string_view> pieces);
  absl::Status Sync() { return file_->Sync(); }
  absl::StatusOr<FileStatus> Stat() const { return file_->Stat(); }
  absl::Status Truncate(LogPosition end) { return file_->Truncate(end - begin()); }
  absl::Status Allocate(LogPosition end) { return file_->Allocate(end - begin()); }

  // The incarnation that seeds the record at `position`, as far as it is known.
  uint64_t IncarnationAt(LogPosition position) const {
    if (!has_changes_.load(std::memory_order_acquire)) return header_.incarnation;
    return ChangedIncarnationAt(position);
  }
  // From `from` on another incarnation writes here.
  void ReserveChange();  // the next change takes no memory
  void ChangeIncarnation(LogPosition from, uint64_t incarnation);
  // All incarnations seen here, oldest first.
  std::vector<std::pair<LogPosition, uint64_t>> incarnations() const;
  // Whether every open record of the file was found. Else IncarnationAt() may be too old.
  bool incarnations_are_complete() const { return complete_.load(std::memory_order_acquire); }
  void set_incarnations_complete() { complete_.store(true, std::memory_order_release); }

  // What the steps know of it.
  std::atomic<uint64_t> written_end{0};
  std::atomic<uint64_t> synced_end{0};
  // A sync or a write failed: it must never be synced again.
  std::atomic<bool> is_poisoned{false};

  // "file 00000000000000004096 at +1024"
  std::string Describe(LogPosition position) const;

 private:
  uint64_t ChangedIncarnationAt(LogPosition position) const;
  const std::string name_;
  const SegmentHeader header_;
  const std::unique_ptr<File> file_;
  const uint64_t cache_file_;
  std::atomic<bool> complete_{false};

  // Changes of incarnation are rare; without one no reader takes the lock.
  std::atomic<bool> has_changes_{false};
  mutable Mutex mutex_;
  std::vector<std::pair<LogPosition, uint64_t>> changes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::internal

#endif  // WEIR_LOG_SEGMENT_FILE_H_
