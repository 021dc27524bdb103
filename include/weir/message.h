// The words of weir: positions and offsets, the message as it is appended and as it is read,
// receipts and durability.
//
// Everything here is a value. None of these types owns a thread, a file or a lock.
//
//   weir::Message message{.topic = "orders", .tag = "NEW", .keys = {"AAPL-1"}, .body = "..."};
//   absl::StatusOr<weir::Receipt> receipt = store->Append(message);

#ifndef WEIR_MESSAGE_H_
#define WEIR_MESSAGE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "weir/property.h"

namespace weir {

// A 64-bit number with a meaning; numbers of different meaning do not mix. Adding a plain count
// gives a number of the same meaning, the difference of two is a plain count.
template <typename Meaning>
class Ordinal {
 public:
  constexpr Ordinal() = default;
  constexpr explicit Ordinal(uint64_t value) : value_(value) {}

  constexpr uint64_t value() const { return value_; }

  friend constexpr auto operator<=>(Ordinal, Ordinal) = default;
  friend constexpr Ordinal operator+(Ordinal a, uint64_t count) {
    return Ordinal(a.value_ + count);
  }
  friend constexpr Ordinal operator-(Ordinal a, uint64_t count) {
    return Ordinal(a.value_ - count);
  }
  friend constexpr uint64_t operator-(Ordinal a, Ordinal b) { return a.value_ - b.value_; }
  constexpr Ordinal& operator+=(uint64_t count) {
    value_ += count;
    return *this;
  }
  constexpr Ordinal& operator++() { return *this += 1; }

  friend std::ostream& operator<<(std::ostream& stream, Ordinal ordinal) {
    return stream << ordinal.value_;
  }

 private:
  uint64_t value_ = 0;
};

// A byte address in the log (Aeron's position, RocketMQ's commitLogOffset). Never used for two
// records, not even after a power loss took the first.
using LogPosition = Ordinal<struct LogPositionMeaning>;

// The ordinal of a message in its queue (RocketMQ's queueOffset, Kafka's offset): 0, 1, 2, ...
// A number may belong to no message (a *void*: a claim that its owner or death gave up).
using QueueOffset = Ordinal<struct QueueOffsetMeaning>;

// What an acknowledged append survives.
enum class Durability : uint8_t {
  // Nothing is promised yet. Only ever seen in Receipt::reached.
  kNone = 0,
  // The message survives the death of this process by any signal. After a power loss the store
  // opens to a contiguous prefix of the log: what was appended since the last completed sync may
  // be missing, and Open() reports what it found behind the cut and left out (bytes, records,
  // queue offsets) and the time of the last sync; of what never reached the disk there is no
  // trace. A sync is begun every StoreOptions::sync_interval (100 ms) while the disk answers (with
  // Background::kManual: while the host calls RunOnce()), and never are more than
  // unsynced_bytes_max (256 MiB) unsynced: then appends wait for room.
  //
  // With the front in shared memory this holds as soon as the message is published. Where shared
  // memory is not to be had, or would not outlive the process, the front is private and kProcess
  // waits for the pwritev. The promise is the same.
  kProcess = 1,
  // fdatasync returned 0 for it: the message survives power loss.
  kDisk = 2,
};

// "none", "process", "disk".
absl::string_view DurabilityName(Durability durability);

// Limits that the format sets. The limit of the body is StoreOptions::max_body_bytes.
inline constexpr size_t kMaxTopicNameBytes = 255;
inline constexpr size_t kMaxTagBytes = 255;
inline constexpr size_t kMaxOrderingKeyBytes = 255;
inline constexpr size_t kMaxKeys = 16;
inline constexpr size_t kMaxKeyBytes = 255;
inline constexpr size_t kMaxPropertiesBytes = 32767;  // encoded: 3 bytes + name + value each
inline constexpr size_t kMaxFurtherQueues = 16383;    // with the first queue: 16,384
inline constexpr uint32_t kMaxQueuesPerTopic = 65536;
inline constexpr size_t kMaxGroupNameBytes = 255;

// Whether a topic may have this name: kInvalidArgument unless it has 1 to 255 bytes, no control
// character and no '/', and is not "." or "..". For hosts that take names from outside and want to
// refuse them before a store is opened; the store checks them itself.
absl::Status CheckTopicName(absl::string_view name);

// A topic that was looked up once. Cheap to copy; valid as long as its store object lives and
// accepted by that store only. A default-constructed handle names no topic.
class Topic {
 public:
  Topic() = default;

