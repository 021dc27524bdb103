// Topic names <-> queue numbers, from records in the log.

#ifndef WEIR_STORE_TOPIC_CATALOGUE_H_
#define WEIR_STORE_TOPIC_CATALOGUE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "index/consume_queues.h"
#include "index/log_index.h"
#include "index/segment_digest.h"
#include "store/topic_record.h"
#include "weir/message.h"

namespace weir {

// What a handle points to. Entries are never removed and never move.
struct Topic::Entry {
  std::string name;
  uint32_t first_queue = 0;  // its queues are [first_queue, first_queue + queue_count)
  uint32_t queue_count = 0;
  uint64_t first_offset = 0;  // where each of them begins
  bool is_compacted = false;
  LogPosition created;  // where the oldest catalogue record lies that is known of
  const void* owner = nullptr;

  // What the newest catalogue record says, and where that one lies. Written by one thread at a
  // time.
  mutable std::atomic<uint64_t> recorded{0};
  mutable std::atomic<bool> is_deleted{false};
  // It was deleted since the store was opened: an append that began before may still come, so it is
  // said again like the others until the next open.
  mutable std::atomic<bool> may_be_in_use{false};
  mutable std::atomic<int64_t> max_age_nanos{0};
  mutable std::atomic<uint64_t> max_bytes{0};

  mutable std::atomic<uint32_t> next_queue{0};  // round-robin
  // Written under the append lock, read by anybody. A message in several queues counts in each.
  mutable std::atomic<uint64_t> messages{0};
  mutable std::atomic<uint64_t> bytes{0};

  void CountMessage(uint64_t record_bytes) const {
    messages.store(messages.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    bytes.store(bytes.load(std::memory_order_relaxed) + record_bytes, std::memory_order_relaxed);
  }
  // A message that was counted is given up.
  void CountVoid(uint64_t record_bytes) const {
    if (!HOLDS(messages.load(std::memory_order_relaxed) > 0)) return;
    if (!HOLDS(bytes.load(std::memory_order_relaxed) >= record_bytes)) return;
    messages.store(messages.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    bytes.store(bytes.load(std::memory_order_relaxed) - record_bytes, std::memory_order_relaxed);
  }
  // Of a message that was counted so much was not used.
  void CountUnused(uint64_t record_bytes) const {
    bytes.store(bytes.load(std::memory_order_relaxed) - record_bytes, std::memory_order_relaxed);
  }
};

namespace internal {

// What the catalogue says of a topic now.
TopicRecord RecordOf(const Topic::Entry& topic);

class TopicCatalogue final : public LogIndex {
  using Names =
      std::unordered_map<absl::string_view, const Topic::Entry*, absl::Hash<absl::string_view>>;
  using Numbers = std::map<uint32_t, std::unique_ptr<Topic::Entry>>;

 public:
  // Queues are created in `queues` with their topic.
  explicit TopicCatalogue(ConsumeQueues* queues) : queues_(queues) {}

  // Null if there is none, or none any more. Any thread.
  const Topic::Entry* Find(absl::string_view name) const;
  // The one of that name that was deleted last, if nobody has its name now; null if none.
  const Topic::Entry* FindDeleted(absl::string_view name) const;
  // Whether the topic was deleted and another one has its name: nobody asks for it any more.
  bool IsReplaced(const Topic::Entry& topic) const;
  // The topic that a queue number belongs to, deleted or not; null if none.
  const Topic::Entry* OfQueue(uint32_t number) const;
  // Deleted ones too.
  std::vector<const Topic::Entry*> All() const;
  // For those who ask for the queues of a topic and nothing else.
  TopicQueues Queues() const {
    return [this](uint32_t number) {
      const Topic::Entry* const topic = OfQueue(number);
      return topic == nullptr ? QueueRange{} : QueueRange{topic->first_queue, topic->queue_count};
    };
  }

  // The next free queue number: no message of the log has it, whether or not its topic is known.
  // The caller creates one topic at a time.
  uint32_t next_queue() const;
  // All that entering a topic may fail for, done before its record is written: behind that nothing
  // may fail. Of the numbers that next_queue() gives; `Enter` before another one is prepared.
  class Prepared {
    friend class TopicCatalogue;
    Names::node_type name_;
    Numbers::node_type number_;
  };
  absl::StatusOr<Prepared> Prepare(const TopicRecord& topic);
  const Topic::Entry* Enter(Prepared prepared, LogPosition created);
  // A record of `topic`, which is in the catalogue, was appended at `position`.
  void Change(const Topic::Entry& topic, const TopicRecord& record, LogPosition position);
  // Enters what a record of the log says that lies at `position`. The one further on counts, in
  // whatever order they come.
  absl::StatusOr<const Topic::Entry*> Add(const TopicRecord& topic, LogPosition position);

  absl::string_view name() const override { return "catalogue"; }
  absl::Status Apply(const ScannedRecord& record) override;
  std::string SaveAll(LogPosition to) const override { return SaveChanges(LogPosition(0), to); }
  std::string SaveChanges(LogPosition from, LogPosition to) const override;
  absl::Status Load(absl::string_view bytes) override;
  // Topics that were found stay: there is no other of their name.
  void Restart() override;

 private:
  void KeepOrphan(uint32_t number);
  // Whether the numbers belong to nobody.
  absl::Status CheckNumbers(const TopicRecord& topic) const;
  void BeginQueues(const Topic::Entry& topic);

  ConsumeQueues* const queues_;

  mutable Mutex mutex_;
  Names by_name_ ABSL_GUARDED_BY(mutex_);
  Numbers by_queue_ ABSL_GUARDED_BY(mutex_);
  // Behind the largest number that a message without a known topic has: damage took its topic, and
  // nobody else may have its numbers as long as its messages are there.
  uint32_t orphans_end_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace internal
}  // namespace weir

#endif  // WEIR_STORE_TOPIC_CATALOGUE_H_
