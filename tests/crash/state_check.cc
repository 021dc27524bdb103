#include "crash/state_check.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "weir/store.h"

namespace weir::testing {
namespace {

// A store on an image, in a process of its own that ends without closing it.
class OpenedStore {
 public:
  OpenedStore(const CrashImage& image, const StoreShape& shape) : disk_(image), shape_(shape) {
    // An hour later.
    clock_.Advance(absl::Hours(1));
    clock_.AdvanceAtEveryLook(absl::Microseconds(100));
  }
  ~OpenedStore() {
    disk_.SetHook(nullptr);
    disk_.Kill();
  }

  FaultFileSystem& disk() { return disk_; }
  MessageStore& store() { return *store_; }

  absl::Status Open() {
    auto store = MessageStore::Open(SmallStore(shape_, &disk_, &clock_));
    if (store.ok()) store_ = *std::move(store);
    return store.status();
  }

 private:
  FaultFileSystem disk_;
  ManualClock clock_;
  const StoreShape& shape_;
  std::unique_ptr<MessageStore> store_;
};

Verdict DoesNotOpen(const absl::Status& status) {
  Verdict verdict;
  verdict.violations.push_back(
      {.kind = Violation::Kind::kBroken, .text = absl::StrCat("Open: ", status.ToString())});
  return verdict;
}

}  // namespace

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
  const Expectation expectation{
      .as_of = as_of, .survives = state.survives, .is_thorough = is_thorough};
  OpenedStore first(state.image, shape);
  if (absl::Status status = first.Open(); !status.ok()) return DoesNotOpen(status);
  const CrashImage opened = first.disk().Freeze();
  Verdict verdict = Examine(first.store(), history, expectation);
  if (!is_thorough) return verdict;

  for (const bool is_power_loss : {false, true}) {
    OpenedStore second(
        is_power_loss ? opened.PowerLoss(LossPlan::LoseEverything()) : opened.ProcessDeath(),
        shape);
    const absl::string_view name = is_power_loss ? "power loss behind Open(): " : "opened twice: ";
    if (absl::Status status = second.Open(); !status.ok()) {
      verdict.violations.push_back({.text = absl::StrCat(name, status.ToString())});
      continue;
    }
    const Verdict again = Examine(second.store(), history, expectation);
    for (const Violation& violation : again.violations) {
      verdict.violations.push_back(
          {.kind = violation.kind, .text = absl::StrCat(name, violation.text)});
    }
    if (again.content != verdict.content) {
      verdict.violations.push_back({.text = absl::StrCat(name, "other messages than before")});
    }
    // What the first recovery found it settled: the second has nothing to cut and nothing to void.
    const RecoveryReport& report = second.store().recovery();
    if (report.dropped_bytes != 0 || report.voided_claims != 0 ||
        report.damage.size() > first.store().recovery().damage.size()) {
      verdict.violations.push_back({.text = absl::StrCat(name, "recovers what was recovered")});
    }
  }
  return verdict;
}

std::vector<Moment> StateCheck::RecoveryMoments(const CrashState& state) const {
  std::vector<Moment> moments;
  OpenedStore store(state.image, shape);
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
