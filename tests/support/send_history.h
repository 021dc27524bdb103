// What producers sent and what they were told, in the order in which it happened: the testimony
// that the oracle holds against a store.
//
//   SendHistory history;
//   history.DeclareTopic("orders", 2);
//   const size_t sent = history.Send({.queues = {{"orders", 0}}, .body_bytes = 100});
//   history.Settle(sent, store->Append(history[sent].message(), {.durability = kDisk}));
//
// Every event has a time, a count of events. A crash image that was taken at some time is judged by
// what was known then: one history serves all moments of a run. Not for several threads at once;
// events of several producers are taken down in an order in which they can have happened: a send
// before its call, an answer behind it.

#ifndef WEIR_TESTS_SUPPORT_SEND_HISTORY_H_
#define WEIR_TESTS_SUPPORT_SEND_HISTORY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "support/group_commits.h"
#include "support/parcel.h"
#include "weir/hooks.h"
#include "weir/message.h"

namespace weir::testing {

class SendHistory {
 public:
  static constexpr LogPosition kAnywhere{std::numeric_limits<uint64_t>::max()};
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  class Sent : public Parcel {
   public:
    using Parcel::Parcel;

    bool IsAcknowledged(Durability level, uint64_t as_of) const {
      if (on_disk_at <= as_of) return true;
      return level < Durability::kDisk && in_process_at <= as_of && power_lost_at > as_of;
    }
    bool IsSettled(uint64_t as_of) const { return settled_at <= as_of; }
    bool HasReceipt(uint64_t as_of) const { return IsSettled(as_of) && receipt.has_value(); }
    bool IsRevoked(uint64_t as_of) const { return revoked_at <= as_of; }
    // Whether, once it was sent, a number of its queue may belong to nobody because of it: its
    // claim was given up, its append failed on the way, or a death came first.
    bool MayBeVoid(uint64_t as_of) const { return !IsSettled(as_of) || may_have_place; }

    uint32_t producer_ordinal = 0;        // among the producers of this history
    std::vector<uint32_t> queue_numbers;  // NumberOf() its queues
    uint64_t sent_at = 0;
    uint64_t settled_at = kNever;  // the call returned
    // The call said that nothing was written, or the claim was given up: must never be delivered,
    // whenever the crash was.
    bool is_void = false;
    bool may_have_place = false;             // there is no receipt, but a place may have been taken
    std::optional<absl::StatusCode> answer;  // of the call, if there was one
    std::optional<Receipt> receipt;
    uint64_t in_process_at = kNever;  // acknowledged with this level since
    uint64_t on_disk_at = kNever;
    uint64_t power_lost_at = kNever;  // since then only what is on the disk counts
    uint64_t revoked_at = kNever;     // found lost by an open that was allowed to lose it
  };

  struct TopicRecord {
    uint32_t queue_count = 0;
    uint64_t acknowledged_at = kNever;    // CreateTopic() returned
    uint64_t deletion_asked_at = kNever;  // DeleteTopic() was called
    uint64_t deleted_at = kNever;         // ... and returned
  };

  // Bodies of histories with different seeds are different.
  explicit SendHistory(uint64_t seed = 0) : seed_(seed) {}
  SendHistory(SendHistory&&) = default;

  uint64_t now() const { return now_; }

  // A topic that may appear, and one that must.
  void DeclareTopic(const std::string& name, uint32_t queue_count);
  void AcknowledgeTopic(const std::string& name);
  // DeleteTopic() is called, and has returned OK. The topic is not made again.
  void AskDeletion(const std::string& name) { topics_.at(name).deletion_asked_at = ++now_; }
  void SettleDeletion(const std::string& name) { topics_.at(name).deleted_at = ++now_; }
  const std::map<std::string, TopicRecord>& topics() const { return topics_; }
  // A topic that comes and goes, and of whose messages nothing is told here.
  void SetAside(const std::string& topic) { aside_.insert(topic); }
  bool IsAside(const std::string& topic) const { return aside_.contains(topic); }
  // Queues as numbers; those of one topic share all but the last 16 bits.
  uint32_t NumberOf(const QueueName& queue) const;
  QueueName NameOf(uint32_t number) const;
  std::string QueueText(uint32_t number) const;
  static bool IsOneTopic(uint32_t queue, uint32_t other) { return queue >> 16 == other >> 16; }

  uint64_t NewGroup() { return ++groups_made_; }
  size_t Send(const Outgoing& what);
  // With a body of the sender's own, by which alone it is known: no two may be the same.
  size_t Send(const Outgoing& what, const std::string& body);

