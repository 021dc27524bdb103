#include "crash/state_check.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "support/image_oracle.h"
#include "support/opened_image.h"

namespace weir::testing {

CrashStates::CrashStates(const Moment& moment, uint64_t seed)
    : moment_(moment), plans_(moment.image.LossPlans({.seed = seed})) {}

CrashState CrashStates::operator[](size_t index) const {
  if (index == 0) return {.image = moment_.image.ProcessDeath(), .survives = Durability::kProcess};
  if (--index < moment_.torn_deaths.size()) {
    return {.image = moment_.torn_deaths[index], .survives = Durability::kProcess};
  }
  index -= moment_.torn_deaths.size();
  return {.image = moment_.image.PowerLoss(plans_[index]), .survives = Durability::kDisk};
}

std::string CrashStates::Describe(size_t index) const {
  if (index == 0) return "process death";
  if (--index < moment_.torn_deaths.size()) return "process death inside a write";
  return absl::StrCat("power loss, ", plans_[index - moment_.torn_deaths.size()].ToString());
}

Verdict StateCheck::Check(const CrashState& state) const {
  const Expectation expectation{.as_of = as_of,
                                .survives = state.survives,
                                .is_faultless = workload.is_faultless(),
                                .is_thorough = is_thorough,
                                .opens_again = is_thorough};
  return ExamineImage(state.image, workload.shape(), workload.history(), expectation);
}

std::vector<Moment> StateCheck::RecoveryMoments(const CrashState& state) const {
  std::vector<Moment> moments;
  OpenedImage store(state.image, workload.shape());
  const auto remember = [&](std::string what) {
    moments.push_back({.image = store.disk().Freeze(),
                       .as_of = as_of,
                       .what = std::move(what),
                       .torn_deaths = {}});
  };
  store.disk().SetHook([&](const Operation& operation) {
    remember(absl::StrCat(OperationKindName(operation.kind), " ", operation.name));
  });
  if (!store.Open().ok()) return {};
  store.disk().SetHook(nullptr);
  remember("opened");
  return moments;
}

}  // namespace weir::testing
