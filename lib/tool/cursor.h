// Where a read stands: in one queue of a topic, or in the topic as a whole, in the log's order.

#ifndef WEIR_TOOL_CURSOR_H_
#define WEIR_TOOL_CURSOR_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "weir/store.h"

namespace weir::tool {

class Cursor {
 public:
  // `from` is an offset if a queue is given, else a position.
  Cursor(MessageStore* store, Topic topic, absl::optional<uint64_t> queue, uint64_t from);

  // Reads up to `max` messages, waits up to `wait` for the first, and moves behind what it read.
  absl::StatusOr<ReadResult> Read(uint32_t max, absl::Duration wait);

  // "offset 12 of queue 3" or "position 4096".
  std::string Describe() const;
  uint64_t place() const { return place_; }

 private:
  MessageStore* const store_;
  const Topic topic_;
  const absl::optional<uint64_t> queue_;
  uint64_t place_;  // offset or position
};

}  // namespace weir::tool

#endif  // WEIR_TOOL_CURSOR_H_
