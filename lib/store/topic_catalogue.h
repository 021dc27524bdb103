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
#include "index/consume_queues.h"
#include "index/log_index.h"
#include "weir/message.h"

namespace weir {

// What a handle points to. Entries are never removed and never move.
struct Topic::Entry {
  std::string name;
  uint32_t first_queue = 0;  // its queues are [first_queue, first_queue + queue_count)
  uint32_t queue_count = 0;
  LogPosition created;  // where its catalogue record lies
  const void* owner = nullptr;

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
    messages.store(messages.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    bytes.store(bytes.load(std::memory_order_relaxed) - record_bytes, std::memory_order_relaxed);
  }
};

namespace internal {

// The body of a catalogue record.
std::string EncodeTopic(absl::string_view name, uint32_t first_queue, uint32_t queue_count);

// A topic's records as they are appended: an atomic group of two copies, because without it every
// message of the topic would be unreadable. The stamp is written under the append lock; filling
// the group with the body of both, made before their place is taken, returns the word to publish it
// with.
uint32_t TopicGroupBytes(absl::string_view name);
void StampTopicGroup(char* memory, absl::string_view name, int64_t time);
int32_t FillTopicGroup(char* memory, LogPosition position, uint64_t incarnation,
                       absl::string_view name, absl::string_view body);

class TopicCatalogue final : public LogIndex {
  using Names = std::unordered_map<absl::string_view, std::unique_ptr<Topic::Entry>,
                                   absl::Hash<absl::string_view>>;
  using Numbers = std::map<uint32_t, const Topic::Entry*>;

 public:
  // Queues are created in `queues` with their topic.
  explicit TopicCatalogue(ConsumeQueues* queues) : queues_(queues) {}

  // Null if there is none. Any thread.
  const Topic::Entry* Find(absl::string_view name) const;
  // The topic that a queue number belongs to; null if none.
  const Topic::Entry* OfQueue(uint32_t number) const;
  std::vector<const Topic::Entry*> All() const;

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
  absl::StatusOr<Prepared> Prepare(absl::string_view name, uint32_t first_queue,
                                   uint32_t queue_count);
  const Topic::Entry* Enter(Prepared prepared, LogPosition created);
  // Enters a topic whose record is in the log at `created`; what is there already stays.
  absl::StatusOr<const Topic::Entry*> Add(absl::string_view name, uint32_t first_queue,
                                          uint32_t queue_count, LogPosition created);

  absl::string_view name() const override { return "catalogue"; }
  absl::Status Apply(const ScannedRecord& record) override;
  std::string SaveAll(LogPosition to) const override { return SaveChanges(LogPosition(0), to); }
  std::string SaveChanges(LogPosition from, LogPosition to) const override;
  absl::Status Load(absl::string_view bytes) override;
  // Topics that were found stay: there is no other of their name.
  void Restart() override;

 private:
  void KeepOrphan(uint32_t number);

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
