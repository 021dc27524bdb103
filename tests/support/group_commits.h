// The offsets with which consumer groups were told to go on, in the order in which it happened, and
// which of them may be the answer of a store after a crash. Part of a history, which gives the
// time.

#ifndef WEIR_TESTS_SUPPORT_GROUP_COMMITS_H_
#define WEIR_TESTS_SUPPORT_GROUP_COMMITS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "weir/message.h"

namespace weir::testing {

class GroupCommits {
 public:
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  // A group, and a queue as SendHistory::NumberOf() has it.
  using Consumer = std::pair<std::string, uint32_t>;
  // What a store answered for each consumer that has committed something.
  using Answers = std::map<Consumer, QueueOffset>;

  // The call begins, and has returned. Any error but kDataLoss and kInternal says that nothing was
  // committed.
  size_t Ask(const Consumer& consumer, QueueOffset offset, uint64_t now);
  void Settle(size_t commit, const absl::StatusOr<Durability>& result, uint64_t now);
  // As in the history that this is a part of.
  void ReachAll(Durability level, uint64_t now);
  void LosePower(uint64_t now);
  void Reopen(const Answers& answers, Durability level, uint64_t now);

  std::vector<Consumer> Consumers() const;
  // The offsets that a store may answer which lost all that is weaker than `survives`: the last one
  // that was acknowledged by `as_of`, or one that was asked for behind it and by `taken_by`.
  struct Possible {
    bool may_be_none = true;  // nothing was acknowledged
    std::vector<QueueOffset> offsets;
  };
  Possible PossibleOf(const Consumer& consumer, Durability survives, uint64_t as_of,
                      uint64_t taken_by) const;

 private:
  struct Commit {
    QueueOffset offset;
    uint64_t asked_at = 0;
    bool is_settled = false;
    bool is_refused = false;
    uint64_t in_process_at = kNever;
    uint64_t on_disk_at = kNever;
    uint64_t power_lost_at = kNever;
    uint64_t revoked_at = kNever;  // an open did not find it

    bool IsAcknowledged(Durability level, uint64_t as_of) const {
      if (on_disk_at <= as_of) return true;
      return level < Durability::kDisk && in_process_at <= as_of && power_lost_at > as_of;
    }
  };

  void Reach(Commit& commit, Durability level, uint64_t now);

  std::vector<Commit> commits_;
  std::map<Consumer, std::vector<size_t>> by_consumer_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_GROUP_COMMITS_H_
