// What is known in memory of the segments that are sealed: the times of their messages, and the
// filters of their keys. So a look-up opens only the index files of segments that may answer it.
//
// It is read from the index files at the first look-up, and of each new one at the next. Filters
// take up to kFilterBytesMax, about 9 bits for each key. Those of the newest segments that fit are
// in memory, and of an older one the key table is looked into: one block. So a look-up that goes
// through all segments never throws out of memory what the next one needs.

#ifndef WEIR_INDEX_SEALED_SEGMENTS_H_
#define WEIR_INDEX_SEALED_SEGMENTS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "format/key_filter.h"
#include "index/digests.h"
#include "index/index_files.h"
#include "index/indexer.h"
#include "index/segment_digest.h"
#include "log/log_view.h"
#include "weir/message.h"

namespace weir::internal {

struct SealedSegment {
  LogPosition begin;
  LogPosition limit;
  StoreTimes times;
  // The newest store time in this segment and those before it in the list.
  int64_t last_until = std::numeric_limits<int64_t>::min();
  uint64_t hash_seed = 0;
  uint32_t key_count = 0;
  KeyFilterShape filter;
  const char* slots = nullptr;  // of the filter; null: not in memory
  std::shared_ptr<const std::string> slots_memory;
  // Why messages may be missing in what is said here. OK: none is.
  absl::Status fault;
  bool is_known = false;  // there is an index file, whole or not
  bool was_rebuilt = false;

  bool MayHave(uint32_t hash) const {
    return key_count != 0 && (slots == nullptr || MayHold(filter, slots, hash));
  }
};

// Any thread.
class SealedSegments {
 public:
  static constexpr uint64_t kFilterBytesMax = uint64_t{64} << 20;

  // Nothing is owned.
  SealedSegments(LogView* log, Indexer* indexer, IndexFiles* files,
                 uint64_t filter_bytes_max = kFilterBytesMax)
      : log_(*log), indexer_(*indexer), files_(*files), filter_bytes_max_(filter_bytes_max) {}

  // All that are sealed now, oldest first. Errors are those that may pass.
  using List = std::shared_ptr<const std::vector<SealedSegment>>;
  absl::StatusOr<List> All() ABSL_LOCKS_EXCLUDED(refreshing_);

  // The segment is dropped: its filter gives its memory back.
  void Forget(LogPosition segment_begin) ABSL_LOCKS_EXCLUDED(refreshing_);

  // The file of a segment, computed again if it must be and can be.
  absl::StatusOr<std::shared_ptr<IndexFile>> File(LogPosition segment_begin);
  // The same, of a file in which damage was found.
  absl::StatusOr<std::shared_ptr<IndexFile>> Rebuilt(LogPosition segment_begin);
  // Whether a segment of which something could not be had was dropped meanwhile, in a reading
  // process since its last look: then that is no damage.
  absl::StatusOr<bool> IsGone(LogPosition segment_begin) const;

  uint64_t filter_bytes() const { return filter_bytes_.load(std::memory_order_relaxed); }

 private:
  using Segments = std::vector<SealedSegment>;

  absl::Status Refresh(LogPosition begin, LogPosition end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(refreshing_);
  absl::Status Load(SealedSegment* segment);
  absl::Status LoadFilters(Segments* segments);
  void Put(Segments segments, LogPosition begin, LogPosition end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(refreshing_);
  List Current(LogPosition begin, LogPosition end) const;

  LogView& log_;
  Indexer& indexer_;
  IndexFiles& files_;
  const uint64_t filter_bytes_max_;
  std::atomic<uint64_t> filter_bytes_{0};

  // Files are read under it, but not under the other.
  Mutex refreshing_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable Mutex mutex_;
  List list_ ABSL_GUARDED_BY(mutex_);
  // What of the log the list is of; it is looked at anew as long as something is wrong with it.
  LogPosition begin_ ABSL_GUARDED_BY(mutex_);
  LogPosition end_ ABSL_GUARDED_BY(mutex_);
  bool has_faults_ ABSL_GUARDED_BY(mutex_) = false;
};

// All segments with messages, sealed or not: the two parts of one list, oldest first.
struct LookupSegments {
  SealedSegments::List sealed;
  size_t sealed_count = 0;  // only so many of them: the others are in the second part, too
  Digests::List unsealed;

  size_t size() const { return sealed_count + unsealed.size(); }
  // Whatever is sealed meanwhile, no segment is missing.
  static absl::StatusOr<LookupSegments> Of(SealedSegments& sealed, const Digests& digests);
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_SEALED_SEGMENTS_H_