  // The name, valid as long as the store object lives. Empty for the default handle.
  absl::string_view name() const;
  // Queue ids are 0 to queue_count() - 1; it never changes. 0 for the default handle.
  uint32_t queue_count() const;
  explicit operator bool() const { return entry_ != nullptr; }
  friend bool operator==(const Topic&, const Topic&) = default;

  // For the library itself.
  struct Entry;
  explicit Topic(const Entry* entry) : entry_(entry) {}
  const Entry* entry() const { return entry_; }

 private:
  const Entry* entry_ = nullptr;
};

// A topic by handle or by name. A name is resolved at each call: a handle saves that look-up.
class TopicRef {
 public:
  TopicRef() = default;
  TopicRef(Topic topic) : topic_(topic) {}            // NOLINT(google-explicit-constructor)
  TopicRef(absl::string_view name) : name_(name) {}   // NOLINT(google-explicit-constructor)
  TopicRef(const char* name) : name_(name) {}         // NOLINT(google-explicit-constructor)
  TopicRef(const std::string& name) : name_(name) {}  // NOLINT(google-explicit-constructor)

  // The handle, or the default handle if this is a name.
  Topic topic() const { return topic_; }
  // The name as given or the handle's.
  absl::string_view name() const { return topic_ ? topic_.name() : name_; }

 private:
  Topic topic_;
  absl::string_view name_;
};

// One queue of a topic.
struct QueueRef {
  TopicRef topic;
  uint32_t queue_id = 0;
};

// A message to append. Only views: what they point to must live until the append returns.
struct Message {
  TopicRef topic;
  // The queue: this one (kNotFound if the topic has none such); else by hash of `ordering_key`;
  // else round-robin.
  std::optional<uint32_t> queue_id = std::nullopt;
  // A word to filter by, as RocketMQ's tag. At most kMaxTagBytes.
  absl::string_view tag = {};
  // Up to kMaxKeys keys of 1 to kMaxKeyBytes bytes to find the message by. Of a compacted topic the
  // first one is that whose newest message it becomes.
  absl::InlinedVector<absl::string_view, 2> keys = {};
  // Messages with the same key stay in one queue, in their order. At most kMaxOrderingKeyBytes.
  absl::string_view ordering_key = {};
  // At most kMaxPropertiesBytes together. Kept in this order; a name may occur twice.
  absl::InlinedVector<Property, 2> properties = {};
  // Further queues, of this or of other topics, in which the same body shall appear; it is stored
  // once. At most kMaxFurtherQueues, no queue twice.
  absl::Span<const QueueRef> further_queues = {};
  // From then on, by the store's clock, no read gives it and no key finds it, nor an older message
  // in its place as the newest of its key; its place in the log
  // (ReadAt, FindById, Dump) still shows it until its segment is dropped. Kept to the nanosecond.
  absl::Time expires_at = absl::InfiniteFuture();
  absl::string_view body = {};
};

// What an append achieved.
struct Receipt {
  LogPosition position;                    // where the record begins
  LogPosition end;                         // where it (its batch) ends: what WaitFor() waits for
  uint32_t queue_id = 0;                   // of the message's topic
  QueueOffset queue_offset;                // in that queue
  Durability reached = Durability::kNone;  // may be lower than asked if a deadline passed
};

// A message as it was read: a view of a verified record. Valid as long as the ReadResult that it
// came from lives. Parts are decoded when asked for. Any number of threads may read one.
class MessageView {
 public:
  LogPosition position() const;
  // Bytes of the record in the log, all parts and padding included.
  uint32_t record_bytes() const;
  // Name of the topic that was read. Lives as long as the store object.
  absl::string_view topic() const { return topic_.name(); }
  uint32_t queue_id() const { return queue_id_; }
  QueueOffset queue_offset() const { return queue_offset_; }
  // When it was appended, to the nanosecond, by the store's clock; never before that of an earlier
  // message of the log, whatever the clock did.
  absl::Time store_time() const;
  // InfiniteFuture() if it was given no time.
  absl::Time expires_at() const;
  // Empty if the message has none.
  absl::string_view tag() const;
  absl::string_view ordering_key() const;
  // These two lists are the caller's: more than two entries take memory, and are std::bad_alloc if
  // there is none.
  absl::InlinedVector<absl::string_view, 2> keys() const;
  // In the order in which they were given.
  absl::InlinedVector<Property, 2> properties() const;
  // Value of the first property of that name; nullopt if there is none.
  std::optional<absl::string_view> property(absl::string_view name) const;
  absl::string_view body() const;

