// The store without features: opens the layers in order, owns them, and appends.

#ifndef WEIR_STORE_ENGINE_H_
#define WEIR_STORE_ENGINE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "index/consume_queues.h"
#include "index/digests.h"
#include "index/index_files.h"
#include "index/indexer.h"
#include "log/commit_log.h"
#include "log/own_log_view.h"
#include "store/group_offsets.h"
#include "store/latest_budget.h"
#include "store/latest_carrier.h"
#include "store/latest_finder.h"
#include "store/latest_keys.h"
#include "store/message_finder.h"
#include "store/message_plan.h"
#include "store/message_planner.h"
#include "store/message_reader.h"
#include "store/queue_ends.h"
#include "store/retainer.h"
#include "store/retention_clock.h"
#include "store/seal_observer.h"
#include "store/state_appender.h"
#include "store/topic_catalogue.h"
#include "store/topic_totals.h"
#include "store/topic_writer.h"
#include "weir/hooks.h"
#include "weir/options.h"

namespace weir::internal {

class Engine {
 public:
  static absl::StatusOr<std::unique_ptr<Engine>> Open(const StoreOptions& options);

  // The public functions of the same names; see weir/store.h.
  absl::StatusOr<Topic> CreateTopic(absl::string_view name, const TopicOptions& options);
  absl::Status AlterTopic(const Topic::Entry& topic, const TopicOptions& options);
  absl::Status DeleteTopic(const Topic::Entry& topic);
  // Of queues of one topic, none named twice.
  absl::Status Purge(const Topic::Entry& topic, absl::Span<const QueuePurge> purges);
  absl::StatusOr<Topic> OpenTopic(absl::string_view name);
  absl::StatusOr<Receipt> Append(const Message& message, const AppendOptions& options);
  absl::StatusOr<std::vector<Receipt>> AppendAll(absl::Span<const Message> messages,
                                                 const AppendOptions& options);
  absl::Status AppendAsync(const Message& message, const AppendOptions& options,
                           AppendCallback callback);

  // A claim for a body of `body_bytes`; `body` is where it goes. Then one of the two others.
  struct Claimed {
    Reservation reservation;
    MessagePlan plan;
    char* body = nullptr;
    VoidPositions::Ticket void_ticket;
  };
  absl::StatusOr<Claimed> Claim(const Message& message, size_t body_bytes, absl::Duration timeout);
  absl::StatusOr<Receipt> Commit(Claimed& claimed, size_t bytes, const AppendOptions& options);
  void Abandon(Claimed& claimed);

  // A step: takes keys and times from the log, and seals segments.
  absl::Duration SealStep();
  // Makes durable and seals what can be, for Close(): the next open need not read it again. What
  // fails here stays as it is after a crash.
  void SealAll();

  CommitLog& log() { return *log_; }
  const CommitLog& log() const { return *log_; }
  OwnLogView& view() { return view_; }
  TopicCatalogue& catalogue() { return catalogue_; }
  GroupOffsets& groups() { return groups_; }
  LatestKeys& latest_keys() { return latest_keys_; }
  const LatestCarrier& latest_carrier() const { return latest_carrier_; }
  Retainer& retainer() { return retainer_; }
  ConsumeQueues& queues() { return queues_; }
  Digests& digests() { return digests_; }
  IndexFiles& index_files() { return files_; }
  Indexer& indexer() { return indexer_; }
  MessageReader& reader() { return reader_; }
  MessageFinder& finder() { return finder_; }
  LatestFinder& latest_finder() { return latest_finder_; }

 private:
  explicit Engine(std::unique_ptr<CommitLog> log);
  absl::Status Start();
  // Index files of segments that were dropped; who dropped them died before he came to these.
  void RemoveOrphans();

  absl::StatusOr<bool> SealSome();
  void RingFor(const MessagePlan& plan);
  // One that is committed with less was counted with all that it claimed.
  void CountShorter(const Claimed& claimed, uint32_t record_bytes);
  // Makes voids of what was planned and has a place, one behind the other from `first` on, and
  // returns the promise that was broken.
  absl::Status GiveUp(absl::Span<const MessagePlan> plans, LogPosition first,
                      const Reservation& place);
  absl::Status GiveUpClaim(Claimed& claimed);
  // What is given up was counted as a message, under the append lock as now.
  void CountVoid(const MessagePlan& plan);
  // The same with the receipt where the caller will find it.
  absl::Status AppendTo(const Message& message, const AppendOptions& options, Receipt* receipt);
  // Fills in the receipt of what is published, and waits for what is asked.
  absl::Status Finish(const MessagePlan& plan, const Reservation& reservation,
                      const AppendOptions& options, Deadline deadline, Receipt* receipt);

  const std::unique_ptr<CommitLog> log_;
  OwnLogView view_;
  ConsumeQueues queues_;
  TopicCatalogue catalogue_;
  TopicWriter topics_;
  LatestBudget latest_budget_;
  MessagePlanner planner_;
  TopicTotals totals_;
  StateAppender ends_appender_;
  QueueEnds ends_;
  StateAppender groups_appender_;
  GroupOffsets groups_;
  StateAppender time_appender_;
  RetentionClock retention_clock_;
  StateAppender latest_appender_;
  LatestKeys latest_keys_;
  Digests digests_;
  IndexFiles files_;
  SealObserver seal_observer_;
  Indexer indexer_;
  MessageReader reader_;
  LatestCarrier latest_carrier_;
  Retainer retainer_;
  MessageFinder finder_;
  LatestFinder latest_finder_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_ENGINE_H_
