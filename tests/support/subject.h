// What an examination is about: a store or a journal, opened on a world.

#ifndef WEIR_TESTS_SUPPORT_SUBJECT_H_
#define WEIR_TESTS_SUPPORT_SUBJECT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "support/oracle.h"
#include "support/send_history.h"
#include "weir/commit_log.h"
#include "weir/store.h"

namespace weir::testing {

// What some of them have that others do not.
struct SubjectShape {
  bool is_journal = false;
  bool has_workers = false;
  std::string front_directory = {};
  Visibility visibility = Visibility::kOnAppend;
  uint64_t segment_bytes = 4096;
  uint64_t front_bytes = 16384;
  uint64_t max_bytes = 0;  // of the store: 0, nothing is dropped

  // The same without threads: to look at what is left.
  SubjectShape WithoutWorkers() const {
    SubjectShape shape = *this;
    shape.has_workers = false;
    return shape;
  }
};

// The smallest store there is, on this world.
StoreOptions SubjectOptions(const SubjectShape& shape, FileSystem* file_system, Clock* clock);

// One of the two, or none.
struct Subject {
  std::unique_ptr<MessageStore> store;
  std::unique_ptr<CommitLog> journal;

  static absl::StatusOr<Subject> Open(const SubjectShape& shape, FileSystem* file_system,
                                      Clock* clock);
  static absl::StatusOr<Subject> Open(const SubjectShape& shape, const StoreOptions& options);

  bool is_open() const { return store != nullptr || journal != nullptr; }
  void Destroy() {
    store.reset();
    journal.reset();
  }
  absl::StatusOr<Receipt> Append(const SendHistory::Sent& sent, const AppendOptions& options);
  absl::Duration RunOnce();
  absl::StatusOr<Durability> WaitFor(const Receipt& receipt, Durability durability,
                                     absl::Duration timeout);
  absl::Status Flush(absl::Duration timeout);
  absl::Status Close();
  StoreState state() const;
  StoreStats Stats() const;
  std::string reason() const;
  const RecoveryReport& recovery() const;
  bool was_clean() const { return recovery().was_clean; }  // when it was opened
  Verdict Examine(const SendHistory& history, const Expectation& expectation) const;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_SUBJECT_H_
