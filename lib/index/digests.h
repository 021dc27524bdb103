// The digests of the segments that are not sealed.

#ifndef WEIR_INDEX_DIGESTS_H_
#define WEIR_INDEX_DIGESTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/status_macros.h"
#include "index/segment_digest.h"
#include "log/segment_scanner.h"
#include "weir/message.h"

namespace weir::internal {

// One thread applies and forgets; the rest is for any. Of a sealed segment the index file tells.
class Digests {
 public:
  Digests(uint64_t hash_seed, TopicQueues topic_queues)
      : hash_seed_(hash_seed), topic_queues_(std::move(topic_queues)) {}

  uint64_t hash_seed() const { return hash_seed_; }
  // Of no segment yet: for who computes an index file again.
  SegmentDigest New(LogPosition segment_begin) const {
    return SegmentDigest(segment_begin, hash_seed_, topic_queues_);
  }

  // Applies a record of the segment that begins there. If it throws nothing happened.
  void Apply(LogPosition segment_begin, const ScannedRecord& record) {
    if (record.header.type == RecordType::kMessage) Of(segment_begin)->Apply(record);
  }
  void MarkIncomplete(LogPosition segment_begin) { Of(segment_begin)->MarkIncomplete(); }

  // Oldest first. There is none of a segment without messages.
  using List = std::vector<std::shared_ptr<const SegmentDigest>>;
  List All() const {
    MutexLock lock(mutex_);
    List all;
    all.reserve(digests_.size());
    for (const auto& [begin, digest] : digests_) all.push_back(digest);
    return all;
  }
  // Null if the segment has no messages.
  std::shared_ptr<const SegmentDigest> Find(LogPosition segment_begin) const {
    MutexLock lock(mutex_);
    const auto found = digests_.find(segment_begin);
    return found == digests_.end() ? nullptr : found->second;
  }

  // Segments that begin below `position` are sealed, or gone.
  void ForgetBelow(LogPosition position) {
    std::vector<std::shared_ptr<SegmentDigest>> forgotten;  // freed without the lock
    MutexLock lock(mutex_);
    for (auto at = digests_.begin(); at != digests_.end() && at->first < position;) {
      HOLDS(at->second->segment_begin() == at->first);
      forgotten.push_back(std::move(at->second));
      at = digests_.erase(at);
    }
    HOLDS(digests_.empty() || digests_.begin()->first >= position);
  }

  uint64_t memory_bytes() const {
    MutexLock lock(mutex_);
    uint64_t bytes = 0;
    for (const auto& [begin, digest] : digests_) bytes += digest->memory_bytes();
    return bytes;
  }

 private:
  std::shared_ptr<SegmentDigest> Of(LogPosition segment_begin);

  const uint64_t hash_seed_;
  const TopicQueues topic_queues_;
  mutable Mutex mutex_;
  std::map<LogPosition, std::shared_ptr<SegmentDigest>> digests_ ABSL_GUARDED_BY(mutex_);
};

inline std::shared_ptr<SegmentDigest> Digests::Of(LogPosition segment_begin) {
  MutexLock lock(mutex_);
  if (!digests_.empty() && digests_.rbegin()->first == segment_begin) {
    return digests_.rbegin()->second;
  }
  const auto found = digests_.find(segment_begin);
  if (found != digests_.end()) {
    HOLDS(found->second->segment_begin() == segment_begin);
    return found->second;
  }
  // Records are applied in the order of the log.
  HOLDS(digests_.empty() || digests_.rbegin()->first < segment_begin);
  auto digest = std::make_shared<SegmentDigest>(segment_begin, hash_seed_, topic_queues_);
  digests_.emplace(segment_begin, digest);
  return digest;
}

}  // namespace weir::internal

#endif  // WEIR_INDEX_DIGESTS_H_
