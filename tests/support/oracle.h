// The oracle: is what a store delivers after a crash what it promised?
//
// It reads everything through the public interface and checks
//  * acknowledged is a part of delivered: kDisk after a power loss, kProcess after a death;
//  * delivered is a part of sent, byte for byte, once in each queue, at the place in the receipt;
//  * offsets of a queue are in the order of the log, and dense: a number without a message belongs
//    to a message that was never confirmed;
//  * what is there is a prefix: nothing that had a receipt is missing below something delivered;
//  * a group and a fan-out are there as a whole or not at all;
//  * the store is healthy, or degraded for a reason that the expectation allows.

#ifndef WEIR_TESTS_SUPPORT_ORACLE_H_
#define WEIR_TESTS_SUPPORT_ORACLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "support/send_history.h"
#include "weir/commit_log.h"
#include "weir/message.h"
#include "weir/store.h"

namespace weir::testing {

struct Violation {
  enum class Kind : uint8_t {
    kLost,     // acknowledged and not delivered
    kPhantom,  // delivered and not sent, or with other bytes, or twice, or taken back before
    kBroken,   // any other promise
  };
  Kind kind = Kind::kBroken;
  std::string text;
};

struct Expectation {
  // The time in the history at which the image was taken. Default: all that has happened.
  uint64_t as_of = SendHistory::kNever - 1;
  // The weakest level that survives what happened: kProcess the death of the process, kDisk the
  // loss of power.
  Durability survives = Durability::kProcess;
  // Damage may be found and reported; what lies in it is not missed.
  bool allows_damage = false;
  // The store may refuse appends: a device failed for good.
  bool allows_read_only = false;
  // Also runs Verify() and reads topics in the order of the log.
  bool is_thorough = false;
};

struct Verdict {
  std::vector<Violation> violations;
  uint64_t acknowledged_checked = 0;
  std::vector<bool> delivered;  // by message of the history
  uint64_t content = 0;         // hash of all that was delivered, with places

  bool ok() const { return violations.empty(); }
  uint64_t Count(Violation::Kind kind) const;
  std::string ToString() const;  // one line for each violation
};

Verdict Examine(MessageStore& store, const SendHistory& history, const Expectation& expectation);

// The same for a journal. Its records are sent to whatever one queue; SendHistory::AskTrim() and
// SettleTrim() say from where on they must be there.
Verdict Examine(CommitLog& journal, const SendHistory& history, const Expectation& expectation);

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_ORACLE_H_
