// The newest message of every key of compacted topics: where it stands, first appended or carried.
//
// A message is of the first of its keys, in each topic that it is in. Of two the one that was first
// appended further on is the newer; a copy moves the place of a message and nothing else. A message
// without a body, a purge and the deletion of the topic take a key away.

#ifndef WEIR_STORE_LATEST_KEYS_H_
#define WEIR_STORE_LATEST_KEYS_H_

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "index/indexer.h"
#include "index/log_index.h"
#include "log/log_view.h"
#include "store/queue_ends.h"
#include "store/state_appender.h"
#include "store/topic_catalogue.h"
#include "weir/message.h"

namespace weir::internal {

// Any thread.
class LatestKeys final : public LogIndex {
 public:
  static constexpr absl::string_view kName = "latest";

  // Nothing is owned. `appender` may be null: then nothing is ever purged.
  LatestKeys(LogView* log, const Indexer* indexer, const TopicCatalogue* catalogue,
             StateAppender* appender)
      : log_(*log), indexer_(*indexer), catalogue_(*catalogue), appender_(appender) {}

  struct Kept {
    LogPosition place;          // of the record: the message, or a copy of it
    LogPosition first;          // where the message was first appended
    uint64_t queue_offset = 0;  // in its first queue of the topic
    uint32_t queue_number = 0;
    uint32_t copy_bytes = 0;  // of a copy of it; 0: the key is deleted
    friend bool operator==(const Kept&, const Kept&) = default;
  };
  // What is visible now of what the log was seen to say; nullopt: no such key.
  std::optional<Kept> Find(uint32_t first_queue, absl::string_view key) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  struct Named {
    uint32_t first_queue = 0;  // of the topic
    std::string key;
    Kept kept;
  };
  // At most `max` keys of the topic behind `behind` (empty: from the first on), in the order of
  // their bytes.
  std::vector<Named> List(uint32_t first_queue, absl::string_view behind, size_t max) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Where a copy stands of the message that was first appended at `first`; nullopt: there is none,
  // or the message is not the newest of its key any more.
  std::optional<LogPosition> FindCopy(LogPosition first) const ABSL_LOCKS_EXCLUDED(mutex_);

  // The one of all that stands furthest back, if that is below `below`; visible or not.
  std::optional<Named> FindOldest(LogPosition below) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether its topic is deleted: then nobody can ask for it.
  bool IsOfDeleted(const Named& named) const;
  // Whether nothing newer was seen of the key.
  bool IsNewest(const Named& named) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Its message is wanted no more, or cannot be read: it goes with its segment.
  void Forget(const Named& named) ABSL_LOCKS_EXCLUDED(mutex_);
  // All that stand below: they were not to be carried.
  void ForgetBelow(LogPosition begin) ABSL_LOCKS_EXCLUDED(mutex_);

  // The keys of these queues whose newest message has a lower offset than `first`, or the end now,
  // are deleted when this returns, and that survives power loss.
  absl::Status Purge(absl::Span<const QueuePurge> purges, const ConsumeQueues& queues,
                     Deadline deadline) ABSL_LOCKS_EXCLUDED(mutex_);

  uint64_t keys() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Of copies of all of them: what has to be carried.
  uint64_t copy_bytes() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t memory_bytes() const ABSL_LOCKS_EXCLUDED(mutex_);

  absl::string_view name() const override { return kName; }
  absl::Status Apply(const ScannedRecord& record) override ABSL_LOCKS_EXCLUDED(mutex_);
  std::string SaveAll(LogPosition to) const override;
  std::string SaveChanges(LogPosition from, LogPosition to) const override;
  absl::Status Load(absl::string_view bytes) override;
  bool follows_log() const override { return true; }
  void Restart() override;

 private:
  struct Entry;
  using Id = std::pair<uint32_t, std::string>;  // the topic's first queue, and the key
  struct Before {
    using is_transparent = void;
    using View = std::pair<uint32_t, absl::string_view>;
    bool operator()(const View& a, const View& b) const { return a < b; }
  };
  using Keys = std::map<Id, Entry, Before>;
  using Order = std::list<Keys::iterator>;
  using Copies = std::multimap<LogPosition, Keys::iterator>;
  // The newest last. What is saved with a segment may not show what was said behind it, nor a
  // look-up what is not visible yet: so there is one of each segment that is not sealed yet, and
  // more only as long as the newer ones are not visible.
  using History = absl::InlinedVector<Kept, 1>;
  struct Entry {
    History history;
    Order::iterator order;
  };

  // The compacted topic of a queue; null if it is none. Compacted(): nor one that is deleted.
  const Topic::Entry* EverCompacted(uint32_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Topic::Entry* Compacted(uint32_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ApplyMessage(const ScannedRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ApplyCopy(const ScannedRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ApplyPurges(const ScannedRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ApplyDeletion(const ScannedRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Say(uint32_t first_queue, absl::string_view key, const Kept& said)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Say(Keys::iterator at, const Kept& said) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Add(uint32_t first_queue, absl::string_view key, const Kept& said)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetCopy(LogPosition first, Keys::iterator at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Shorten(History& history) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsVisible(LogPosition place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Erase(Keys::iterator at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Deletions that no index file has to tell any more.
  void ForgetDeleted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Kept* NewestBelow(const History& history, LogPosition end) const;
  std::string Save(LogPosition from, LogPosition to, bool with_deleted) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  LogView& log_;
  const Indexer& indexer_;
  const TopicCatalogue& catalogue_;
  StateAppender* const appender_;

  mutable Mutex mutex_;
  Keys keys_ ABSL_GUARDED_BY(mutex_);
  // In the order of their places: keys with a message, and deleted ones.
  Order living_ ABSL_GUARDED_BY(mutex_);
  Order deleted_ ABSL_GUARDED_BY(mutex_);
  // Those whose newest record is a copy, by where their message was first appended.
  Copies copies_ ABSL_GUARDED_BY(mutex_);
  uint64_t copy_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t key_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  LogPosition visible_end_ ABSL_GUARDED_BY(mutex_);              // as far as it was looked at
  const Topic::Entry* topic_ ABSL_GUARDED_BY(mutex_) = nullptr;  // the last one asked for
};

}  // namespace weir::internal

#endif  // WEIR_STORE_LATEST_KEYS_H_
