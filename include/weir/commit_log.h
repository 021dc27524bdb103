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
// All functions may be called from any thread, except the destructor.

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

struct JournalEntries {
  std::vector<JournalEntry> entries;
  std::vector<DamagedRange> damage;  // between or before the entries; reading went on behind it
  LogPosition next;                  // where to go on
  std::vector<std::shared_ptr<const void>> memory;

  bool empty() const { return entries.empty(); }
  size_t size() const { return entries.size(); }
};

class CommitLog final {
 public:
  // As MessageStore::Open. Options that speak of topics and queues are without effect.
  static absl::StatusOr<std::unique_ptr<CommitLog>> Open(const StoreOptions& options);
  ~CommitLog();
  CommitLog(const CommitLog&) = delete;
  CommitLog& operator=(const CommitLog&) = delete;

  // As MessageStore::Close.
  absl::Status Close();

  // Appends one record; the receipt's queue numbers mean nothing. Errors as MessageStore::Append.
  absl::StatusOr<Receipt> Append(absl::string_view body, const AppendOptions& options = {});

  // Appends all or none.
  absl::StatusOr<std::vector<Receipt>> Append(absl::Span<const absl::string_view> bodies,
                                              const AppendOptions& options = {});

  // As MessageStore::WaitFor and Flush.
  absl::StatusOr<Durability> WaitFor(const Receipt& receipt, Durability durability,
                                     absl::Duration timeout = absl::InfiniteDuration());
  absl::Status Flush(absl::Duration timeout = absl::InfiniteDuration());

  // Up to `max` records in log order, the first that begins at `position` or behind it. Only what
  // is visible (StoreOptions::visibility). Empty at the end.
  absl::StatusOr<JournalEntries> Read(LogPosition position, size_t max);

  // Drops whole segments below `position`, but never the active one. What is dropped reads as
  // kOutOfRange afterwards. The files are removed, or recycled for later segments.
  absl::Status TrimTo(LogPosition position);

  // Oldest position that can be read; one behind the newest reserved byte; the synced end.
  LogPosition begin() const;
  LogPosition end() const;
  LogPosition durable_end() const;

  absl::Duration RunOnce();
  StoreState state() const;
  StoreStats Stats() const;
  const RecoveryReport& recovery() const;

  struct Impl;
  explicit CommitLog(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir

#endif  // WEIR_COMMIT_LOG_H_
