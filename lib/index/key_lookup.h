// Where messages with a key may lie, over all segments, newest or oldest first.
//
// A segment is left out by its bounds, then by the filter of its keys; of those that are left the
// key table is looked into. Hashes may collide, so who asks compares the keys of the records.

#ifndef WEIR_INDEX_KEY_LOOKUP_H_
#define WEIR_INDEX_KEY_LOOKUP_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "index/digests.h"
#include "index/sealed_segments.h"
#include "index/segment_queries.h"
#include "weir/message.h"

namespace weir::internal {

// Any thread.
class KeyLookup {
 public:
  // Nothing is owned.
  KeyLookup(SealedSegments* sealed, const Digests* digests, uint64_t segment_bytes)
      : sealed_(*sealed), digests_(*digests), segment_bytes_(segment_bytes) {}

  struct Wanted {
    uint32_t first_queue = 0;  // of the topic
    absl::string_view key;
    LogPosition begin;  // records of [begin, end)
    LogPosition end;
    bool newest_first = true;
    size_t max = 0;
  };
  struct Candidates {
    std::vector<LogPosition> positions;  // of records, in the order that was asked for
    bool is_all = false;                 // there is none further on
    // Segments up to there in which some may be missing.
    std::vector<DamagedRange> unreadable;
  };
  // Of what the digests know by now. Errors are those that may pass.
  absl::StatusOr<Candidates> Find(const Wanted& wanted) const;

 private:
  class Search;

  SealedSegments& sealed_;
  const Digests& digests_;
  const uint64_t segment_bytes_;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_KEY_LOOKUP_H_
