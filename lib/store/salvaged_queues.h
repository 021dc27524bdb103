// Which messages of which queues are left of a damaged log, which offsets are not, and what must be
// said in the place of lost records so that neither a topic's name nor a queue's end is forgotten.

#ifndef WEIR_STORE_SALVAGED_QUEUES_H_
#define WEIR_STORE_SALVAGED_QUEUES_H_

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "log/salvaged_segment.h"
#include "log/segment_scanner.h"
#include "store/topic_catalogue.h"
#include "weir/message.h"

namespace weir::internal {

struct SalvagedQueue {
  uint64_t messages = 0;
  uint64_t first = 0;  // from here on nothing was dropped
  uint64_t end = 0;    // behind the last offset that is left, or known to have been
  std::vector<std::pair<uint64_t, uint64_t>> lost;  // offsets, from and up to
};

// For one thread.
class SalvagedQueues {
 public:
  // What is known of a queue besides its records: from index files.
  using BoundsOf = std::function<QueueBounds(uint32_t number)>;

  // `catalogue` knows every topic that records or index files name.
  SalvagedQueues(const TopicCatalogue* catalogue, bool begins_at_zero, BoundsOf bounds_of)
      : catalogue_(*catalogue), begins_at_zero_(begins_at_zero), bounds_of_(std::move(bounds_of)) {}

  // Every record that is left, in the order of the log.
  void Apply(const ScannedRecord& record);
  // After the last one: what is known of the queues' ends.
  void Finish();

  // By queue number; those in which nothing ever was are left out.
  const std::map<uint32_t, SalvagedQueue>& queues() const { return queues_; }
  uint64_t messages() const { return messages_; }
  uint64_t journal_records() const { return journal_records_; }

  // Topics whose records are lost, and voids with the last offset of queues whose newest messages
  // are: without them the copy would give those numbers to others.
  std::list<StandIn> StandIns() const;

 private:
  struct Progress {
    uint64_t end = 0;  // behind the last offset that was met
    LogPosition position;
  };

  void Enter(uint32_t number, uint64_t offset, const ScannedRecord& record);

  const TopicCatalogue& catalogue_;
  const bool begins_at_zero_;
  const BoundsOf bounds_of_;
  std::map<uint32_t, SalvagedQueue> queues_;
  std::map<uint32_t, Progress> met_;
  std::set<uint32_t> topics_met_;  // by first queue number
  uint64_t messages_ = 0;
  uint64_t journal_records_ = 0;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_SALVAGED_QUEUES_H_
