// A topic as it stands in the log: the body of its catalogue record, and the atomic group of two
// copies that is appended.

#ifndef WEIR_STORE_TOPIC_RECORD_H_
#define WEIR_STORE_TOPIC_RECORD_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/bytes.h"
#include "weir/message.h"

namespace weir::internal {

// What may be set of a topic.
struct TopicSettings {
  bool is_compacted = false;
  int64_t max_age_nanos = 0;  // 0: for ever
  uint64_t max_bytes = 0;     // 0: any number
  friend bool operator==(const TopicSettings&, const TopicSettings&) = default;
};

struct TopicRecord {
  absl::string_view name;
  uint32_t first_queue = 0;
  uint32_t queue_count = 0;
  // Each queue begins here: behind all that a deleted topic of the same name ever gave.
  uint64_t first_offset = 0;
  bool is_deleted = false;
  TopicSettings settings;
};

std::string EncodeTopic(const TopicRecord& topic);
// The name lies in the reader's bytes. Whatever was not there is 0; the reader knows. Flags that
// nobody writes make it fail too.
TopicRecord TakeTopic(ByteReader& reader);

// The group: two copies, because without it every message of the topic would be unreadable. The
// stamp is written under the append lock; filling the group with the body of both, made before
// their place is taken, returns the word to publish it with.
uint32_t TopicGroupBytes(absl::string_view name);
void StampTopicGroup(char* memory, absl::string_view name, int64_t time);
int32_t FillTopicGroup(char* memory, LogPosition position, uint64_t incarnation,
                       absl::string_view name, absl::string_view body);

}  // namespace weir::internal

#endif  // WEIR_STORE_TOPIC_RECORD_H_
