// What a victim tells its parent through a pipe. One write() for one or a few of them, small enough
// to be whole or absent, whatever happens to the victim: so an acknowledgement is recorded in
// another process.

#ifndef WEIR_TESTS_VICTIM_EVENT_H_
#define WEIR_TESTS_VICTIM_EVENT_H_

#include <climits>
#include <cstdint>
#include <type_traits>

#include "victim/description.h"

namespace weir::victim {

enum class EventKind : uint32_t {
  kOpening,       // about to call Open()
  kOpened,        // nanos: of the recovery; flag: a front was adopted
  kTopicMade,     // number: one of its queues
  kSent,          // what: all of it. The call comes now
  kAcknowledged,  // what was sent has a receipt, of at least the level that was asked for
  kGivenUp,       // the claim of what was sent was given up
  // Only of a patient victim (victim.h):
  kNotOpened,    // number: the code; text: the reason
  kUncertain,    // number: the code; or 0: there is a receipt of a lower level than was asked for
  kRefused,      // number: the code; text: the reason. Nothing was written of what was sent, if any
  kReadFailed,   // number: the code; text: the reason
  kStateChange,  // number: the state; text: the reason
  kClosed,       // number: the code of Close(); text: the reason
};

struct Event {
  EventKind kind;
  uint32_t flag = 0;
  Description what = {};  // but for kSent only run, producer and sequence
  uint32_t count = 0;     // messages that it is about, from that sequence on
  // A receipt.
  uint32_t queue_id = 0;
  uint64_t position = 0;
  uint64_t end = 0;
  uint64_t queue_offset = 0;
  uint32_t reached = 0;
  uint32_t number = 0;
  uint64_t nanos = 0;
  char text[136] = {};  // ends with a zero
};
inline constexpr uint32_t kEventsPerWriteMax = 16;
static_assert(kEventsPerWriteMax * sizeof(Event) <= PIPE_BUF);
static_assert(std::is_trivially_copyable_v<Event>);

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_EVENT_H_
