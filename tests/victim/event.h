// What a victim tells its parent through a pipe. One write() each, small enough to be whole or
// absent, whatever happens to the victim: so an acknowledgement is recorded in another process.

#ifndef WEIR_TESTS_VICTIM_EVENT_H_
#define WEIR_TESTS_VICTIM_EVENT_H_

#include <climits>
#include <cstdint>
#include <type_traits>

namespace weir::victim {

enum class EventKind : uint32_t {
  kOpening,       // about to call Open()
  kOpened,        // number: nanoseconds of recovery; flag: a front was adopted
  kAcknowledged,  // all fields
  // Only of a patient victim (victim.h):
  kNotOpened,    // number: the code; text: the reason
  kUncertain,    // producer, sequence: may be in the log, and will never be confirmed
  kRefused,      // number: the code; text: the reason. Nothing was written
  kReadFailed,   // number: the code; text: the reason
  kStateChange,  // number: the state; text: the reason
  kClosed,       // number: the code of Close(); text: the reason
};

struct Event {
  EventKind kind;
  uint32_t flag = 0;
  uint32_t producer = 0;
  uint32_t sequence = 0;
  uint64_t position = 0;
  uint64_t queue_offset = 0;
  uint64_t body_hash = 0;
  uint64_t number = 0;
  uint32_t queue = 0;   // of kQueues
  char text[164] = {};  // ends with a zero
};
static_assert(sizeof(Event) <= PIPE_BUF && std::is_trivially_copyable_v<Event>);

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_EVENT_H_
