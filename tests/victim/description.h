// What a victim sends, in few words: the same words make the same message in the victim and in its
// parent.

#ifndef WEIR_TESTS_VICTIM_DESCRIPTION_H_
#define WEIR_TESTS_VICTIM_DESCRIPTION_H_

#include <cstdint>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "support/message_body.h"
#include "support/parcel.h"

namespace weir::victim {

// The queues of the two topics, counted through.
inline constexpr uint32_t kAlphaQueues = 4;
inline constexpr uint32_t kBetaQueues = 2;
inline constexpr uint32_t kQueues = kAlphaQueues + kBetaQueues;

inline absl::string_view TopicOf(uint32_t queue) { return queue < kAlphaQueues ? "alpha" : "beta"; }
inline uint32_t QueueIdOf(uint32_t queue) {
  return queue < kAlphaQueues ? queue : queue - kAlphaQueues;
}

struct Description {
  uint32_t run = 0;          // of the process that sends it
  uint32_t producer = 0;     // the thread in it
  uint32_t sequence = 0;     // 0, 1, 2, ... of the producer in this run
  uint32_t batch_first = 0;  // sequences of the atomic batch that it belongs to
  uint32_t batch_count = 1;
  uint32_t body_bytes = 0;
  uint32_t first_queue = 0;     // of kQueues
  uint32_t further_queues = 0;  // a mask of kQueues
  uint32_t names_queue = 1;     // 0: to some queue of that topic
  uint32_t has_ordering_key = 0;
};
static_assert(sizeof(Description) == 40 && std::is_trivially_copyable_v<Description>);

// The producers of all runs are those of one history.
testing::BodyIdentity BodyIdentityOf(const Description& description);
testing::Outgoing OutgoingOf(const Description& description);

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_DESCRIPTION_H_
