// An index file as bytes: header, checksums of its blocks, runs, time samples, entries, keys, key
// filter, saved sections. FORMAT.md has the picture.
//
//   file  = header, table, body        table = one checksum for each block of the body
//   body  = runs, samples, entries, key table, key filter, saved directory, saved bytes
//
// Invariants
// 1. All counts stand in the header; every place in the file follows from them, none is stored.
// 2. Runs stand in ascending order of their queues, at most one for a queue; the entries of a run
//    stand in the order of the log, and the runs' entries back to back in the order of the runs.
// 3. Links lead to older segments, and depth becomes smaller along every link.
// 4. Header, runs, samples, entries and keys never cross a border of blocks.
// 5. Samples stand in the order of the log, whose store times never go back.

#ifndef WEIR_FORMAT_INDEX_LAYOUT_H_
#define WEIR_FORMAT_INDEX_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "format/key_filter.h"
#include "format/key_table.h"
#include "format/segment_header.h"
#include "weir/message.h"

namespace weir::internal {

inline constexpr uint32_t kIndexFormatVersion = 2;
inline constexpr uint32_t kIndexHeaderBytes = 160;
inline constexpr uint32_t kIndexBlockBytes = 4096;  // of the body; the last one may be shorter
inline constexpr uint32_t kQueueRunBytes = 64;
inline constexpr uint32_t kTimeSampleBytes = 16;
inline constexpr uint32_t kIndexEntryBytes = 8;
inline constexpr uint32_t kSavedEntryBytes = 40;
inline constexpr size_t kSavedNameBytesMax = 24;
inline constexpr uint32_t kSavedSectionsMax = 64;
// Far above any real file; bounds what a hostile header can make us allocate for the table.
inline constexpr uint64_t kIndexFileBytesMax = uint64_t{1} << 35;
// A position takes 32 bits as a multiple of 8 within its segment, and one value is the hole's.
inline constexpr uint64_t kIndexedSegmentBytesMax = uint64_t{8} * 0xFFFFFFFF;

static_assert(kIndexBlockBytes % kQueueRunBytes == 0 && kIndexBlockBytes % kIndexEntryBytes == 0);
static_assert(kQueueRunBytes % kTimeSampleBytes == 0 && kTimeSampleBytes % kIndexEntryBytes == 0);
static_assert(kIndexEntryBytes % kKeyEntryBytes == 0);

// Which bytes of which log a file indexes. Generations of a segment's file hold the same bytes.
struct IndexIdentity {
  Uuid store{};
  LogPosition segment_begin;
  LogPosition segment_end;
  LogPosition records_end;           // where the segment's records end
  uint64_t incarnation = 0;          // at the segment's start
  uint64_t incarnations_digest = 0;  // names every change of the incarnation within
  friend bool operator==(const IndexIdentity&, const IndexIdentity&) = default;
};

struct IndexHeader {
  IndexIdentity identity;
  int64_t first_store_time = 0;  // of a message, nanoseconds; both 0 if there is none
  int64_t last_store_time = 0;
  uint32_t run_count = 0;
  uint32_t saved_count = 0;
  uint64_t entry_count = 0;
  uint64_t saved_bytes = 0;
  uint32_t first_queue = 0;  // smallest and largest queue number; both 0 if there is no run
  uint32_t last_queue = 0;
  uint64_t table_checksum = 0;
  uint64_t hash_seed = 0;  // of the hashes in the key table
  uint32_t key_count = 0;
  uint32_t sample_count = 0;  // 0 if there is no message
  KeyFilterShape filter;
  // The device did not give all of the segment when keys and times were taken from it.
  bool is_incomplete = false;
  friend bool operator==(const IndexHeader&, const IndexHeader&) = default;

  // Places in the body.
  uint64_t samples_at() const { return uint64_t{run_count} * kQueueRunBytes; }
  uint64_t entries_at() const { return samples_at() + uint64_t{sample_count} * kTimeSampleBytes; }
  uint64_t keys_at() const { return entries_at() + entry_count * kIndexEntryBytes; }
  uint64_t filter_at() const { return keys_at() + uint64_t{key_count} * kKeyEntryBytes; }
  uint64_t saved_directory_at() const { return filter_at() + filter.bytes(); }
  uint64_t saved_bytes_at() const {
    return saved_directory_at() + uint64_t{saved_count} * kSavedEntryBytes;
  }
  uint64_t body_bytes() const { return saved_bytes_at() + saved_bytes; }
  uint64_t block_count() const { return (body_bytes() + kIndexBlockBytes - 1) / kIndexBlockBytes; }
  // Places in the file.
  uint64_t body_at() const { return kIndexHeaderBytes + table_bytes(); }
  uint64_t table_bytes() const { return block_count() * sizeof(uint64_t); }
  uint64_t file_bytes() const { return body_at() + body_bytes(); }
};

// The checksum of the header is computed here.
std::string EncodeIndexHeader(const IndexHeader& header);
// kInvalidArgument for a newer format or another byte order, kDataLoss for damage and for counts
// that no sane writer writes.
absl::StatusOr<IndexHeader> DecodeIndexHeader(absl::string_view bytes);

// Of a block of the body or of the table.
uint64_t IndexChecksum(absl::string_view bytes);

// One message of a queue: where it lies in the segment, and its filter word. A hole stands for an
// offset whose record could not be found.
struct IndexEntry {
  static constexpr uint32_t kHole = 0xFFFFFFFF;

