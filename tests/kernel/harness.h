// What every harness of this folder counts and says, by the protocol of torture/report.h.
//
//   PROGRAM [--count=N] [--seed=S] [--case=N]
//
// Each injection is a case with a number. --case runs that one only; it is what a line `reproduce:`
// names.

#ifndef WEIR_TESTS_KERNEL_HARNESS_H_
#define WEIR_TESTS_KERNEL_HARNESS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "kernel/workplace.h"
#include "support/oracle.h"
#include "torture/report.h"
#include "victim/event.h"
#include "victim/ledger.h"
#include "weir/options.h"

namespace weir::kernel {

class Harness {
 public:
  // `floor`: how many it must at least inject.
  Harness(std::string program, std::string things, uint64_t floor);

  uint64_t seed() const { return seed_; }
  // Whether case `number` is to run.
  bool Wants(uint64_t number) const { return only_ < 0 || static_cast<uint64_t>(only_) == number; }
  // The case that --case names; 0 without it.
  uint64_t first() const { return only_ < 0 ? 0 : static_cast<uint64_t>(only_); }
  bool is_single() const { return only_ >= 0; }
  uint64_t count() const { return count_; }
  bool is_done() const { return only_ < 0 && count_ >= floor_; }

  // Case `number`, of this description, was injected, and this is what came of it.
  void Note(uint64_t number, const std::string& what, const absl::Status& status);
  // So many more within a case that was noted or will be.
  void NoteMore(uint64_t count) { count_ += count; }

  // The last line, and the exit status.
  int Report() const;

 private:
  const std::string program_;
  const std::string things_;
  const uint64_t floor_;
  const uint64_t seed_;
  const int64_t only_;
  uint64_t count_ = 0;
  uint64_t violations_ = 0;
};

// main() of a harness: `run` runs in a workplace.
int HarnessMain(int argc, char* argv[], const std::function<int(const Workplace&)>& run);

// What the oracle says of a store that nobody writes any more (directory_oracle.h). Unless told
// otherwise nothing that was acknowledged may be gone, and nothing be damaged.
absl::Status Examine(const StoreOptions& options, victim::Ledger& ledger,
                     const testing::Expectation& expectation = {.is_thorough = true});
// The same verdict as a status.
absl::Status StatusOf(const testing::Verdict& verdict);

// The status of a victim that ended with `status` and should have ended by itself.
absl::Status CheckEnd(const absl::StatusOr<int>& status);

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_HARNESS_H_
