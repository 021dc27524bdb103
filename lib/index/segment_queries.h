// What a segment is asked, sealed or not: where may messages with a key lie, and where does a time
// begin.

#ifndef WEIR_INDEX_SEGMENT_QUERIES_H_
#define WEIR_INDEX_SEGMENT_QUERIES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "format/index_layout.h"
#include "weir/message.h"

namespace weir::internal {

// Which entries of a key table are wanted: of one hash, with places in [begin_word, end_word).
struct KeyQuery {
  uint32_t hash = 0;
  uint32_t begin_word = 0;
  uint32_t end_word = 0;
  bool newest_first = true;
  size_t max = 0;

  KeyEntry begin() const { return KeyEntry::Of(hash, begin_word); }
  KeyEntry end() const { return KeyEntry::Of(hash, end_word); }
};

// The first message that is not older than a time begins between the two.
struct TimeStretch {
  LogPosition begin;  // a record begins here; the messages before it are older
  LogPosition end;    // messages that begin here or behind are not older
};

// Between two neighbouring samples of a segment, one of which may be missing: `older` is, and
// `not_older` is not.
inline TimeStretch StretchBetween(const TimeSample* older, const TimeSample* not_older,
                                  LogPosition segment_begin, LogPosition segment_end) {
  const LogPosition end = not_older == nullptr ? segment_end : not_older->position(segment_begin);
  // The first message of a segment is always a sample: there is none before it.
  return {older == nullptr ? end : std::min(older->position(segment_begin), end), end};
}

}  // namespace weir::internal

#endif  // WEIR_INDEX_SEGMENT_QUERIES_H_
