// A victim seen from its parent: started, listened to, killed.

#ifndef WEIR_TESTS_KILL_VICTIM_PROCESS_H_
#define WEIR_TESTS_KILL_VICTIM_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kill/event.h"

namespace weir::kill {

class VictimProcess {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  // Runs this program again with `arguments` and --report_descriptor.
  VictimProcess(std::vector<std::string> arguments, std::function<void(const Event&)> listener);
  ~VictimProcess();  // kills it if it still lives
  VictimProcess(const VictimProcess&) = delete;
  VictimProcess& operator=(const VictimProcess&) = delete;

  // Hands its events to the listener until `until`, or until one of kind `kind` came; false if it
  // ended by itself.
  bool Listen(Moment until, std::optional<EventKind> kind = std::nullopt);

  // Kills it and hears out what it had reported. An error if it had ended by itself.
  absl::Status Kill();

 private:
  // Reads once; false at the end.
  bool ReadEvents();

  const std::function<void(const Event&)> listener_;
  pid_t pid_ = -1;
  int report_ = -1;
  std::string bytes_;                   // of an event that is not whole yet
  std::optional<EventKind> last_kind_;  // of the events of one read, the largest
};

}  // namespace weir::kill

#endif  // WEIR_TESTS_KILL_VICTIM_PROCESS_H_
