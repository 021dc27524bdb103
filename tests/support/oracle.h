// The oracle: is what a store delivers what it promised? One for all harnesses: a history says what
// was sent and acknowledged, an expectation says what may have been lost, and what a store or a
// journal delivers through its public interface is held against both. Whoever has an image or a
// directory of a store and not the store itself asks image_oracle.h or directory_oracle.h, which
// open it, again and again, and ask here.
//
// The invariants, as violations name them:
//   I1   acknowledged as kDisk is delivered after any crash                          kLost
//   I2   acknowledged as kProcess is delivered after any death of the process        kLost
//   I3   delivered was sent, byte for byte, once in each of its queues, at the
//        place in its receipt; topics too                                            kPhantom
//   I4   offsets, the log and the order of sending agree; offsets are dense but for
//        voids, which are never acknowledged and come only from claims that were
//        given up, appends that failed and deaths; nothing is missing below
//        something delivered                                                         kOrder
//   I5   what a group committed last is what it goes on with: nothing older, nothing that
//        it never asked for, and nothing beyond what is visible                      kGroup
//   I8   what is derived from the log is what a rebuild makes of it                  kDerived
//   I9   an error goes to the call that suffered it, with a code that the call
//        documents, and to none where nothing failed                                 kAnswer
//   I10  descriptors, mappings, bytes and threads are given back                     kLeak
//   I11  a store is in one of the four states, and in one that it can have here      kState
//   I12  recovery is deterministic, idempotent and bounded                           kRecovery
//   I13  there is one writer                                                         kWriter
//   I14  files lie in the store's directory alone, and are nobody else's to read     kFiles
// I6 (half messages) and I7 (timers) come with what they speak of. What is promised beside these
// (groups and fan-outs are there as a whole; damage is not there unless it is allowed; a store can
// be read and served) is kBroken.

#ifndef WEIR_TESTS_SUPPORT_ORACLE_H_
#define WEIR_TESTS_SUPPORT_ORACLE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "support/send_history.h"
#include "weir/commit_log.h"
#include "weir/message.h"
#include "weir/store.h"

namespace weir::testing {

struct Violation {
  enum class Kind : uint8_t {
    kBroken,
    kLost,
    kPhantom,
    kOrder,
    kGroup,
    kDerived,
    kAnswer,
    kLeak,
    kState,
    kRecovery,
    kWriter,
    kFiles,
  };
  Kind kind = Kind::kBroken;
  std::string text;
};

// What one examination found.
struct Verdict {
  struct Place {
    uint32_t queue = 0;  // SendHistory::NumberOf()
    QueueOffset offset;
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct Record {
    LogPosition begin;
    LogPosition end;
    absl::InlinedVector<Place, 1> places;  // none: not delivered
    friend bool operator==(const Record&, const Record&) = default;
  };

  std::vector<Violation> violations;
  uint64_t acknowledged_checked = 0;
  std::vector<bool> delivered;    // by message of the history
  std::vector<Record> records;    // the same, with places
  std::vector<uint64_t> derived;  // bounds of queues, totals of topics
  LogPosition dropped_below;      // by a policy, which may drop more at the next open
  GroupCommits::Answers groups;   // how far they are
  uint64_t voids = 0;             // offsets without a message
  uint64_t lost = 0;              // acknowledged, and allowed to be gone
  bool was_refused = false;       // Open() answered with an error, which is `error`
  bool tells_loss = false;        // the store says that something may be gone
  bool tells_anything = false;    // ... or that anything is not as it was left
  std::vector<std::string> said;
  absl::Status error;  // the first that Open() or a read answered

  bool ok() const { return violations.empty(); }
  uint64_t Count(Violation::Kind kind) const;
  std::string ToString() const;  // one line for each violation
  // One violation often comes with hundreds of others of its kind: only the first few are kept.
  void Add(Violation::Kind kind, std::string text);
  // What another examination found, told with `when` before it.
  void Add(const std::string& when, const std::vector<Violation>& others);
};

using MayBeLost = std::function<bool(size_t sent)>;

struct Expectation {
  // The time in the history at which the image was taken: what was acknowledged by then counts.
  // Default: all that has happened.
  uint64_t as_of = SendHistory::kNever - 1;
  // If it is not known better: it was taken between `as_of` and this.
  uint64_t taken_by = 0;
  // The weakest level that survives what happened: kProcess the death of the process, kDisk the
  // loss of power.
  Durability survives = Durability::kProcess;
  // Damage may be found and reported. What was acknowledged with the level that survives is there
  // all the same; anything else may be missing where damage is.
  bool allows_damage = false;
  // Of what was acknowledged this may be gone, if the store says that something is. Null: nothing.
  MayBeLost may_be_lost = nullptr;
  bool may_be_silent = false;  // ... and if it does not say so, too
  // ... and of topics, too.
  bool may_lose_topics = false;
  // Open() may answer with an error, but not that the library broke a promise.
  bool may_be_refused = false;
  // The store may refuse appends: a device failed for good.
  bool allows_read_only = false;
  // No call of the file system ever failed, so no append may say that one did.
  bool is_faultless = false;
  // The store was opened behind what happened, and not before: what Open() says is about that.
  bool is_just_opened = false;
  // Also runs Verify() and reads topics in the order of the log.
  bool is_thorough = false;
  // Of an image: a directory of its disk that the library was asked to make beside the store.
  std::string beside = {};
  // Of an image: opens it again and again, for what takes several opens (image_oracle.h).
  bool opens_again = false;
};

Verdict Examine(MessageStore& store, const SendHistory& history, const Expectation& expectation);

// The same for a journal. Its records are sent to whatever one queue; SendHistory::AskTrim() and
// SettleTrim() say from where on they must be there.
Verdict Examine(CommitLog& journal, const SendHistory& history, const Expectation& expectation);

// Of a store that Open() refused with this.
Verdict Refused(const absl::Status& status, const Expectation& expectation);

// Another examination of the same log, opened again or with its indexes computed again: the same
// messages are delivered, at the same places, and groups are where they were, but for what may be
// lost. Anything else is a
// violation of `kind`.
void CheckSame(const Verdict& before, const SendHistory& history, Violation::Kind kind,
               Verdict& again, const MayBeLost& may_be_lost = nullptr);

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_ORACLE_H_
