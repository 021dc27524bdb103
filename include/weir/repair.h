// Repair of a store that is damaged: what can be computed again is, in place; of a damaged log what
// is left is copied into a new directory, and the damaged one stays as it is.
//
//   auto report = weir::RepairStore({.directory = "data/queue", .new_directory = "data/mended"});
//   if (!report.ok()) return report.status();
//   for (const weir::VerifyFinding& range : report->lost) Tell(range.file, range.position);
//   if (report->needs_copy) Rename("data/mended");  // it opens as "data/queue" did before
//
// What the copy has. Every record that verifies stands at the position that it had, with the bytes
// that it had: bodies, keys, tags, properties, queues, queue offsets and store times are the same,
// and so is the order of the log and of each queue. Ranges of which nothing is left are marked as
// lost: a read there answers ReadOutcome::kDamaged, and verify goes on to name them. Offsets that
// were lost are not given to other messages, as far as the store still knows of them. The copy is a
// store of its own; receipts of the damaged one mean the same messages in it.

#ifndef WEIR_REPAIR_H_
#define WEIR_REPAIR_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "weir/clock.h"
#include "weir/file_system.h"
#include "weir/message.h"
#include "weir/store.h"

namespace weir {

struct RepairOptions {
  std::string directory;
  // Where the copy goes, if one is needed: it must be missing, or empty, and its parent must be
  // there. Empty: `directory` with ".repaired" behind it.
  std::string new_directory;
  // Nothing is changed and nothing is made; the report is the same.
  bool dry_run = false;

  // Not owned. Null: the real one.
  FileSystem* file_system = nullptr;
  Clock* clock = nullptr;
};

// What is left of a queue.
struct RepairedQueue {
  std::string topic;      // empty: its name is lost
  uint32_t queue_id = 0;  // then the queue's number
  uint64_t messages = 0;
  QueueOffset first;  // offsets of the queue as it was, the lost ones among them
  QueueOffset end;
  std::vector<std::pair<QueueOffset, QueueOffset>> lost;  // from and up to, the second not included
};

struct RepairReport {
  // What verify finds before anything is done.
  VerifyReport found;
  // The log is damaged, or what every open needs: a copy was made, or would be.
  bool needs_copy = false;
  std::string new_directory;  // of the copy; empty if none is needed
  // Index files that were computed again, or would be. If a copy is needed those of the damaged
  // store are left alone, and the copy gets all of its own.
  std::vector<std::string> rebuilt;
  // With a copy: the ranges of which nothing was left, and index files that are no better for it
  // without.
  std::vector<VerifyFinding> lost;
  std::vector<RepairedQueue> queues;  // with a copy: those in which anything ever was
  uint64_t messages = 0;              // with a copy: in it, each once
  uint64_t journal_records = 0;       // those of them that belong to no topic
  uint64_t records = 0;
  uint64_t bytes = 0;  // of the records
  // What a power cut took or left behind, fronts that were not found, and the like.
  std::vector<std::string> notes;

  bool is_whole() const { return lost.empty(); }
};

// Looks at everything in options.directory and repairs it. Works on a store that does not open:
// with a superblock that is damaged or missing, with segments that are missing or have no header.
// Errors: kUnavailable (a process writes the store: the text names it; no memory), kNotFound (no
// store there), kAlreadyExists (something is in new_directory), kInvalidArgument (another format, a
// directory that is not a store), kDataLoss (nothing says what the store was: superblock and every
// header are gone), kResourceExhausted, and what the file system says. After an error the damaged
// store is as it was, but for index files, and new_directory holds no store, unless what failed
// keeps even its superblock from being removed.
absl::StatusOr<RepairReport> RepairStore(const RepairOptions& options);

}  // namespace weir

#endif  // WEIR_REPAIR_H_
