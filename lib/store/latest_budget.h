// Whether there may be one more key, or a larger message of one: what has to be carried for ever
// may take half of the store's bytes, or nothing could ever be dropped. Half of those in which
// whole segments are kept, since the last five are not to be had; and a quarter where they are few
// and their index files take much.

#ifndef WEIR_STORE_LATEST_BUDGET_H_
#define WEIR_STORE_LATEST_BUDGET_H_

#include <cstdint>

#include "absl/status/status.h"
#include "index/indexer.h"
#include "log/commit_log.h"
#include "store/latest_keys.h"
#include "store/message_plan.h"

namespace weir::internal {

// Any thread.
class LatestBudget {
 public:
  // Nothing is owned.
  LatestBudget(const CommitLog* log, Indexer* indexer, const LatestKeys* keys)
      : log_(*log), indexer_(*indexer), keys_(*keys) {}

  // kResourceExhausted if what the message adds to what has to be carried is too much, besides
  // `*planned_bytes` of other messages of its batch; else adds to those. Appends that are not
  // published yet may exceed it by what they add.
  absl::Status Admit(const MessagePlan& plan, uint64_t* planned_bytes) const;

  // How many bytes copies of all keys may have.
  uint64_t Limit() const;

 private:
  absl::Status AdmitTo(const Topic::Entry& topic, const MessagePlan& plan,
                       uint64_t* planned_bytes) const;

  const CommitLog& log_;
  Indexer& indexer_;
  const LatestKeys& keys_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_LATEST_BUDGET_H_
