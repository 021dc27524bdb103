// What a power loss took, in the words of who reads the report: by topic and queue.

#ifndef WEIR_STORE_DROPPED_OFFSETS_H_
#define WEIR_STORE_DROPPED_OFFSETS_H_

#include <vector>

#include "absl/types/span.h"
#include "log/tail_scan.h"
#include "store/topic_catalogue.h"
#include "weir/hooks.h"

namespace weir::internal {

// One entry for each queue that an offset of `left_out` is of, by queue number.
std::vector<DroppedOffsets> NameDropped(absl::Span<const SeenOffset> left_out,
                                        const TopicCatalogue& catalogue);

}  // namespace weir::internal

#endif  // WEIR_STORE_DROPPED_OFFSETS_H_
