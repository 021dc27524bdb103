// The words of finding: by key, by time, by id. The functions stand in weir/store.h.
//
//   auto found = store->FindByKey("orders", "AAPL-1", {.from = t0, .to = t1});
//   for (const weir::MessageView& message : *found) Use(message.body());
//
//   auto quote = store->Latest("quotes", "AAPL");          // of a topic that is compacted
//
//   auto offset = store->OffsetForTime("orders", 0, t0, weir::Boundary::kLower);
//
//   auto id = store->IdOf(receipt->position);              // id->ToString() is something to print
//   auto message = store->FindById(*weir::MessageId::Parse(text));

#ifndef WEIR_FIND_H_
#define WEIR_FIND_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "weir/message.h"

namespace weir {

// Where a search for a key goes on. A place in the log, of one order: it stays good when the store
// is opened anew, and in another process. The default one stands at the begin of the search.
class FindCursor {
 public:
  FindCursor() = default;
  friend bool operator==(const FindCursor&, const FindCursor&) = default;

  // For whoever keeps it outside the program: the position of the last message that was looked at.
  // Empty at the begin.
  std::optional<LogPosition> position() const { return position_; }
  explicit FindCursor(LogPosition position) : position_(position) {}

 private:
  std::optional<LogPosition> position_;
};

struct FindOptions {
  // Store times of the messages, both ends included. kInvalidArgument if `to` is before `from`.
  absl::Time from = absl::InfinitePast();
  absl::Time to = absl::InfiniteFuture();
  // Messages to return. 0: kInvalidArgument.
  uint32_t limit = 32;
  // Bytes of their records; at least one message is returned whatever its size.
  uint64_t max_bytes = uint64_t{1} << 20;
  // FindResult::next() of the page before, with the same topic, key and order.
  FindCursor cursor = {};
  // The newest messages first, or the oldest.
  bool newest_first = true;
};

// What a search for a key gives: messages, where to go on, and what could not be looked at.
// Movable; holding it keeps nothing but memory, as a ReadResult.
class FindResult {
 public:
  // In the order that was asked for. A message in several queues of the topic is there once, with
  // the first of them.
  const std::vector<MessageView>& messages() const { return messages_; }
  auto begin() const { return messages_.begin(); }
  auto end() const { return messages_.end(); }
  size_t size() const { return messages_.size(); }
  bool empty() const { return messages_.empty(); }
  const MessageView& operator[](size_t index) const { return messages_[index]; }

  // Whether there was nothing further on at the call. Else next() is where to go on: also with no
  // message at all, if very many had to be looked at in vain. Oldest first, what is appended later
  // is found from next() on, too.
  bool is_done() const { return is_done_; }
  const FindCursor& next() const { return next_; }
  // Damage that was met on the way: a message of the key that cannot be read, or a segment in which
  // messages of the key may stand that nobody can find. Such ranges are stepped over.
  const std::vector<DamagedRange>& damage() const { return damage_; }

  // For the library itself.
  std::vector<MessageView> messages_;
  FindCursor next_;
  bool is_done_ = false;
  std::vector<DamagedRange> damage_;
  std::vector<std::shared_ptr<const void>> memory_;  // what the views lie in
};

// Where reading the newest messages of all keys goes on. It stays good as a FindCursor does. The
// default one stands before the first key.
class LatestCursor {
 public:
  LatestCursor() = default;
  friend bool operator==(const LatestCursor&, const LatestCursor&) = default;

  // For whoever keeps it outside the program: the key that was looked at last. Empty at the begin.
  const std::optional<std::string>& key() const { return key_; }
  explicit LatestCursor(std::string key) : key_(std::move(key)) {}

 private:
  std::optional<std::string> key_;
};

struct LatestOptions {
  // Messages to return. 0: kInvalidArgument.
  uint32_t limit = 32;
  // Bytes of their records; at least one message is returned whatever its size.
  uint64_t max_bytes = uint64_t{1} << 20;
};

// The newest messages of some keys, and where to go on. Movable; holding it keeps nothing but
// memory, as a ReadResult.
class LatestResult {
 public:
  // In the order of the bytes of their keys, which are the first of MessageView::keys().
  const std::vector<MessageView>& messages() const { return messages_; }
  auto begin() const { return messages_.begin(); }
  auto end() const { return messages_.end(); }
  size_t size() const { return messages_.size(); }
  bool empty() const { return messages_.empty(); }
  const MessageView& operator[](size_t index) const { return messages_[index]; }

  // Whether there was no further key at the call. Else next() is where to go on: also with no
  // message at all, if very many had expired.
  bool is_done() const { return is_done_; }
  const LatestCursor& next() const { return next_; }
  // Newest messages that are damaged. They are stepped over.
  const std::vector<DamagedRange>& damage() const { return damage_; }

  // For the library itself.
  std::vector<MessageView> messages_;
  LatestCursor next_;
  bool is_done_ = false;
  std::vector<DamagedRange> damage_;
  std::vector<std::shared_ptr<const void>> memory_;  // what the views lie in
};

// Which of the messages around a time is meant.
enum class Boundary : uint8_t {
  // The first message that is not older; if all are older, the end of the queue.
  kLower,
  // The last message that is not newer; if all are newer, the first offset of the queue.
  kUpper,
};

// Store times of the first and the last message.
struct TimeBounds {
  absl::Time earliest;
  absl::Time latest;
};

// Names a message for ever: the store, who wrote it there, and where it was first appended. An id
// says nothing of topics, queues or offsets.
struct MessageId {
  std::array<uint8_t, 16> store{};  // the store's own number
  uint64_t incarnation = 0;         // of the part of the log that the message was appended to
  LogPosition position;             // of its record, when it was appended

  // 64 hexadecimal digits in lower case, and back; upper case is accepted. kInvalidArgument for
  // anything else.
  std::string ToString() const;
  static absl::StatusOr<MessageId> Parse(absl::string_view text);

  friend auto operator<=>(const MessageId&, const MessageId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const MessageId& id) {
    return H::combine(std::move(h), id.store, id.incarnation, id.position.value());
  }
  friend std::ostream& operator<<(std::ostream& stream, const MessageId& id) {
    return stream << id.ToString();
  }
};

}  // namespace weir

#endif  // WEIR_FIND_H_
