// The keys of a segment that is not sealed: sorted runs of entries, and the newest few as they
// came.
//
// When the newest few are many they become a run, and runs that are not much longer are merged into
// it. So there are few runs, each twice as long as the one behind it or longer, an entry is merged
// about once for each doubling, and the file's table is a last merge away.
//
// Invariants
// 1. Places ascend from run to run, and from the last run to the newest few.
// 2. A run never changes. One thread adds; any number find.

#ifndef WEIR_INDEX_SEGMENT_KEYS_H_
#define WEIR_INDEX_SEGMENT_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "base/mutex.h"
#include "format/key_table.h"
#include "index/segment_queries.h"

namespace weir::internal {

// An entry takes 8 bytes; while runs are merged, 16.
class SegmentKeys {
 public:
  // So many are looked through one by one.
  static constexpr size_t kNewestMax = 512;

  // Of a record behind all those before; distinct. If it throws nothing was added.
  void Add(absl::Span<const KeyEntry> entries);

  // Adds the places that are asked for to `words`, in the order that is asked for.
  void Find(const KeyQuery& query, std::vector<uint32_t>* words) const;
  // All of them, in order.
  std::vector<KeyEntry> Sorted() const;

  uint64_t memory_bytes() const;

 private:
  using Run = std::vector<KeyEntry>;
  using Runs = std::vector<std::shared_ptr<const Run>>;

  mutable Mutex mutex_;
  Runs runs_ ABSL_GUARDED_BY(mutex_);   // the oldest first
  Run newest_ ABSL_GUARDED_BY(mutex_);  // in the order of their places
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_SEGMENT_KEYS_H_
