// All index files of a store, opened when they are asked for; at most kOpenFilesMax stay open, the
// least recently used are closed first.

#ifndef WEIR_INDEX_INDEX_FILES_H_
#define WEIR_INDEX_INDEX_FILES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "format/index_layout.h"
#include "index/index_file.h"
#include "log/block_cache.h"
#include "weir/file_system.h"
#include "weir/message.h"

namespace weir::internal {

// A run and the file that it was found in, which stays open as long as somebody holds it.
struct FoundRun {
  std::shared_ptr<IndexFile> file;
  QueueRun run;
};

// All functions may be called from any thread.
class IndexFiles {
 public:
  // Descriptors are the host's, and it may be allowed only 1,024 of them. Look-ups over a hundred
  // segments open nothing; a look-up that must open a file takes ten times as long.
  static constexpr size_t kOpenFilesMax = 128;

  // Both outlive this object.
  IndexFiles(Directory* directory, BlockCache* cache) : directory_(directory), cache_(cache) {}
  IndexFiles(const IndexFiles&) = delete;
  IndexFiles& operator=(const IndexFiles&) = delete;

  // The file of the segment that begins at `segment_begin` exists from now on, or was replaced,
  // and must have this identity. It is not looked at before somebody asks for it.
  void Register(LogPosition segment_begin, const IndexIdentity& identity);
  // The same, with a file that stands in no directory and stays open.
  void Keep(LogPosition segment_begin, std::shared_ptr<IndexFile> file);
  // Who knows the identity of files that were not registered: those of before this open.
  using Resolver = std::function<absl::StatusOr<IndexIdentity>(LogPosition)>;
  void SetResolver(Resolver resolver) { resolver_ = std::move(resolver); }

  // The file is about to be removed. Who holds it goes on reading it.
  void Forget(LogPosition segment_begin);

  // kNotFound if nobody knows its identity or it is not there; else as IndexFile::Open().
  absl::StatusOr<std::shared_ptr<IndexFile>> Get(LogPosition segment_begin);

  // A probe: looks for the queue's run in the segment's file.
  absl::StatusOr<std::optional<FoundRun>> FindRun(LogPosition segment_begin, uint32_t queue_number);
  uint64_t probes() const { return probes_.load(std::memory_order_relaxed); }

  size_t open_files() const;

 private:
  struct Entry {
    IndexIdentity identity;
    uint64_t registration = 0;                 // tells a replaced file from the one before
    std::shared_ptr<IndexFile> file;           // null while closed
    bool is_kept = false;                      // it is never closed
    std::list<LogPosition>::iterator recency;  // only while open and not kept
  };

  void Close(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant; synchronise themselves.
  Directory* const directory_;
  BlockCache* const cache_;
  Resolver resolver_;  // set before the first use

  std::atomic<uint64_t> probes_{0};

  mutable Mutex mutex_;
  std::unordered_map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);  // by segment begin
  std::list<LogPosition> newest_first_ ABSL_GUARDED_BY(mutex_);          // of the open ones
  uint64_t registrations_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_INDEX_FILES_H_
