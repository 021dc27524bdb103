// Reads messages: from a queue forwards and backwards, from a topic in the order of the log, and
// from a position. Every record is verified, and checked to be what its entry says.

#ifndef WEIR_STORE_MESSAGE_READER_H_
#define WEIR_STORE_MESSAGE_READER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "log/read_memory.h"
#include "store/queue_cursor.h"
#include "store/topic_catalogue.h"
#include "store/wanted.h"
#include "weir/hooks.h"
#include "weir/options.h"

namespace weir::internal {

// Any thread.
class MessageReader {
 public:
  MessageReader(const QueueSources& sources, TopicCatalogue* catalogue)
      : sources_(sources), catalogue_(catalogue) {}

  // The public functions of the same names, without waiting.
  absl::StatusOr<ReadResult> Read(const Topic::Entry& topic, uint32_t queue_id, QueueOffset offset,
                                  const ReadOptions& options, const Wanted& wanted) const;
  absl::StatusOr<ReadResult> ReadBackwards(const Topic::Entry& topic, uint32_t queue_id,
                                           QueueOffset offset, const ReadOptions& options,
                                           const Wanted& wanted) const;
  absl::StatusOr<ReadResult> ReadTopic(const Topic::Entry& topic, LogPosition position,
                                       const ReadOptions& options, const Wanted& wanted) const;
  absl::StatusOr<ReadResult> ReadAt(LogPosition position) const;
  QueueBounds Bounds(uint32_t number) const;

  // Whether a read of the queue at `offset` would find something new.
  bool HasMore(uint32_t number, uint64_t offset) const;

 private:
  void SettleFirst(uint32_t number) const;
  // Its first may be that of messages that were dropped.
  QueueBounds VisibleBounds(uint32_t number) const;
  // The outcome of a read that found nothing at `offset`, which is no smaller than the first.
  absl::Status EndOf(uint32_t number, QueueOffset offset, ReadResult& result) const;
  // The views lie in `memory`.
  absl::Status ReadInto(const Topic::Entry& topic, uint32_t queue_id, QueueOffset offset,
                        const ReadOptions& options, const Wanted& wanted, ReadResult& result,
                        ReadMemory& memory) const;
  absl::Status ReadBackwardsInto(const Topic::Entry& topic, uint32_t queue_id, QueueOffset offset,
                                 const ReadOptions& options, const Wanted& wanted,
                                 ReadResult& result, ReadMemory& memory) const;
  absl::Status ReadTopicInto(const Topic::Entry& topic, LogPosition position,
                             const ReadOptions& options, const Wanted& wanted, ReadResult& result,
                             ReadMemory& memory) const;

  const QueueSources sources_;
  TopicCatalogue* const catalogue_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_MESSAGE_READER_H_
