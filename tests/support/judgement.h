// What was delivered, held against what was sent: the part of the oracle that stores and journals
// share. Who reads one tells this object what he finds, and asks it for the verdict at the end.

#ifndef WEIR_TESTS_SUPPORT_JUDGEMENT_H_
#define WEIR_TESTS_SUPPORT_JUDGEMENT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "support/oracle.h"
#include "support/send_history.h"
#include "weir/hooks.h"
#include "weir/message.h"

namespace weir::testing {

class Judgement {
 public:
  Judgement(const SendHistory& history, const Expectation& expectation);

  template <typename... Parts>
  void Report(Violation::Kind kind, const Parts&... parts) {
    verdict_.Add(kind, absl::StrCat(parts...));
  }
  // A call that should have succeeded.
  void ReportError(absl::string_view what, const absl::Status& status);

  // I11, of the state now and of those that were heard of.
  void CheckState(StoreState state, absl::string_view reason);
  // What the store says of its last open.
  void CheckRecovery(const RecoveryReport& report);
  void NoteDamage(const DamagedRange& range);
  void NoteFinding(std::string text);  // something is not as it was left, and nothing is lost by it

  struct Delivery {
    LogPosition position;
    uint64_t bytes = 0;                   // of the record, as far as it is known
    std::optional<Verdict::Place> place;  // a journal has none
    absl::string_view body;
  };
  // I3. The message as it was sent; null if it never was.
  const SendHistory::Sent* CheckDelivered(const Delivery& delivery);
  // I4: so many offsets of a queue hold no message.
  void CheckDense(uint32_t queue, uint64_t gaps);

  // I5: how far the store says that the group is in a queue that ends there.
  void CheckGroup(const GroupCommits::Consumer& consumer, const absl::StatusOr<QueueOffset>& answer,
                  QueueOffset end);

  // Messages of the queue below that offset were purged, or are gone with their topic: they may be
  // missing.
  void ExcuseBelow(uint32_t queue, QueueOffset offset) { excused_[queue] = offset; }
  // The queue goes on there: no offset below is given again.
  void NoteEnd(uint32_t queue, QueueOffset end) { ends_[queue] = end; }

  // I1, I2, I4 and I9, when everything was read. What lies below may have been dropped.
  void CheckSent(LogPosition may_begin_at = LogPosition(0));

  // A word for a message, or for a place.
  static std::string Name(const SendHistory::Sent& sent);
  std::string Name(const Delivery& delivery) const;

  Verdict& verdict() { return verdict_; }

 private:
  bool IsAllowedToBeLost(size_t sent) const {
    return expectation_.may_be_lost != nullptr && expectation_.may_be_lost(sent);
  }
  // ... and the store has said so, if it must.
  bool MayBeLost(size_t sent) const {
    return (verdict_.tells_loss || expectation_.may_be_silent) && IsAllowedToBeLost(sent);
  }
  bool IsInDamage(LogPosition position) const;
  uint64_t taken_by() const {
    return expectation_.taken_by > expectation_.as_of ? expectation_.taken_by : expectation_.as_of;
  }

  // Whether the message may have been dropped or purged.
  bool MayBeDropped(size_t sent) const;
  void CheckNotGivenAgain(size_t sent);
  void CheckMissing(size_t sent);
  void CheckPlaces(size_t sent);
  void CheckOrder();
  bool IsMissing(size_t sent) const;
  void CheckOrderingKeys();
  void CheckBatches();
  void CheckAnswers();

  const SendHistory& history_;
  const Expectation& expectation_;
  Verdict verdict_;
  std::vector<DamagedRange> damage_;
  LogPosition last_delivered_;
  LogPosition may_begin_at_;
  std::map<uint32_t, QueueOffset> excused_;  // by queue
  std::map<uint32_t, QueueOffset> ends_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_JUDGEMENT_H_
