// The way from a victim to its parent. May be used by any thread: what is sent with one call is
// written as a whole.

#ifndef WEIR_TESTS_VICTIM_REPORTER_H_
#define WEIR_TESTS_VICTIM_REPORTER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "victim/event.h"

namespace weir::victim {

// The exit status of a victim that found something wrong; it has written to stderr what.
inline constexpr int kVictimFailed = 3;

[[noreturn]] void Fail(absl::string_view what, const absl::Status& status);

class Reporter {
 public:
  explicit Reporter(int descriptor) : descriptor_(descriptor) {}

  // At most kEventsPerWriteMax of them.
  void Send(absl::Span<const Event> events) const;
  void Send(const Event& event) const { Send(absl::MakeConstSpan(&event, 1)); }
  // With code and reason.
  void Tell(Event event, const absl::Status& status) const;
  void Tell(EventKind kind, const absl::Status& status) const { Tell(Event{.kind = kind}, status); }

 private:
  const int descriptor_;
};

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_REPORTER_H_