  uint32_t position_word = kHole;  // position / 8, counted from the segment's begin
  uint32_t filter = 0;

  static IndexEntry At(LogPosition segment_begin, LogPosition position, uint32_t filter) {
    return {static_cast<uint32_t>((position - segment_begin) / 8), filter};
  }
  bool is_hole() const { return position_word == kHole; }
  // Not of a hole.
  LogPosition position(LogPosition segment_begin) const {
    return segment_begin + uint64_t{position_word} * 8;
  }
  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};
static_assert(sizeof(IndexEntry) == kIndexEntryBytes && std::is_trivially_copyable_v<IndexEntry>);

void AppendEntries(std::string& to, absl::Span<const IndexEntry> entries);
// `bytes` holds exactly as many entries as `out`, and that is not none.
void DecodeEntries(absl::string_view bytes, absl::Span<IndexEntry> out);
// Why the entry cannot belong to such a segment; empty if it can.
absl::string_view FaultOf(const IndexEntry& entry, const IndexIdentity& identity);

// When one of the messages was stored, and where it lies. Of each stretch of the segment of
// kSampledBytes the first message that begins in it.
struct TimeSample {
  int64_t store_time = 0;      // nanoseconds
  uint32_t position_word = 0;  // as in an entry
  uint32_t reserved = 0;

  LogPosition position(LogPosition segment_begin) const {
    return segment_begin + uint64_t{position_word} * 8;
  }
  friend bool operator==(const TimeSample&, const TimeSample&) = default;
};
inline constexpr uint32_t kSampledBytes = uint32_t{32} << 10;
static_assert(sizeof(TimeSample) == kTimeSampleBytes && std::is_trivially_copyable_v<TimeSample>);

// Why the sample, or the entry of the key table, cannot belong to such a segment behind the one
// before it; empty if it can.
absl::string_view FaultOf(const TimeSample& sample, const TimeSample* before,
                          const IndexHeader& header);
absl::string_view FaultOf(KeyEntry entry, const KeyEntry* before, const IndexHeader& header);

// A queue's run in an older segment.
struct RunLink {
  LogPosition segment_begin;
  QueueOffset first;

  bool exists() const { return segment_begin != LogPosition(~uint64_t{0}); }
  friend bool operator==(const RunLink&, const RunLink&) = default;
};
inline constexpr RunLink kNoLink{LogPosition(~uint64_t{0}), QueueOffset(0)};

// A run as a node of its queue's skip list. Its jump leads to the depth JumpDepth(depth), or
// nowhere if the segment there was gone already, or its index file, when the run was made.
struct RunLinks {
  uint32_t depth = 0;          // runs before it, as far as was known
  RunLink previous = kNoLink;  // exists if and only if depth > 0
  RunLink jump = kNoLink;
  friend bool operator==(const RunLinks&, const RunLinks&) = default;
};

// Where the jump of a run leads: what depth is written with in skew binary, less its smallest
// digit (Myers, "An applicative random-access stack"). For depth > 0.
uint32_t JumpDepth(uint32_t depth);

// The messages of one queue in one segment: offsets [first, end()).
struct QueueRun {
  uint32_t queue_number = 0;
  uint32_t count = 0;
  QueueOffset first;
  uint64_t entries_begin = 0;  // ordinal of its first entry among all entries
  RunLinks links;

  QueueOffset end() const { return first + count; }
  friend bool operator==(const QueueRun&, const QueueRun&) = default;
};

void AppendRun(std::string& to, const QueueRun& run);
// From kQueueRunBytes bytes; kDataLoss if it cannot stand in a file with such a header.
absl::StatusOr<QueueRun> DecodeRun(absl::string_view bytes, const IndexHeader& header);
// Only its queue number, to search by.
uint32_t DecodeRunQueue(const char* bytes);

// What an index saved about the segment: everything it knows at its end, or what changed in it.
enum class SavedKind : uint32_t { kFull = 1, kChange = 2 };

struct SavedEntry {
  std::string name;
  SavedKind kind = SavedKind::kFull;
  uint64_t bytes = 0;
  uint64_t begin = 0;  // in the saved bytes: follows from the entries before
  friend bool operator==(const SavedEntry&, const SavedEntry&) = default;
};

bool IsSavedName(absl::string_view name);
void AppendSavedEntry(std::string& to, const SavedEntry& entry);
// The whole directory.
absl::StatusOr<std::vector<SavedEntry>> DecodeSavedDirectory(absl::string_view bytes,
                                                             const IndexHeader& header);

}  // namespace weir::internal

#endif  // WEIR_FORMAT_INDEX_LAYOUT_H_
