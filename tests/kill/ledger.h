// What was acknowledged, and whether a store holds it.
//
// The rules, for every run of every producer, whose messages have the sequences 0, 1, 2, ...:
//  1. Every acknowledged message is there, with its bytes, at its position, queue and offset.
//  2. Those that are there are the first n; of the rest none is there. At most kInFlightMax of them
//     were never acknowledged, and nobody else's message is there.
//  3. A message is in all queues that it was sent to, once each; a batch is there as a whole.
//  4. In a queue, positions and sequences rise with the offset, and no run comes back after a later
//     one. Offsets without a message are voids.
//  5. What was seen once is never gone.

#ifndef WEIR_TESTS_KILL_LEDGER_H_
#define WEIR_TESTS_KILL_LEDGER_H_

#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "kill/body.h"
#include "kill/event.h"
#include "weir/store.h"

namespace weir::kill {

class Ledger {
 public:
  explicit Ledger(uint64_t seed) : seed_(seed) {}

  // Takes down an event of kind kAcknowledged.
  void Record(uint32_t run, const Event& event);

  // Checks what the store holds behind what the last call looked at. No run may be going on.
  absl::Status CheckNew(MessageStore& store);
  // Checks everything from the beginning, in all orders, and lets the store verify itself.
  absl::Status CheckAll(MessageStore& store);

  uint64_t acknowledged() const { return acknowledged_; }
  // Of the last check: messages found, those of them never acknowledged, offsets without message.
  uint64_t found() const { return found_; }
  uint64_t unconfirmed() const { return found_ > acknowledged_ ? found_ - acknowledged_ : 0; }
  uint64_t voids() const { return voids_; }

 private:
  struct Entry {
    bool is_acknowledged = false;
    Event receipt{};
    uint32_t found_in = 0;  // mask of queues
    Identity identity{};    // if found
    LogPosition position;
  };
  struct Stream {
    std::vector<Entry> entries;  // by sequence
    bool is_checked = false;
  };
  struct Queue {
    QueueOffset next;
    LogPosition last_position;
    uint32_t last_run = 0;
    std::map<uint32_t, uint32_t> next_sequence;  // of the producers of last_run
  };
  using StreamId = std::pair<uint32_t, uint32_t>;  // run and producer

  absl::Status CheckQueue(MessageStore& store, uint32_t number);
  absl::Status CheckMessage(const MessageView& message, uint32_t queue_number);
  absl::Status CheckPlace(const MessageView& message, const Identity& identity, Queue& queue);
  absl::Status CheckStream(StreamId id, Stream& stream);
  absl::Status CheckEntry(const Stream& stream, const Entry& entry) const;
  absl::Status CheckLogOrder(MessageStore& store, absl::string_view topic, uint32_t mask) const;

  const uint64_t seed_;
  std::map<StreamId, Stream> streams_;
  std::array<Queue, kQueues> queues_;
  std::map<uint32_t, uint32_t> queue_of_producer_[2];  // with an ordering key, by topic
  uint64_t acknowledged_ = 0;
  uint64_t found_ = 0;
  uint64_t voids_ = 0;
};

}  // namespace weir::kill

#endif  // WEIR_TESTS_KILL_LEDGER_H_
