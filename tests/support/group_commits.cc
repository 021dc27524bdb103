#include "support/group_commits.h"

#include <algorithm>

#include "absl/status/status.h"

namespace weir::testing {

size_t GroupCommits::Ask(const Consumer& consumer, QueueOffset offset, uint64_t now) {
  by_consumer_[consumer].push_back(commits_.size());
  commits_.push_back({.offset = offset, .asked_at = now});
  return commits_.size() - 1;
}

void GroupCommits::Settle(size_t commit, const absl::StatusOr<Durability>& result, uint64_t now) {
  Commit& settled = commits_[commit];
  settled.is_settled = true;
  if (result.ok()) return Reach(settled, *result, now);
  settled.is_refused = !absl::IsDataLoss(result.status()) && !absl::IsInternal(result.status());
}

void GroupCommits::Reach(Commit& commit, Durability level, uint64_t now) {
  if (level >= Durability::kProcess) commit.in_process_at = std::min(commit.in_process_at, now);
  if (level >= Durability::kDisk) commit.on_disk_at = std::min(commit.on_disk_at, now);
}

void GroupCommits::ReachAll(Durability level, uint64_t now) {
  for (Commit& commit : commits_) {
    if (commit.is_settled && !commit.is_refused) Reach(commit, level, now);
  }
}

void GroupCommits::LosePower(uint64_t now) {
  for (Commit& commit : commits_) commit.power_lost_at = std::min(commit.power_lost_at, now);
}

void GroupCommits::Reopen(const Answers& answers, Durability level, uint64_t now) {
  for (const auto& [consumer, commits] : by_consumer_) {
    const auto answer = answers.find(consumer);
    // The last one that says what was answered; what came behind it is gone.
    bool is_found = false;
    for (size_t i = commits.size(); i-- > 0;) {
      Commit& commit = commits_[commits[i]];
      if (commit.is_refused || commit.revoked_at != kNever) continue;
      is_found |= answer != answers.end() && answer->second == commit.offset;
      if (is_found) {
        Reach(commit, level == Durability::kDisk ? level : Durability::kProcess, now);
        break;
      }
      commit.revoked_at = now;
    }
  }
}

std::vector<GroupCommits::Consumer> GroupCommits::Consumers() const {
  std::vector<Consumer> consumers;
  for (const auto& [consumer, commits] : by_consumer_) consumers.push_back(consumer);
  return consumers;
}

GroupCommits::Possible GroupCommits::PossibleOf(const Consumer& consumer, Durability survives,
                                                uint64_t as_of, uint64_t taken_by) const {
  Possible possible;
  const auto commits = by_consumer_.find(consumer);
  if (commits == by_consumer_.end()) return possible;
  for (size_t i = commits->second.size(); i-- > 0;) {
    const Commit& commit = commits_[commits->second[i]];
    if (commit.asked_at > taken_by || commit.is_refused || commit.revoked_at <= as_of) continue;
    possible.offsets.push_back(commit.offset);
    if (!commit.IsAcknowledged(survives, as_of)) continue;
    possible.may_be_none = false;
    break;
  }
  return possible;
}

}  // namespace weir::testing
