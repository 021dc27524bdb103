// Makes the index file of one sealed segment: collects its parts in memory, then writes the file
// under a temporary name, syncs it and gives it its own.
//
//   IndexFileWriter writer(identity);
//   RETURN_IF_ERROR(writer.AddRun(7, QueueOffset(40), links, entries));
//   RETURN_IF_ERROR(writer.AddSaved("queues", SavedKind::kFull, bytes));
//   RETURN_IF_ERROR(writer.WriteTo(directory, IndexFileName(identity.segment_begin)));
//
// An index file may always be missing: a crash at any point leaves either none, or a whole one,
// and beside it at most the temporary file, which nobody reads.

#ifndef WEIR_INDEX_INDEX_FILE_WRITER_H_
#define WEIR_INDEX_INDEX_FILE_WRITER_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "format/index_layout.h"
#include "weir/file_system.h"
#include "weir/message.h"

namespace weir::internal {

// For one thread. After an error of a function that adds something it is of no further use.
class IndexFileWriter {
 public:
  explicit IndexFileWriter(const IndexIdentity& identity) { header_.identity = identity; }

  // Store times of the first and the last message, and samples of those between, in the order of
  // the log. Not called if there is no message.
  absl::Status AddTimes(int64_t first, int64_t last, absl::Span<const TimeSample> samples);
  // All keys, in order; and computes their filter.
  absl::Status AddKeys(uint64_t hash_seed, std::vector<KeyEntry> keys);
  // The device did not give everything that times and keys were to be taken from.
  void SetIncomplete() { header_.is_incomplete = true; }

  // In ascending order of the queue numbers; at least one entry, in the order of the log.
  absl::Status AddRun(uint32_t queue_number, QueueOffset first, const RunLinks& links,
                      absl::Span<const IndexEntry> entries);

  // At most kSavedSectionsMax names of 1 to kSavedNameBytesMax bytes, none twice.
  absl::Status AddSaved(absl::string_view name, SavedKind kind, absl::string_view bytes);

  uint64_t file_bytes() const { return header_.file_bytes(); }

  // The file as it would be written.
  absl::StatusOr<std::string> Contents() const;

  // Writes, syncs and names the file; a damaged or stale one of that name makes way. After an
  // error there is no file of that name as far as could be seen to, and the call may be repeated:
  // it begins with a new file, because what a failed sync left of the old one nobody knows.
  absl::Status WriteTo(Directory& directory, const std::string& name) const;

 private:
  using Pieces = absl::InlinedVector<absl::string_view, 9>;

  // The part [begin, begin + size) of `sections` taken as back to back.
  static Pieces Cut(absl::Span<const absl::string_view> sections, uint64_t begin, uint64_t size);
  std::array<absl::string_view, 7> Body() const;
  std::string Table() const;
  absl::StatusOr<std::string> Header(absl::string_view table) const;
  absl::Status WriteFile(Directory& directory, const std::string& name) const;

  IndexHeader header_;
  std::string runs_;
  std::vector<TimeSample> samples_;
  std::string entries_;
  std::vector<KeyEntry> keys_;
  std::string filter_;
  std::string saved_directory_;
  std::string saved_bytes_;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_INDEX_FILE_WRITER_H_
