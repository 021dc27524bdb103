// The log alone: a journal of byte records without topics, queues or indexes.
//
//   auto log = weir::CommitLog::Open({.directory = "data/journal"});
//   auto receipt = (*log)->Append("credit alice 100", {.durability = weir::Durability::kDisk});
//   weir::LogPosition next;  // replay from the start
//   for (;;) {
//     auto entries = (*log)->Read(next, 64);
//     if (!entries.ok() || entries->empty()) break;
//     for (const weir::JournalEntry& entry : entries->entries) Apply(entry.body);
//     next = entries->next;
//   }
//
// It has the durability, the states, the errors and the crash behaviour of weir::MessageStore (see
// weir/store.h), and the same files: a journal's directory can be looked at with the same tool.
// A forked child gets kFailedPrecondition, or what is empty, from every function. All functions may
// be called from any thread, except the destructor.

#ifndef WEIR_COMMIT_LOG_H_
#define WEIR_COMMIT_LOG_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "weir/message.h"
#include "weir/options.h"
#include "weir/store.h"

namespace weir {

// One record of a journal. `body` lives as long as the JournalEntries that it came with.
struct JournalEntry {
  LogPosition position;
  absl::Time store_time;
  absl::string_view body;
};

// What one read gives. Movable; keeps no file and blocks nobody.
struct JournalEntries {
  std::vector<JournalEntry> entries;
  std::vector<DamagedRange> damage;  // between or before the entries; reading went on behind it
  LogPosition next;                  // where to go on
  std::vector<std::shared_ptr<const void>> memory;  // what the bodies lie in

  bool empty() const { return entries.empty(); }
  size_t size() const { return entries.size(); }
};

class CommitLog final {
 public:
  // As MessageStore::Open, but read_only is refused (kInvalidArgument): MessageStore opens a
  // journal's directory for reading too. Options that speak of topics and queues are without
  // effect.
  static absl::StatusOr<std::unique_ptr<CommitLog>> Open(const StoreOptions& options);
  ~CommitLog();
  CommitLog(const CommitLog&) = delete;
  CommitLog& operator=(const CommitLog&) = delete;

  // Writes and syncs everything and closes, as MessageStore::Close.
  absl::Status Close();

  // Appends one record of any bytes, none included; the receipt's queue numbers mean nothing. What
  // it survives then is in Receipt::reached. Limits and errors as MessageStore::Append.
  absl::StatusOr<Receipt> Append(absl::string_view body, const AppendOptions& options = {});

  // Appends all or, whatever happens, none. At most half of the smaller of front and segment (of
  // the front less two headers), and one at least, else kInvalidArgument. Receipts in the order of
  // the bodies, with one end and one `reached`.
  absl::StatusOr<std::vector<Receipt>> Append(absl::Span<const absl::string_view> bodies,
                                              const AppendOptions& options = {});

  // Waits for an append, or for all so far, to be durable: as MessageStore::WaitFor and Flush.
  absl::StatusOr<Durability> WaitFor(const Receipt& receipt, Durability durability,
                                     absl::Duration timeout = absl::InfiniteDuration());
  absl::Status Flush(absl::Duration timeout = absl::InfiniteDuration());

  // Up to `max` records in log order, the first that begins at `position` or behind it. Only what
  // is visible (StoreOptions::visibility), and nothing behind an append that is not finished yet.
  // Empty at the end. kOutOfRange if `position` was dropped; position 0 is wherever the log begins.
  // Other errors: kFailedPrecondition, and what the file system says. Damage is none.
  absl::StatusOr<JournalEntries> Read(LogPosition position, size_t max);

  // Drops the segments that lie wholly below `position` and are durable, but never the active one;
  // OK if there is none. What is dropped reads as kOutOfRange afterwards, but for position 0. The
  // files are removed, or recycled for later segments; entries that were read stay readable. Once
  // this returned OK, no crash brings them back; a crash inside the call drops all or none. Errors:
  // kFailedPrecondition, and what the file system says; then nothing was dropped.
  absl::Status TrimTo(LogPosition position);

  // Where the log begins: the oldest segment; one behind the newest reserved byte; the synced end.
  // All only grow. Three calls are three moments.
  LogPosition begin() const;
  LogPosition end() const;
  LogPosition durable_end() const;

  // As the functions of MessageStore.
  absl::Duration RunOnce();
  StoreState state() const;
  // Without what is counted for queues, index files and reads.
  StoreStats Stats() const;
  const RecoveryReport& recovery() const;

  // For the library itself.
  struct Impl;
  explicit CommitLog(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir

#endif  // WEIR_COMMIT_LOG_H_
