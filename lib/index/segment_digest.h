// What look-ups need of one segment, taken from its records as they are met in the log: where keys
// are, and when messages were stored. The same at run time, at open, and when an index file is
// computed again.

#ifndef WEIR_INDEX_SEGMENT_DIGEST_H_
#define WEIR_INDEX_SEGMENT_DIGEST_H_

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "format/key_table.h"
#include "index/index_file_writer.h"
#include "index/segment_keys.h"
#include "index/segment_queries.h"
#include "log/segment_scanner.h"
#include "weir/message.h"

namespace weir::internal {

// The queues of a topic: a key is looked for in a topic, and a record knows queues.
struct QueueRange {
  uint32_t first = 0;
  uint32_t count = 0;  // 0: nobody knows the topic
  bool has(uint32_t number) const { return number - first < count; }
};
// Those of the topic that a queue belongs to.
using TopicQueues = std::function<QueueRange(uint32_t number)>;

// Store times of the messages of a segment.
struct StoreTimes {
  int64_t first = 0;  // both 0 if there is none
  int64_t last = 0;
  bool is_empty = true;
};

// One thread applies; the rest is for any.
class SegmentDigest {
 public:
  SegmentDigest(LogPosition segment_begin, uint64_t hash_seed, TopicQueues topic_queues)
      : segment_begin_(segment_begin),
        hash_seed_(hash_seed),
        topic_queues_(std::move(topic_queues)) {}

  // The segment's records, in their order; one that was applied before is left out. If it throws
  // nothing happened.
  void Apply(const ScannedRecord& record);
  // The device did not give all of the segment.
  void MarkIncomplete();

  LogPosition segment_begin() const { return segment_begin_; }
  uint64_t hash_seed() const { return hash_seed_; }
  bool is_incomplete() const;
  StoreTimes times() const;
  const SegmentKeys& keys() const { return keys_; }
  // Where `time` begins, if the first message is older and the last one is not. The segment ends at
  // `segment_end`.
  TimeStretch FindTime(int64_t time, LogPosition segment_end) const;

  // Adds all of it to the segment's file.
  absl::Status AddTo(IndexFileWriter& writer) const;

  uint64_t memory_bytes() const;

 private:
  // Of all topics that the message is in.
  void CollectKeys(const ScannedRecord& record);
  void AddKeysOf(uint32_t queue_number, absl::Span<const absl::string_view> keys, uint32_t word);

  const LogPosition segment_begin_;
  const uint64_t hash_seed_;
  const TopicQueues topic_queues_;
  SegmentKeys keys_;

  // Only of the thread that applies.
  QueueRange topic_;                 // the last one that was asked for
  std::vector<KeyEntry> of_record_;  // kept for its memory

  mutable Mutex mutex_;
  LogPosition applied_end_ ABSL_GUARDED_BY(mutex_);
  StoreTimes times_ ABSL_GUARDED_BY(mutex_);
  std::vector<TimeSample> samples_ ABSL_GUARDED_BY(mutex_);
  bool is_incomplete_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_SEGMENT_DIGEST_H_
