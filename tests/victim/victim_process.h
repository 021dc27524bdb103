// A victim seen from its parent: started, listened to, killed.

#ifndef WEIR_TESTS_VICTIM_VICTIM_PROCESS_H_
#define WEIR_TESTS_VICTIM_VICTIM_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "victim/event.h"
#include "victim/victim.h"

namespace weir::victim {

class VictimProcess {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  struct Start {
    std::vector<std::string> wrapper;  // the words of a program that runs it, and its arguments
    std::function<void()> prepare;     // called in the child before the program is there
  };

  // Runs the program `store_victim`, which lies beside this one.
  VictimProcess(const VictimOptions& options, std::function<void(const Event&)> listener);
  VictimProcess(const VictimOptions& options, std::function<void(const Event&)> listener,
                const Start& start);
  ~VictimProcess();  // kills it if it still lives
  VictimProcess(const VictimProcess&) = delete;
  VictimProcess& operator=(const VictimProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Hands its events to the listener until `until`, or until one of kind `kind` came; false if it
  // ended by itself.
  bool Listen(Moment until, std::optional<EventKind> kind = std::nullopt);
  // ... or until `is_enough` says so after some events.
  bool ListenUntil(Moment until, const std::function<bool()>& is_enough);

  // Hears what it has reported up to now.
  void CatchUp();

  // Kills it and hears out what it had reported. An error if it had ended by itself.
  absl::Status Kill();
  // Asks it to end (SIGTERM).
  void AskToEnd();
  // Hears it out: its exit status, or minus the signal that it died of. kDeadlineExceeded: it
  // hangs, and was killed.
  absl::StatusOr<int> Wait(Moment until);

 private:
  // Reads once; false at the end.
  bool ReadEvents();
  int Reap();

  const std::function<void(const Event&)> listener_;
  pid_t pid_ = -1;
  int report_ = -1;
  std::string bytes_;  // of an event that is not whole yet
  size_t heard_bytes_ = 0;
  std::optional<EventKind> last_kind_;  // of the events that were read, the largest
};

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_VICTIM_PROCESS_H_
