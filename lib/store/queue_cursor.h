// Walks the entries of one queue, whether they lie in memory or in index files.

#ifndef WEIR_STORE_QUEUE_CURSOR_H_
#define WEIR_STORE_QUEUE_CURSOR_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "index/consume_queues.h"
#include "index/index_files.h"
#include "index/indexer.h"
#include "index/run_chain.h"
#include "log/log_view.h"

namespace weir::internal {

// What cursors and readers read from. Nothing is owned.
struct QueueSources {
  LogView* log = nullptr;
  ConsumeQueues* queues = nullptr;
  IndexFiles* files = nullptr;
  Indexer* indexer = nullptr;
};

// For one thread.
class QueueCursor {
 public:
  enum class Outcome : uint8_t { kEntry, kTooSmall, kEnd };

  QueueCursor(const QueueSources& sources, uint32_t number, uint64_t offset)
      : sources_(sources), number_(number), offset_(offset) {}

  uint32_t number() const { return number_; }
  uint64_t offset() const { return offset_; }
  void MoveTo(uint64_t offset) { offset_ = offset; }

  // The entry at offset(). kTooSmall: it was dropped. kEnd: there is none yet.
  absl::StatusOr<Outcome> Get(QueueEntry* entry) {
    if (!is_at_hand()) return Fetch(entry);
    *entry = batch_[offset_ - batch_first_];
    return Outcome::kEntry;
  }
  void Next() { MoveTo(offset_ + 1); }
  // Whether Get() has the entry at hand. Else it may read a file: nobody waits for the disk with a
  // reader slot in his hand.
  bool is_at_hand() const {
    return offset_ >= batch_first_ && offset_ < batch_first_ + batch_count_;
  }

  // What the device said if entries are shown as holes because it did not give them; OK: it did.
  const absl::Status& unread() const { return unread_; }

  // The smallest offset whose message begins at `position` or behind it; the end if there is none.
  absl::StatusOr<uint64_t> SeekPosition(LogPosition position);

 private:
  absl::StatusOr<Outcome> Fetch(QueueEntry* entry);
  absl::StatusOr<Outcome> FillFromFiles();
  // The chain of runs is broken, as `why` says, or ends too early: what is left of the queue, with
  // holes between.
  absl::StatusOr<Outcome> FillWithoutLinks(const absl::Status& why);
  absl::StatusOr<Outcome> FillWithHoles();
  size_t NextBatch() {
    const size_t batch = next_batch_;
    next_batch_ = std::min(kBatch, 4 * batch);
    return batch;
  }
  void NoteUnread(const absl::Status& status);
  absl::Status FillFromRun(uint64_t offset);

  static constexpr size_t kBatch = 64;
  const QueueSources sources_;
  const uint32_t number_;
  uint64_t offset_;
  std::optional<RunLocation> run_;
  QueueEntry batch_[kBatch];
  uint64_t batch_first_ = 0;
  size_t batch_count_ = 0;
  // Most reads want one message; who wants many soon gets whole batches.
  size_t next_batch_ = kBatch / 16;
  // Nothing is left of these offsets: found out once, not for every batch.
  uint64_t holes_begin_ = 0;
  uint64_t holes_end_ = 0;
  absl::Status unread_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_QUEUE_CURSOR_H_
