// What producers sent and what they were told, in the order in which it happened: the testimony
// that the oracle holds against a store.
//
//   SendHistory history;
//   history.DeclareTopic("orders", 2);
//   const size_t sent = history.Send({.queues = {{"orders", 0}}, .body_bytes = 100});
//   history.Settle(sent, store->Append(history[sent].message(), {.durability = kDisk}));
//
// Every event has a time, a count of events. A crash image that was taken at some time is judged by
// what was known then: one history serves all moments of a run. Not for several threads at once.

#ifndef WEIR_TESTS_SUPPORT_SEND_HISTORY_H_
#define WEIR_TESTS_SUPPORT_SEND_HISTORY_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "weir/message.h"

namespace weir::testing {

struct QueueName {
  std::string topic;
  uint32_t queue_id = 0;
  friend auto operator<=>(const QueueName&, const QueueName&) = default;
};

// What is to be sent. The body is made by Send(): it begins with the message's identity.
struct Outgoing {
  std::vector<QueueName> queues;  // at least one; the others are the further queues
  size_t body_bytes = 8;          // at least kIdentityBytes
  std::string tag = {};
  std::string ordering_key = {};
  std::vector<std::string> keys = {};
  std::vector<std::pair<std::string, std::string>> properties = {};
  uint32_t producer = 0;
  uint64_t group = 0;  // NewGroup(), or 0
};

class SendHistory {
 public:
  static constexpr size_t kIdentityBytes = 8;
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  class Sent {
   public:
    // Views into this object, which never moves.
    Message message() const;

    const std::vector<QueueName>& queues() const { return what.queues; }
    bool IsAcknowledged(Durability level, uint64_t as_of) const {
      if (on_disk_at <= as_of) return true;
      return level < Durability::kDisk && in_process_at <= as_of && power_lost_at > as_of;
    }
    bool IsSettled(uint64_t as_of) const { return settled_at <= as_of; }
    bool HasReceipt(uint64_t as_of) const { return IsSettled(as_of) && receipt.has_value(); }
    bool IsRevoked(uint64_t as_of) const { return revoked_at <= as_of; }

    Outgoing what;
    std::string body;
    uint32_t sequence = 0;
    uint64_t sent_at = 0;
    uint64_t settled_at = kNever;  // the call returned
    // The call said that nothing was written, or the claim was given up: must never be delivered,
    // whenever the crash was.
    bool is_void = false;
    std::optional<Receipt> receipt;
    uint64_t in_process_at = kNever;  // acknowledged with this level since
    uint64_t on_disk_at = kNever;
    uint64_t power_lost_at = kNever;  // since then only what is on the disk counts
    uint64_t revoked_at = kNever;     // found lost by an open that was allowed to lose it

   private:
    friend class SendHistory;
    std::vector<QueueRef> further_queues;
  };

  struct TopicRecord {
    uint32_t queue_count = 0;
    uint64_t acknowledged_at = kNever;  // CreateTopic() returned
  };

  uint64_t now() const { return now_; }

  // A topic that may appear, and one that must.
  void DeclareTopic(const std::string& name, uint32_t queue_count);
  void AcknowledgeTopic(const std::string& name);
  const std::map<std::string, TopicRecord>& topics() const { return topics_; }

  uint64_t NewGroup() { return ++groups_; }
  size_t Send(const Outgoing& what);

  // What the call returned. kDataLoss and kInternal leave it open what became of the message; any
  // other error says that nothing was written.
  void Settle(size_t sent, const absl::StatusOr<Receipt>& result);
  void SettleGroup(const std::vector<size_t>& sent,
                   const absl::StatusOr<std::vector<Receipt>>& result);
  void GiveUp(size_t sent);
  // WaitFor() or a callback said so, or Flush() for all that have a receipt.
  void Reach(size_t sent, Durability level);
  void ReachAll(Durability level);
  // A journal's TrimTo(position) is called, and has returned OK with the log beginning at `begin`.
  void AskTrim(LogPosition position) { trims_asked_.emplace_back(++now_, position); }
  void SettleTrim(LogPosition begin) { trims_settled_.emplace_back(++now_, begin); }
  // Below the one records may be gone, below the other they must be.
  LogPosition may_begin_at(uint64_t as_of) const { return Furthest(trims_asked_, as_of); }
  LogPosition must_begin_at(uint64_t as_of) const { return Furthest(trims_settled_, as_of); }
  // The power went: until the next Reopen() nothing is known of what was not on the disk.
  void LosePower();
  // A store was opened after a crash and delivered these: the others are gone for good, and these
  // have reached this level.
  void Reopen(const std::vector<bool>& delivered, Durability level = Durability::kDisk);

  size_t size() const { return sent_.size(); }
  const Sent& operator[](size_t sent) const { return sent_[sent]; }
  // The message whose body this could be; nothing if no such message was ever sent.
  std::optional<size_t> Identify(absl::string_view body) const;

 private:
  using Trims = std::vector<std::pair<uint64_t, LogPosition>>;
  static LogPosition Furthest(const Trims& trims, uint64_t as_of);

  std::deque<Sent> sent_;
  Trims trims_asked_;  // with their times
  Trims trims_settled_;
  std::map<uint32_t, std::vector<size_t>> by_producer_;
  std::map<std::string, TopicRecord> topics_;
  uint64_t groups_ = 0;
  uint64_t now_ = 0;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_SEND_HISTORY_H_
