#include "faults/aftermath.h"

#include "absl/strings/str_cat.h"
#include "support/image_oracle.h"
#include "support/random.h"

namespace weir::testing {
namespace {

// One aftermath of so many also verifies, and reads in the order of the log.
constexpr uint64_t kThoroughOneIn = 8;
// One of so many of these is opened again in every way.
constexpr uint64_t kAgainOneIn = 4;

void Tell(absl::string_view when, const Verdict& verdict, std::vector<std::string>& told) {
  for (const Violation& violation : verdict.violations) {
    told.push_back(absl::StrCat(when, ": ", violation.text));
  }
}

// How closely it is looked at.
struct Depth {
  bool is_thorough = false;
  bool opens_again = false;
};

// The crashes that are looked at.
enum : uint64_t { kKilled, kPowerLost, kPowerLostLater, kAll };

void TellKilled(const Trial& trial, const CrashImage& moment, const AftermathRules& rules,
                const Depth& depth, std::vector<std::string>& told) {
  const Verdict verdict = ExamineImage(moment.ProcessDeath(), trial.shape(), trial.history(),
                                       {.survives = rules.survives_death,
                                        .allows_damage = rules.allows_damage(),
                                        .is_faultless = trial.failures() == 0,
                                        .is_thorough = depth.is_thorough,
                                        .beside = kMendedDirectory,
                                        .opens_again = depth.opens_again});
  Tell("killed", verdict, told);
}

void TellPowerLost(const Trial& trial, const CrashImage& moment, const AftermathRules& rules,
                   Random& random, const Depth& depth, std::vector<std::string>& told) {
  const std::vector<LossPlan> plans = moment.LossPlans(
      {.seed = random.Next(), .single_sectors_max = 2, .subsets_max = 8, .random_plans = 4});
  const LossPlan& plan =
      random.OneIn(2) ? plans.front() : plans[static_cast<size_t>(random.Below(plans.size()))];
  const Verdict verdict = ExamineImage(moment.PowerLoss(plan), trial.shape(), trial.history(),
                                       {.survives = Durability::kDisk,
                                        .allows_damage = rules.allows_damage(),
                                        .is_thorough = depth.is_thorough,
                                        .beside = kMendedDirectory,
                                        .opens_again = depth.opens_again});
  Tell(absl::StrCat("power lost (", plan.ToString(), ")"), verdict, told);
}

void LiveOn(Trial& trial, uint64_t seed, const AftermathRules& rules,
            std::vector<std::string>& told) {
  Random random(seed);
  const bool is_thorough = random.OneIn(kThoroughOneIn);
  const Depth depth{.is_thorough = is_thorough,
                    .opens_again = is_thorough && random.OneIn(kAgainOneIn)};
  const uint64_t crash = rules.is_brief ? random.Below(kAll) : kAll;
  const CrashImage moment = trial.disk().Freeze();
  if (crash == kKilled || crash == kAll) TellKilled(trial, moment, rules, depth, told);
  if (crash == kPowerLost || crash == kAll) {
    TellPowerLost(trial, moment, rules, random, depth, told);
  }

  trial.Heal();
  trial.Resume(rules.may_be_read_only);
  if (!trial.is_open()) return;
  // A store that could not read its log when it was opened delivers what it has and takes no
  // appends. That nothing is lost shows when it is opened again.
  const bool is_read_only = trial.subject().state() == StoreState::kReadOnly;
  Expectation going_on{.survives = Durability::kProcess,
                       .allows_damage = is_read_only || rules.allows_damage(),
                       .allows_read_only = is_read_only};
  if (is_read_only) going_on.may_be_lost = [](size_t) { return true; };
  Tell("going on", trial.subject().Examine(trial.history(), going_on), told);
  if (crash == kPowerLostLater || crash == kAll) {
    Tell("gone on, then power lost",
         ExamineImage(trial.disk().PowerLoss(LossPlan::LoseEverything()), trial.shape(),
                      trial.history(),
                      {.survives = Durability::kDisk, .allows_damage = rules.allows_damage()}),
         told);
  }
  const absl::Status closed = trial.Finish();
  if (!closed.ok() && !is_read_only) told.push_back(absl::StrCat("Close: ", closed.ToString()));
  const absl::Status opened = trial.Reopen();
  if (!opened.ok()) {
    told.push_back(absl::StrCat("closed, and Open: ", opened.ToString()));
    return;
  }
  Tell("closed and opened",
       trial.subject().Examine(trial.history(), {.survives = Durability::kProcess,
                                                 .allows_damage = rules.allows_damage(),
                                                 .is_thorough = is_thorough}),
       told);
  if (closed.ok() && !trial.subject().was_clean()) told.emplace_back("closed, and not clean");
  trial.Destroy();
}

}  // namespace

std::vector<std::string> CheckAftermath(Trial& trial, uint64_t seed, const AftermathRules& rules) {
  std::vector<std::string> told;
  LiveOn(trial, seed, rules, told);
  for (const std::string& problem : trial.problems()) {
    told.push_back(absl::StrCat("in the run: ", problem));
  }
  return told;
}

}  // namespace weir::testing
