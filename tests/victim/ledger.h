// What was acknowledged, and whether a store holds it.
//
// The rules, for every run of every producer, whose messages have the sequences 0, 1, 2, ...:
//  1. Every acknowledged message is there, with its bytes, at its position, queue and offset.
//  2. Those that are there are the first n; of the rest none is there. At most kInFlightMax of them
//     were never acknowledged, and nobody else's message is there. What the store called uncertain
//     may be there or not.
//  3. A message is in all queues that it was sent to, once each; a batch is there as a whole.
//  4. In a queue, positions and sequences rise with the offset, and no run comes back after a later
//     one. Offsets without a message are voids.
//  5. What was seen once is never gone.
// Where somebody took files away, Allowances let what is gone be counted instead.

#ifndef WEIR_TESTS_VICTIM_LEDGER_H_
#define WEIR_TESTS_VICTIM_LEDGER_H_

#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "victim/body.h"
#include "victim/event.h"
#include "victim/producer.h"
#include "weir/store.h"

namespace weir::victim {

struct Allowances {
  uint32_t unconfirmed_max = kInFlightMax;  // of a producer's messages in a run
  bool may_lose = false;  // what is missing or damaged is counted and no violation
};

class Ledger {
 public:
  explicit Ledger(uint64_t seed) : Ledger(seed, Allowances{}) {}
  Ledger(uint64_t seed, Allowances allowances) : seed_(seed), allowances_(allowances) {}

  // Takes down an event of kind kAcknowledged or kUncertain.
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
  // With may_lose: acknowledged and not found; ranges that a read called damaged.
  uint64_t lost() const { return lost_; }
  uint64_t damages() const { return damages_; }
  // Where the first of the lost was said to be.
  LogPosition first_lost() const { return first_lost_; }

 private:
  struct Entry {
    bool is_acknowledged = false;
    bool is_uncertain = false;
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

  uint64_t seed_;
  Allowances allowances_;
  std::map<StreamId, Stream> streams_;
  std::array<Queue, kQueues> queues_;
  std::map<uint32_t, uint32_t> queue_of_producer_[2];  // with an ordering key, by topic
  uint64_t acknowledged_ = 0;
  uint64_t found_ = 0;
  uint64_t voids_ = 0;
  uint64_t lost_ = 0;
  uint64_t damages_ = 0;
  LogPosition first_lost_;
};

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_LEDGER_H_
