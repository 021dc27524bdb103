#include "kernel/harness.h"

#include <cstdio>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "support/directory_oracle.h"
#include "victim/reporter.h"

ABSL_FLAG(uint64_t, seed, 1, "Chooses messages, sizes and moments.");
ABSL_FLAG(int64_t, case, -1, "Only the case of this number; negative: as many as --count says.");

namespace weir::kernel {

Harness::Harness(std::string program, std::string things, uint64_t floor)
    : program_(std::move(program)),
      things_(std::move(things)),
      floor_(absl::GetFlag(FLAGS_case) < 0 ? floor : 1),
      seed_(absl::GetFlag(FLAGS_seed)),
      only_(absl::GetFlag(FLAGS_case)) {}

void Harness::Note(uint64_t number, const std::string& what, const absl::Status& status) {
  ++count_;
  if (only_ >= 0)
    std::printf("case %llu: %s\n", static_cast<unsigned long long>(number), what.c_str());
  if (status.ok()) return;
  ++violations_;
  std::printf("VIOLATION: %s: %s\nreproduce: %s --seed=%llu --case=%llu\n", what.c_str(),
              status.ToString().c_str(), program_.c_str(), static_cast<unsigned long long>(seed_),
              static_cast<unsigned long long>(number));
  std::fflush(stdout);
}

int Harness::Report() const { return testing::ReportTorture(things_, count_, floor_, violations_); }

int HarnessMain(int argc, char* argv[], const std::function<int(const Workplace&)>& run) {
  absl::ParseCommandLine(argc, argv);
  return RunInWorkplace(run);
}

absl::Status Examine(const StoreOptions& options, victim::Ledger& ledger,
                     const testing::Expectation& expectation) {
  return StatusOf(testing::DirectoryOracle(options, ledger.history(), expectation).ExamineAll());
}

absl::Status StatusOf(const testing::Verdict& verdict) {
  if (verdict.ok()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(verdict.ToString(), absl::StrJoin(verdict.said, "\n")));
}

absl::Status CheckEnd(const absl::StatusOr<int>& status) {
  if (!status.ok()) return status.status();
  if (*status == 0) return absl::OkStatus();
  if (*status < 0) return absl::InternalError(absl::StrCat("the victim died of signal ", -*status));
  if (*status == victim::kVictimFailed) {
    return absl::InternalError("the victim saw what must not be; it says what above");
  }
  return absl::InternalError(absl::StrCat("the victim ended with status ", *status));
}

}  // namespace weir::kernel
