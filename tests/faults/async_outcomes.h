// What asynchronous appends are told, on whatever thread, until the thread of the trial looks.

#ifndef WEIR_TESTS_FAULTS_ASYNC_OUTCOMES_H_
#define WEIR_TESTS_FAULTS_ASYNC_OUTCOMES_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "support/failing_memory.h"
#include "weir/message.h"

namespace weir::testing {

class AsyncOutcomes {
 public:
  struct Outcome {
    size_t sent = 0;  // in the history
    Durability asked = Durability::kNone;
    absl::Status status;
    Receipt receipt;
    int calls = 0;
  };

  // The callback of an append that is about to be made; Withdraw() if it is refused.
  AppendCallback Expect(size_t sent, Durability asked) {
    auto outcome = std::make_shared<Outcome>(Outcome{.sent = sent, .asked = asked});
    expected_.push_back(outcome);
    return [this, outcome](const absl::Status& status, const Receipt& receipt) {
      const FailingMemory::Aside of_the_host;
      const std::lock_guard<std::mutex> lock(mutex_);
      outcome->status = status;
      outcome->receipt = receipt;
      ++outcome->calls;
    };
  }
  // False: it was called.
  bool Withdraw(size_t sent) {
    return std::erase_if(expected_, [&](const std::shared_ptr<Outcome>& outcome) {
             return outcome->sent == sent;
           }) != 0;
  }

  // Those that were called since; they are expected no more.
  std::vector<Outcome> Take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<Outcome> taken;
    std::erase_if(expected_, [&](const std::shared_ptr<Outcome>& outcome) {
      if (outcome->calls == 0) return false;
      taken.push_back(*outcome);
      taken_.push_back(outcome);
      return true;
    });
    return taken;
  }
  // Whether any of those was called more than once.
  bool WasCalledAgain() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::any_of(taken_.begin(), taken_.end(),
                       [](const auto& outcome) { return outcome->calls > 1; });
  }

  // The others will never hear: their process is gone.
  void Forget() { expected_.clear(); }
  size_t waiting() const { return expected_.size(); }

 private:
  std::mutex mutex_;  // of the outcomes; the list is the trial's
  std::vector<std::shared_ptr<Outcome>> expected_;
  std::vector<std::shared_ptr<Outcome>> taken_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_FAULTS_ASYNC_OUTCOMES_H_
