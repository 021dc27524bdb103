// Who a message of the kill loop is. Its body tells, and can be checked without knowing anything
// else: a header, then bytes that follow from the header. Nothing that was not sent looks like it.

#ifndef WEIR_TESTS_VICTIM_BODY_H_
#define WEIR_TESTS_VICTIM_BODY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "weir/message.h"

namespace weir::victim {

// The queues of the two topics, counted through.
inline constexpr uint32_t kAlphaQueues = 4;
inline constexpr uint32_t kBetaQueues = 2;
inline constexpr uint32_t kQueues = kAlphaQueues + kBetaQueues;
inline constexpr uint32_t kAlphaMask = (1u << kAlphaQueues) - 1;
inline constexpr uint32_t kBetaMask = ((1u << kBetaQueues) - 1) << kAlphaQueues;

inline absl::string_view TopicOf(uint32_t queue) { return queue < kAlphaQueues ? "alpha" : "beta"; }
inline uint32_t QueueIdOf(uint32_t queue) {
  return queue < kAlphaQueues ? queue : queue - kAlphaQueues;
}
inline QueueRef RefOf(uint32_t queue) { return {TopicOf(queue), QueueIdOf(queue)}; }

struct Identity {
  uint64_t seed;         // of the campaign
  uint32_t run;          // of the process that sent it
  uint32_t producer;     // the thread in it
  uint32_t sequence;     // 0, 1, 2, ... of the producer in this run
  uint32_t batch_first;  // sequences of the atomic batch that it belongs to
  uint32_t batch_count;
  uint32_t queues;            // mask of queues
  uint32_t is_in_all;         // 1: in all queues of the mask; 0: in one of them
  uint32_t has_ordering_key;  // 1: OrderingKeyOf(producer)
  uint32_t body_bytes;        // at least sizeof(Identity)
  uint32_t padding = 0;
};
static_assert(sizeof(Identity) == 48 && std::is_trivially_copyable_v<Identity>);

std::string BodyOf(const Identity& identity);
// What the body says, if it is one.
std::optional<Identity> IdentityOf(absl::string_view body);
uint64_t HashOf(absl::string_view bytes);

std::string KeyOf(const Identity& identity);
std::string OrderingKeyOf(uint32_t producer);

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_BODY_H_
