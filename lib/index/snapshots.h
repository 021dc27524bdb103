// What the indexes know at the end of a segment, as it is kept in the index files: added when a
// segment is sealed, and found again when a store is opened.
//
// A small state is kept whole in every file: then any of them is enough to open with, and the
// record that a state came from may be lost. A large one is kept whole now and then, and what
// changed in between. So an open looks at kFilesPerFull index files at most, however many there
// are.

#ifndef WEIR_INDEX_SNAPSHOTS_H_
#define WEIR_INDEX_SNAPSHOTS_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "index/consume_queues.h"
#include "index/index_file_writer.h"
#include "index/index_files.h"
#include "index/log_index.h"
#include "index/segment_seal.h"
#include "log/log_view.h"

namespace weir::internal {

// For one thread at a time, but for RequestFull().
class Snapshots {
 public:
  static constexpr uint32_t kFilesPerFull = 16;

  // Nothing is owned. `indexes` in the order in which they are to be loaded.
  Snapshots(LogView* log, ConsumeQueues* queues, IndexFiles* files, std::vector<LogIndex*> indexes)
      : log_(*log), queues_(*queues), files_(*files), indexes_(std::move(indexes)) {}

  // Adds all sections to the file of a segment whose runs are collected.
  absl::Status AddTo(SegmentSeal& seal);
  // The next file has everything in full: what a file before it had may be gone. Any thread.
  void RequestFull() { full_is_requested_.store(true, std::memory_order_relaxed); }

  // Adds the sections that an index file has, readable, to the one that will take its place.
  void CopyTo(IndexFileWriter& writer, LogPosition segment_begin);

  // Loads the newest state that the index files give: of `named`, the segments that have one, or
  // had it before they were lost, in ascending order. The log goes on at `end`; if nothing was
  // loaded, `is_loaded` is false.
  struct Loaded {
    bool is_loaded = false;
    LogPosition end;
    uint64_t bytes_read = 0;
  };
  absl::StatusOr<Loaded> Load(const std::vector<LogPosition>& named,
                              std::vector<std::string>* notes);

 private:
  using Names = std::set<absl::string_view>;

  // What was saved since everything was.
  struct Since {
    uint64_t files = kFilesPerFull;  // at first everything is saved
    uint64_t bytes = 0;
  };
  // One file on the way back to a full state of every index.
  struct Link {
    LogPosition begin;
    std::shared_ptr<IndexFile> file;
    std::map<std::string, std::string, std::less<>> sections;  // only those that are needed
    bool has_queue_changes = false;
  };

  bool IsTimeForFull(absl::string_view name, uint64_t all_bytes, uint64_t change_bytes,
                     bool is_requested);
  absl::StatusOr<std::shared_ptr<IndexFile>> Open(LogPosition segment_begin);
  absl::StatusOr<Link> Take(LogPosition begin, std::shared_ptr<IndexFile> file, Names& pending);
  absl::Status LoadAll(const std::vector<Link>& links, uint64_t* bytes_read);
  absl::Status LoadIndex(LogIndex& index, const std::vector<Link>& links, uint64_t* bytes_read);
  absl::Status LoadQueues(const std::vector<Link>& links, uint64_t* bytes_read);
  absl::Status LoadRuns(const Link& link);
  void Restart();

  LogView& log_;
  ConsumeQueues& queues_;
  IndexFiles& files_;
  const std::vector<LogIndex*> indexes_;
  std::map<std::string, Since, std::less<>> since_;
  std::atomic<bool> full_is_requested_{false};
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_SNAPSHOTS_H_
