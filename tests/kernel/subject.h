// A store that is hurt: the victim at work on it, what it said so far, and the ledger.

#ifndef WEIR_TESTS_KERNEL_SUBJECT_H_
#define WEIR_TESTS_KERNEL_SUBJECT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "victim/ledger.h"
#include "victim/victim.h"
#include "victim/victim_process.h"

namespace weir::kernel {

class Subject {
 public:
  struct Heard {
    uint64_t acknowledged = 0;
    uint64_t refused = 0;
    uint64_t uncertain = 0;
    uint64_t reads_failed = 0;
    std::string refusal, read_failure;  // the last one
    StoreState state = StoreState::kHealthy;
    std::string reason;         // of the state
    bool was_degraded = false;  // ever
    std::optional<absl::Status> not_opened;
    std::optional<absl::Status> closed;
  };

  // Counts on `options` to name a store in a place that is there.
  explicit Subject(const victim::VictimOptions& options);

  // A new victim goes on with the store; the one before it has ended.
  void Start(std::function<void()> prepare = nullptr);
  // Listens until it was heard to say enough. An error if it ended, or did not say so in time.
  absl::Status Await(const std::string& what, const std::function<bool(const Heard&)>& is_enough);
  // Listens for so many more acknowledgements.
  absl::Status AwaitAcknowledged(uint64_t more);
  // Listens for so long.
  void Listen(std::chrono::milliseconds time);
  // Hears what it has said up to now.
  void CatchUp() { process_->CatchUp(); }

  absl::Status Kill();
  // Asks it to end and hears it out. An error if it hangs or ends otherwise than it should.
  absl::Status End();

  const Heard& heard() const { return heard_; }
  pid_t pid() const { return process_->pid(); }
  victim::Ledger& ledger() { return ledger_; }
  const StoreOptions& options() const { return options_.store; }

 private:
  void Hear(const victim::Event& event);

  victim::VictimOptions options_;
  victim::Ledger ledger_;
  Heard heard_;
  std::unique_ptr<victim::VictimProcess> process_;
};

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_SUBJECT_H_
