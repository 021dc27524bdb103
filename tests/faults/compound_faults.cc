// Two faults, one behind the other: a call of the file system fails, and then the process dies or
// the power goes; or both; or the recovery from it meets an error of its own.
//
//   compound_faults [--count=N] [--seed=S] [--program=NAME]
//   compound_faults --program=NAME --seed=S --call=K --fault=V      all states behind one failure
//
// A case is one failure; behind it the world is taken at some of the calls that follow and at the
// end, and each such moment is crashed in every way of CrashMoment(). Every state counts once: no
// two have the same failure, moment and crash. Failed syncs come first, with all their moments.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "faults/fault_case.h"
#include "faults/fault_kinds.h"
#include "faults/trial.h"
#include "support/image_oracle.h"
#include "support/opened_image.h"
#include "support/random.h"

namespace weir::testing {
namespace {

// Moments behind a failure; behind a failed sync all of so many calls.
constexpr uint64_t kMomentsPerCase = 4;
constexpr uint64_t kMomentsBehindSync = 24;
// Calls of a recovery that fail in one state, each alone.
constexpr int kSecondErrors = 2;

bool IsSync(const FaultCase& which) {
  return which.kind == OperationKind::kSync || which.kind == OperationKind::kSyncDirectory;
}

// The second fault, in one case.
class SecondFaults {
 public:
  SecondFaults(const FaultCase& which, const Trial& trial, Durability survives_death)
      : which_(which), trial_(trial), survives_death_(survives_death) {}

  void CrashMoment(const TrialMoment& moment) {
    moment_ = &moment;
    Random random(Random::Mix(which_.seed, which_.call, which_.fault, moment.call));
    const CrashImage dead = moment.image.ProcessDeath();
    Check("killed", dead, survives_death_);
    Check("power lost", moment.image.PowerLoss(LossPlan::LoseEverything()), Durability::kDisk);
    const std::vector<LossPlan> plans =
        moment.image.LossPlans({.seed = random.Next(), .single_sectors_max = 4});
    const LossPlan& plan = plans[static_cast<size_t>(random.Below(plans.size()))];
    Check(absl::StrCat("power lost: ", plan.ToString()), moment.image.PowerLoss(plan),
          Durability::kDisk);
    OpenThenCut(dead);
    for (int i = 0; i < kSecondErrors; ++i) {
      FailRecovery("killed", dead, survives_death_, random);
      FailRecovery("power lost", moment.image.PowerLoss(plan), Durability::kDisk, random);
    }
  }

  uint64_t states() const { return states_; }
  const std::vector<std::string>& told() const { return told_; }

 private:
  // Where the kernel took pages back that were nowhere else, holes are damage.
  void Check(absl::string_view how, const CrashImage& image, Durability survives,
             bool is_reverted = false) {
    ++states_;
    const Verdict verdict =
        ExamineImage(image, trial_.shape(), trial_.history(),
                     {.as_of = moment_->as_of,
                      .survives = survives,
                      .allows_damage = is_reverted || survives_death_ == Durability::kDisk});
    for (const Violation& violation : verdict.violations) Tell(how, violation.text);
  }

  void Tell(absl::string_view how, absl::string_view text) {
    told_.push_back(absl::StrCat("before call ", moment_->call, " ", how, ": ", text));
  }

  // The process dies, the next one opens, and then the power goes: what it delivered must be there.
  void OpenThenCut(const CrashImage& dead) {
    ++states_;
    OpenedImage opened(dead, trial_.shape());
    if (const absl::Status status = opened.Open(); !status.ok()) {
      return Tell("killed", status.ToString());
    }
    const Expectation expectation{.as_of = moment_->as_of,
                                  .survives = survives_death_,
                                  .allows_damage = survives_death_ == Durability::kDisk};
    const Verdict before = opened.subject().Examine(trial_.history(), expectation);
    const CrashImage cut = opened.disk().PowerLoss(LossPlan::LoseEverything());
    Verdict after = ExamineImage(cut, trial_.shape(), trial_.history(), expectation);
    CheckSame(before, trial_.history(), Violation::Kind::kRecovery, after);
    for (const Violation& violation : after.violations) {
      Tell("killed, opened, power lost", violation.text);
    }
  }

