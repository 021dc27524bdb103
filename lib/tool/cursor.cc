#include "tool/cursor.h"

#include "absl/strings/str_cat.h"

namespace weir::tool {

Cursor::Cursor(MessageStore* store, Topic topic, absl::optional<uint64_t> queue, uint64_t from)
    : store_(store), topic_(topic), queue_(queue), place_(from) {}

absl::StatusOr<ReadResult> Cursor::Read(uint32_t max, absl::Duration wait) {
  if (queue_) {
    absl::StatusOr<ReadResult> result =
        store_->Read(topic_, static_cast<uint32_t>(*queue_), QueueOffset(place_),
                     {.max_messages = max, .wait = wait});
    if (result.ok()) place_ = result->next_offset().value();
    return result;
  }
  absl::StatusOr<ReadResult> result =
      store_->ReadTopic(topic_, LogPosition(place_), {.max_messages = max, .wait = wait});
  if (result.ok()) place_ = result->next_position().value();
  return result;
}

std::string Cursor::Describe() const {
  return queue_ ? absl::StrCat("offset ", place_, " of queue ", *queue_)
                : absl::StrCat("position ", place_);
}

}  // namespace weir::tool