  // What the call returned. kDataLoss and kInternal leave it open what became of the message; any
  // other error says that nothing was written.
  void Settle(size_t sent, const absl::StatusOr<Receipt>& result);
  void SettleGroup(const std::vector<size_t>& sent,
                   const absl::StatusOr<std::vector<Receipt>>& result);
  void GiveUp(size_t sent);
  // WaitFor() or a callback said so, or Flush() for all that have a receipt.
  void Reach(size_t sent, Durability level);
  void ReachAll(Durability level);
  // CommitOffset() is called, and has returned.
  size_t AskCommit(const std::string& group, const QueueName& queue, QueueOffset offset) {
    return commits_.Ask({group, NumberOf(queue)}, offset, ++now_);
  }
  void SettleCommit(size_t commit, const absl::StatusOr<Durability>& result) {
    commits_.Settle(commit, result, ++now_);
  }
  const GroupCommits& commits() const { return commits_; }
  // A journal's TrimTo(position) is called, and has returned OK with the log beginning at `begin`;
  // or retention may drop what lies below, and has dropped it.
  void AskTrim(LogPosition position) { trims_asked_.emplace_back(++now_, position); }
  void SettleTrim(LogPosition begin) { trims_settled_.emplace_back(++now_, begin); }
  // A policy of the store's own may drop anything, and whenever it likes.
  void MayDropByItself() { AskTrim(kAnywhere); }
  bool may_drop_by_itself(uint64_t as_of) const { return may_begin_at(as_of) == kAnywhere; }
  // Below the one records may be gone, below the other they must be.
  LogPosition may_begin_at(uint64_t as_of) const { return Furthest(trims_asked_, as_of); }
  LogPosition must_begin_at(uint64_t as_of) const { return Furthest(trims_settled_, as_of); }
  // PurgeQueue(queue, first) is called, and has returned OK.
  void AskPurge(const QueueName& queue, QueueOffset first) {
    purges_asked_[NumberOf(queue)].emplace_back(++now_, first);
  }
  void SettlePurge(const QueueName& queue, QueueOffset first) {
    purges_settled_[NumberOf(queue)].emplace_back(++now_, first);
  }
  // Messages of the queue below the one may be gone, below the other they must be.
  QueueOffset may_begin_at(uint32_t queue, uint64_t as_of) const {
    return FurthestOf(purges_asked_, queue, as_of);
  }
  QueueOffset must_begin_at(uint32_t queue, uint64_t as_of) const {
    return FurthestOf(purges_settled_, queue, as_of);
  }
  // The power went: until the next Reopen() nothing is known of what was not on the disk.
  void LosePower();
  // Whether it went and no store was opened since.
  bool IsPowerLost(uint64_t as_of) const;
  // The process is dead: what it had sent stands before all that anybody sends from now on. Said by
  // LosePower() and Reopen() too.
  void Die() { deaths_.push_back(++now_); }
  const std::vector<uint64_t>& deaths() const { return deaths_; }
  // A store was opened after a crash, delivered these and answered groups this: the others are gone
  // for good, and these have reached this level.
  void Reopen(const std::vector<bool>& delivered, Durability level = Durability::kDisk,
              const GroupCommits::Answers& answers = {});
  // The store said that this is its state now.
  void HearState(StoreState state) { states_.push_back(state); }
  const std::vector<StoreState>& states() const { return states_; }

  size_t size() const { return sent_.size(); }
  const Sent& operator[](size_t sent) const { return sent_[sent]; }
  // Those with a receipt, in the order of the receipts.
  const std::vector<size_t>& settled() const { return settled_; }
  const std::map<uint64_t, std::vector<size_t>>& groups() const { return groups_; }
  size_t producers() const { return by_producer_.size(); }
  // The message of this producer and sequence; nothing if no such message was ever sent.
  std::optional<size_t> Find(BodyIdentity identity) const;
  // The one whose body this could be.
  std::optional<size_t> Identify(absl::string_view body) const;

 private:
  // With their times.
  template <typename Place>
  using Moves = std::vector<std::pair<uint64_t, Place>>;
  using Purges = std::map<uint32_t, Moves<QueueOffset>>;  // by queue
  struct Producer {
    uint32_t ordinal = 0;
    std::vector<size_t> sent;  // by sequence
  };

  size_t Add(const Outgoing& what, const std::string* own_body);
  template <typename Place>
  static Place Furthest(const Moves<Place>& moves, uint64_t as_of);
  static QueueOffset FurthestOf(const Purges& purges, uint32_t queue, uint64_t as_of);

  const uint64_t seed_;
  std::deque<Sent> sent_;
  std::vector<size_t> settled_;
  std::map<uint64_t, std::vector<size_t>> groups_;
  Moves<LogPosition> trims_asked_;
  Moves<LogPosition> trims_settled_;
  Purges purges_asked_;
  Purges purges_settled_;
  std::vector<StoreState> states_;
  GroupCommits commits_;
  std::vector<uint64_t> deaths_;                   // their times
  std::vector<std::pair<uint64_t, bool>> powers_;  // with their times: lost, or opened since
  std::map<uint32_t, Producer> by_producer_;
  std::map<std::string, size_t, std::less<>> by_own_body_;
  std::map<std::string, TopicRecord> topics_;
  std::set<std::string> aside_;
  std::map<std::string, uint32_t> topic_ordinals_;  // of all that were sent to
  uint64_t groups_made_ = 0;
  uint64_t now_ = 0;
};

template <typename Place>
Place SendHistory::Furthest(const Moves<Place>& moves, uint64_t as_of) {
  Place furthest;
  for (const auto& [time, place] : moves) {
    if (time <= as_of) furthest = std::max(furthest, place);
  }
  return furthest;
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_SEND_HISTORY_H_