  // An open meets an error, and whether it succeeds or not, the process dies then or the power
  // goes.
  void FailRecovery(absl::string_view how, const CrashImage& image, Durability survives,
                    Random& random) {
    OpenedImage opened(image, trial_.shape());
    FaultFileSystem& disk = opened.disk();
    const std::vector<FaultKind>& kinds =
        FaultKindsOf(random.OneIn(2) ? OperationKind::kSync : OperationKind::kWrite);
    Fault fault = kinds[static_cast<size_t>(random.Below(kinds.size()))].fault;
    fault.nth = random.Between(1, 60);
    if (random.OneIn(2)) {
      fault.kind = random.OneIn(2) ? OperationKind::kSync : OperationKind::kSyncDirectory;
      fault.nth = random.Between(1, 4);
    }
    disk.Inject(fault);
    const absl::Status status = opened.Open();
    if (disk.failures() == 0) return;
    const std::string text =
        absl::StrCat(how, ", call ", fault.nth, " of the recovery: ", fault.reason,
                     status.ok() ? "" : " (fails)");
    const bool loses_power = random.OneIn(2);
    const CrashImage next =
        loses_power ? disk.PowerLoss(LossPlan::LoseEverything()) : disk.ProcessDeath();
    if (opened.End() != 0) Tell(text, "handles are left behind");
    // An open that met an error may owe the disk what only the front has.
    const bool is_reverted =
        !trial_.shape().front_directory.empty() && fault.pages == PagesAfterFailure::kReverted;
    Check(absl::StrCat(text, loses_power ? ", power lost" : ", killed"), next,
          loses_power || is_reverted ? Durability::kDisk : survives, is_reverted);
  }

  const FaultCase& which_;
  const Trial& trial_;
  const Durability survives_death_;
  const TrialMoment* moment_ = nullptr;
  uint64_t states_ = 0;
  std::vector<std::string> told_;
};

CaseOutcome RunCase(const FaultCase& which) {
  const Fault& fault = which.fault_kind().fault;
  Trial trial(which.program->shape, which.seed, Injection{.call = which.call, .fault = fault});
  const Durability survives_death =
      MayTakeFromDead(!which.program->shape.front_directory.empty(), fault) ? Durability::kDisk
                                                                            : Durability::kProcess;
  trial.SetSurvivesDeath(survives_death);
  Random random(Random::Mix(which.seed, which.call, which.fault, 7));
  std::vector<uint64_t> moments;
  if (IsSync(which)) {
    for (uint64_t i = 1; i <= kMomentsBehindSync; ++i) moments.push_back(which.call + i);
  } else {
    moments.push_back(which.call + 1);
    while (moments.size() < kMomentsPerCase) {
      moments.push_back(which.call +
                        random.Between(2, std::max<uint64_t>(3, which.calls - which.call)));
    }
  }
  trial.Watch(moments);
  which.program->run(trial);
  SecondFaults second(which, trial, survives_death);
  for (const TrialMoment& moment : trial.moments()) second.CrashMoment(moment);
  const TrialMoment last{
      .image = trial.disk().Freeze(), .as_of = trial.history().now(), .call = trial.calls().size()};
  second.CrashMoment(last);
  CaseOutcome outcome{.violations = second.told(), .failures = trial.failed_calls()};
  if (outcome.failures > 0) outcome.injected = second.states();
  for (const std::string& problem : trial.problems()) {
    outcome.violations.push_back(absl::StrCat("in the run: ", problem));
  }
  return outcome;
}

std::vector<FaultCase> CasesOf(const TrialProgram& program, uint64_t seed,
                               std::vector<std::string>&) {
  Trial trial(program.shape, seed, std::nullopt);
  program.run(trial);
  return FaultCasesOf(program, seed, trial.calls());
}

// Failed syncs first, then all others in an order drawn by lot.
void Shuffle(std::vector<FaultCase>& all, uint64_t seed) {
  std::vector<FaultCase> syncs;
  std::vector<FaultCase> others;
  for (FaultCase& which : all) {
    const Fault& fault = which.fault_kind().fault;
    const bool is_error = fault.code == absl::StatusCode::kDataLoss && fault.times == 1;
    (IsSync(which) && is_error ? syncs : others).push_back(std::move(which));
  }
  all.clear();
  Random random(Random::Mix(seed, 11));
  for (std::vector<FaultCase>* const cases : {&syncs, &others}) {
    for (size_t i = cases->size(); i > 1; --i) {
      std::swap((*cases)[i - 1], (*cases)[static_cast<size_t>(random.Below(i))]);
    }
  }
  // Turn by turn, so that any count has both.
  for (size_t i = 0; i < std::max(syncs.size(), others.size()); ++i) {
    if (i < syncs.size()) all.push_back(syncs[i]);
    if (i < others.size()) all.push_back(others[i]);
    if (i + syncs.size() < others.size() && i < syncs.size())
      all.push_back(others[i + syncs.size()]);
  }
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) {
  return weir::testing::RunFaultHarness({.name = "compound_faults",
                                         .counted = "states behind two faults",
                                         .count = 100'000,
                                         .cases = weir::testing::CasesOf,
                                         .run = weir::testing::RunCase,
                                         .shuffle = weir::testing::Shuffle},
                                        argc, argv);
}