  // For the library itself: `record` was verified and decodes.
  MessageView(const char* record, LogPosition position, Topic topic, uint32_t queue_id,
              QueueOffset queue_offset)
      : record_(record),
        position_(position),
        topic_(topic),
        queue_id_(queue_id),
        queue_offset_(queue_offset) {}
  const char* record() const { return record_; }

 private:
  const char* record_;
  LogPosition position_;
  Topic topic_;
  uint32_t queue_id_;
  QueueOffset queue_offset_;
};

// How a read ended; RocketMQ's outcomes. `next` is ReadResult::next_offset(), of ReadTopic()
// next_position(). Reading backwards turns "behind" round; see MessageStore::ReadBackwards.
enum class ReadOutcome : uint8_t {
  kFound,           // at least one message; next: behind the last one looked at
  kNoMatch,         // messages were there but none looked at was wanted; next: behind
  kOffsetTooSmall,  // the offset was dropped by retention; next: first offset of the queue
  kAtEnd,           // nothing there yet; next: the offset asked for
  kBeyondEnd,       // the offset was never given; next: end of the queue
  kNoSuchQueue,     // unknown topic or queue id; next: 0
  kBeingRemoved,    // the segment went away during the read; next: where to go on
  kDamaged,         // the record is damaged (see damage()); next: behind the damage
};

// "found", "no match", ...
absl::string_view ReadOutcomeName(ReadOutcome outcome);

// Bytes of the log that hold no readable record although they should.
struct DamagedRange {
  LogPosition begin;
  LogPosition end;
  std::string reason;  // names the file and the offset in it
};

// What a read gives: an outcome, where to go on, and views of messages with the memory that they
// lie in. Movable; holding it never blocks a producer and never keeps a file from being removed,
// only the memory. Of its views, topic() needs the store object, and nothing else does.
class ReadResult {
 public:
  ReadOutcome outcome() const { return outcome_; }
  QueueOffset next_offset() const { return next_offset_; }
  // ReadTopic() only: where to go on.
  LogPosition next_position() const { return next_position_; }
  // Only for kDamaged.
  const std::optional<DamagedRange>& damage() const { return damage_; }

  const std::vector<MessageView>& messages() const { return messages_; }
  auto begin() const { return messages_.begin(); }
  auto end() const { return messages_.end(); }
  size_t size() const { return messages_.size(); }
  bool empty() const { return messages_.empty(); }
  const MessageView& operator[](size_t index) const { return messages_[index]; }

  // For the library itself.
  ReadOutcome outcome_ = ReadOutcome::kAtEnd;
  QueueOffset next_offset_;
  LogPosition next_position_;
  std::optional<DamagedRange> damage_;
  std::vector<MessageView> messages_;
  std::vector<std::shared_ptr<const void>> memory_;  // what the views lie in
};

// Which offsets of a queue can be read.
struct QueueBounds {
  QueueOffset first;  // of the oldest message that is still there; `end` if there is none
  QueueOffset end;    // one behind the newest visible one; 0 in a queue that never had one
};

// Called when an asynchronous append has reached its durability, or never will: then with the
// reason (kDataLoss; kFailedPrecondition if the store was closed first; kUnavailable if it was, and
// there is no memory to say more), and Receipt::reached tells how far it came. Must be callable. An
// exception that it throws is caught and forgotten.
using AppendCallback = std::function<void(const absl::Status&, const Receipt&)>;

}  // namespace weir

#endif  // WEIR_MESSAGE_H_
