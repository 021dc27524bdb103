// The way from a victim to its parent. May be used by any thread: a write of an event is atomic.

#ifndef WEIR_TESTS_VICTIM_REPORTER_H_
#define WEIR_TESTS_VICTIM_REPORTER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "victim/body.h"
#include "victim/event.h"
#include "weir/message.h"

namespace weir::victim {

// The exit status of a victim that found something wrong; it has written to stderr what.
inline constexpr int kVictimFailed = 3;

[[noreturn]] void Fail(absl::string_view what, const absl::Status& status);

class Reporter {
 public:
  explicit Reporter(int descriptor) : descriptor_(descriptor) {}

  void Send(const Event& event) const;
  // An event of which only code and reason count.
  void Tell(EventKind kind, const absl::Status& status) const;
  void Acknowledge(const Identity& identity, uint32_t queue, const Receipt& receipt) const;

 private:
  const int descriptor_;
};

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_REPORTER_H_
