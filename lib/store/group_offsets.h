// How far each consumer group is in each queue.

#ifndef WEIR_STORE_GROUP_OFFSETS_H_
#define WEIR_STORE_GROUP_OFFSETS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "index/indexer.h"
#include "index/log_index.h"
#include "log/segments.h"
#include "store/carried.h"
#include "store/state_appender.h"
#include "weir/message.h"

namespace weir::internal {

// kInvalidArgument unless it is 1 to kMaxGroupNameBytes bytes without control characters.
absl::Status CheckGroupName(absl::string_view group);

// A group wants to go on with `offset` in the queue.
struct QueueProgress {
  uint32_t number = 0;
  uint64_t offset = 0;
  friend bool operator==(const QueueProgress&, const QueueProgress&) = default;
};

class GroupOffsets final : public LogIndex, public Carried {
 public:
  static constexpr absl::string_view kName = "groups";

  // `indexer` saves what is said here. `appender` may be null: then nothing is ever committed or
  // carried.
  GroupOffsets(const Segments* segments, const Indexer* indexer, StateAppender* appender)
      : segments_(segments), indexer_(indexer), appender_(appender) {}

  // Any thread. Commits as one; nothing is waited for but room. kFailedPrecondition if one of them
  // would go back and `may_go_back` is false: then none is committed. Whoever wants it durable
  // waits for what is returned.
  absl::StatusOr<Reservation> Commit(absl::string_view group,
                                     absl::Span<const QueueProgress> progress, bool may_go_back,
                                     Deadline deadline) ABSL_LOCKS_EXCLUDED(mutex_);

  // nullopt: it never committed any.
  std::optional<uint64_t> Find(absl::string_view group, uint32_t number) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Groups that have committed in the queue and want messages below `end`.
  struct Behind {
    std::string group;
    uint64_t offset = 0;
  };
  std::vector<Behind> FindBehind(uint32_t number, uint64_t end) const ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::string> Groups() const ABSL_LOCKS_EXCLUDED(mutex_);
  // In the order of the queues' numbers.
  std::vector<QueueProgress> Of(absl::string_view group) const ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<uint64_t> Carry(LogPosition below) override ABSL_LOCKS_EXCLUDED(mutex_);

  absl::string_view name() const override { return kName; }
  absl::Status Apply(const ScannedRecord& record) override;
  std::string SaveAll(LogPosition to) const override { return SaveChanges(LogPosition(0), to); }
  std::string SaveChanges(LogPosition from, LogPosition to) const override;
  absl::Status Load(absl::string_view bytes) override;
  void Restart() override;

 private:
  struct Said {
    LogPosition position;  // by the record there
    uint64_t offset = 0;
  };
  // The newest last; of each segment that is not sealed yet at most one, since what is saved with a
  // segment may not show what was said behind it. Empty: room for what could not be said.
  using History = absl::InlinedVector<Said, 2>;
  using Queues = std::map<uint32_t, History>;

  void Say(const std::string& group, uint32_t number, Said said)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Segments* const segments_;
  const Indexer* const indexer_;
  StateAppender* const appender_;

  // Orders commits: each is tested and its place reserved under it. Nobody waits for room under it.
  mutable Mutex mutex_;
  std::map<std::string, Queues, std::less<>> groups_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::internal

#endif  // WEIR_STORE_GROUP_OFFSETS_H_
