#include "store/dropped_offsets.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace weir::internal {

std::vector<DroppedOffsets> NameDropped(absl::Span<const SeenOffset> left_out,
                                        const TopicCatalogue& catalogue) {
  std::map<uint32_t, std::pair<uint64_t, uint64_t>> queues;
  for (const SeenOffset& seen : left_out) {
    const auto [queue, is_new] =
        queues.try_emplace(seen.queue_number, seen.queue_offset, seen.queue_offset + 1);
    queue->second.first = std::min(queue->second.first, seen.queue_offset);
    queue->second.second = std::max(queue->second.second, seen.queue_offset + 1);
  }
  std::vector<DroppedOffsets> dropped;
  for (const auto& [number, offsets] : queues) {
    const Topic::Entry* const topic = catalogue.OfQueue(number);
    dropped.push_back({.topic = topic == nullptr ? "" : std::string(topic->name),
                       .queue_id = topic == nullptr ? number : number - topic->first_queue,
                       .first = QueueOffset(offsets.first),
                       .end = QueueOffset(offsets.second)});
  }
  return dropped;
}

}  // namespace weir::internal
