// One immutable file per sealed segment: queue runs, store times, keys, saved bytes of every index.
//
// Opening checks header, identity and the table of checksums; every block of the rest is checked
// when it enters the block cache, and every number in it when it is used. Damage is kDataLoss with
// the file, the offset and the reason; the file can always be computed again from the log.

#ifndef WEIR_INDEX_INDEX_FILE_H_
#define WEIR_INDEX_INDEX_FILE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "format/index_layout.h"
#include "index/segment_queries.h"
#include "log/block_cache.h"
#include "weir/file_system.h"
#include "weir/message.h"

namespace weir::internal {

struct SavedSection {
  SavedKind kind = SavedKind::kFull;
  std::string bytes;
};

// All functions may be called from any thread. Answers hold what was written: a removed file is
// still read by who has it open.
class IndexFile {
 public:
  // kNotFound if there is no such file; kFailedPrecondition "stale" if it belongs to another
  // content of the segment; kDataLoss if it is damaged; kInvalidArgument for a newer format.
  // `cache` may be null: then every read goes to the file.
  static absl::StatusOr<std::shared_ptr<IndexFile>> Open(Directory& directory,
                                                         const std::string& name,
                                                         const IndexIdentity& expected,
                                                         BlockCache* cache);
  // Of a segment that is lost: nobody knows what its incarnation was and where its records ended.
  static absl::StatusOr<std::shared_ptr<IndexFile>> OpenOrphan(Directory& directory,
                                                               const std::string& name,
                                                               const IndexIdentity& expected);

  // One that was made in memory and stands in no directory.
  static absl::StatusOr<std::shared_ptr<IndexFile>> FromBytes(const std::string& name,
                                                              std::string bytes,
                                                              const IndexIdentity& expected);

  IndexFile(const IndexFile&) = delete;
  IndexFile& operator=(const IndexFile&) = delete;

  const IndexHeader& header() const { return header_; }
  const std::string& name() const { return name_; }

  // nullopt if the queue has no message in the segment.
  absl::StatusOr<std::optional<QueueRun>> FindRun(uint32_t queue_number) const;

  // The entries of this file's `run` from its `index`-th on; all of `out` must lie in the run.
  absl::Status ReadEntries(const QueueRun& run, uint32_t index, absl::Span<IndexEntry> out) const;

  // In ascending order of the queue numbers, until `visit` returns an error, which is returned.
  absl::Status ForEachRun(absl::FunctionRef<absl::Status(const QueueRun&)> visit) const;

  // Adds the places that are asked for to `words`, in the order that is asked for.
  absl::Status FindKeys(const KeyQuery& query, std::vector<uint32_t>* words) const;
  // The slots of the filter whose shape the header has; past the cache.
  absl::StatusOr<std::string> ReadFilter() const;

  // Where `time` begins, if the first message of the segment is older and its last one is not.
  absl::StatusOr<TimeStretch> FindTime(int64_t time) const;

  // nullopt if nothing was saved under that name.
  absl::StatusOr<std::optional<SavedSection>> Saved(absl::string_view name) const;

  // Reads the whole file from the disk and checks all that can be checked without the log.
  absl::Status VerifyAll() const;
  // The same, and every block that is damaged instead of the first.
  std::vector<absl::Status> FindDamage() const;

 private:
  IndexFile(std::string name, std::unique_ptr<File> file, BlockCache* cache)
      : name_(std::move(name)),
        file_(std::move(file)),
        cache_(cache),
        cache_number_(cache == nullptr ? 0 : cache->NewFile()) {}

  // Reads and checks header, size and table.
  absl::Status Enter(const IndexIdentity& expected, bool is_orphan);
  absl::Status ReadFile(uint64_t offset, absl::Span<char> out) const;
  // The first bytes as they stand on the disk: of most files header and table, in one call.
  absl::StatusOr<std::string> ReadStart() const;
  // Checked; the table with the header that is known.
  absl::StatusOr<IndexHeader> HeaderIn(absl::string_view start) const;
  absl::StatusOr<std::vector<uint64_t>> ReadTable(absl::string_view start) const;
  // From the disk, checked.
  absl::StatusOr<Block> ReadBlock(uint64_t number) const;
  // From the cache if it is there.
  absl::StatusOr<std::shared_ptr<const Block>> GetBlock(uint64_t number) const;
  // From any blocks; past the cache, since what was saved is read once, when a store is opened.
  absl::StatusOr<std::string> ReadBody(uint64_t offset, uint64_t size) const;
  absl::StatusOr<std::optional<QueueRun>> FindRunIn(const Block& block, uint32_t queue_number,
                                                    uint64_t run_count) const;
  absl::StatusOr<std::vector<SavedEntry>> SavedDirectory() const;
  absl::Status VerifyEntries(const QueueRun& run) const;

  // The keys of one block.
  struct KeyBlock {
    std::shared_ptr<const Block> block;
    const char* entries = nullptr;  // those of keys [first, first + count)
    uint64_t first = 0;
    uint64_t count = 0;
    uint64_t end() const { return first + count; }
    KeyEntry At(uint64_t index) const;
  };
  absl::StatusOr<KeyBlock> ReadKeyBlock(uint64_t index) const;
  absl::StatusOr<uint64_t> LowerBound(KeyEntry wanted, KeyBlock* keys) const;
  absl::Status KeyFault(uint64_t index, absl::string_view fault) const;
  absl::Status VerifyKeys() const;
  absl::StatusOr<TimeSample> ReadSample(uint32_t index) const;
  absl::Status SampleFault(uint32_t index, absl::string_view fault) const;
  absl::Status VerifySamples() const;
  // Names the file in an error.
  absl::Status InFile(const absl::Status& status) const;

  // Constant after Open.
  const std::string name_;
  const std::unique_ptr<File> file_;
  BlockCache* const cache_;
  const uint64_t cache_number_;
  IndexHeader header_;
  std::vector<uint64_t> table_;  // checksums of the blocks
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_INDEX_FILE_H_
