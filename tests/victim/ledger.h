// What a victim said of its messages, as a history for the oracle.

#ifndef WEIR_TESTS_VICTIM_LEDGER_H_
#define WEIR_TESTS_VICTIM_LEDGER_H_

#include <cstdint>

#include "support/send_history.h"
#include "victim/event.h"

namespace weir::victim {

class Ledger {
 public:
  explicit Ledger(uint64_t seed);

  // Takes down what the event says of messages, topics and the state of the store, if anything.
  void Record(const Event& event);

  testing::SendHistory& history() { return history_; }
  // Messages with at least the level that was asked for.
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  testing::SendHistory history_;
  uint64_t acknowledged_ = 0;
};

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_LEDGER_H_
