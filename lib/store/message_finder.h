// Finds messages by key, by time and by id: from a place that an index names to the message that
// stands there, and is the one that was meant.

#ifndef WEIR_STORE_MESSAGE_FINDER_H_
#define WEIR_STORE_MESSAGE_FINDER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "index/digests.h"
#include "index/key_lookup.h"
#include "index/sealed_segments.h"
#include "index/time_lookup.h"
#include "log/read_memory.h"
#include "store/message_reader.h"
#include "store/queue_cursor.h"
#include "store/topic_catalogue.h"
#include "weir/find.h"
#include "weir/message.h"

namespace weir::internal {

// Any thread. The public functions of the same names; see weir/store.h.
class MessageFinder {
 public:
  // Nothing is owned.
  MessageFinder(const QueueSources& sources, const Digests* digests, const MessageReader* reader);

  absl::StatusOr<FindResult> FindByKey(const Topic::Entry& topic, absl::string_view key,
                                       const FindOptions& options);

  absl::StatusOr<MessageId> IdOf(LogPosition position) const;
  absl::StatusOr<ReadResult> FindById(const MessageId& id) const;

  absl::StatusOr<QueueOffset> OffsetForTime(const Topic::Entry& topic, uint32_t queue_id,
                                            absl::Time time, Boundary boundary);
  absl::StatusOr<LogPosition> PositionForTime(absl::Time time);
  absl::StatusOr<TimeBounds> BoundsOf(const Topic::Entry& topic, uint32_t queue_id) const;
  absl::StatusOr<TimeBounds> BoundsOfStore();

  // The segment is dropped.
  void Forget(LogPosition segment_begin) { sealed_.Forget(segment_begin); }
  uint64_t filter_bytes() const { return sealed_.filter_bytes(); }

 private:
  struct Search;
  absl::Status SearchKey(const Search& search, FindResult& result, ReadMemory& memory) const;
  absl::Status NarrowByTime(const Search& search, KeyLookup::Wanted* wanted) const;
  static void GoOnBehind(LogPosition position, KeyLookup::Wanted* wanted);
  // Why no message of this id is at `place`, of which reading says `status`.
  absl::Status WhyMissing(const MessageId& id, LogPosition place, const absl::Status& status) const;
  // Where the older messages of a queue end and the others begin: between the two are claims.
  struct Border {
    QueueOffset behind_older;
    QueueOffset not_older;  // the queue's end if all are older
  };
  // Of the messages from `offset` on.
  absl::StatusOr<Border> BorderFrom(const Topic::Entry& topic, uint32_t queue_id,
                                    QueueOffset offset, std::optional<int64_t> nanos) const;
  absl::StatusOr<QueueOffset> LastBefore(const Topic::Entry& topic, uint32_t queue_id,
                                         QueueOffset offset) const;

  const QueueSources sources_;
  const MessageReader& reader_;
  SealedSegments sealed_;
  const KeyLookup keys_;
  const TimeLookup times_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_MESSAGE_FINDER_H_
