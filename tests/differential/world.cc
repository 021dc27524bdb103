#include "differential/world.h"

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

LossPlan RandomPlan(Random& random) {
  using Sectors = LossPlan::Sectors;
  LossPlan plan;
  plan.sectors = static_cast<Sectors>(random.Below(6));
  plan.which = random.Below(random.OneIn(2) ? 4 : 64);
  plan.sizes = static_cast<LossPlan::Sizes>(random.Below(3));
  plan.extents = static_cast<LossPlan::Extents>(random.Below(3));
  const uint64_t operations = random.Below(4);
  plan.directory_operations = operations == 0   ? 0
                              : operations == 1 ? ~uint64_t{0}
                              : operations == 2 ? (uint64_t{1} << random.Below(8)) - 1
                                                : random.Next();
  plan.seed = random.Next();
  plan.keeps_named_shared_memory = random.OneIn(2);
  return plan;
}

}  // namespace

World::World(uint64_t seed) : disk_(std::make_unique<FaultFileSystem>(seed)) { SetHasty(false); }

World::~World() = default;

void World::SetHasty(bool is_hasty) {
  clock_.AdvanceAtEveryLook(is_hasty ? absl::Milliseconds(2) : absl::Microseconds(1));
}

void World::Advance(Random& random) {
  clock_.Advance(absl::Microseconds(random.Below(random.OneIn(4) ? 300'000 : 3'000)));
  if (random.OneIn(20)) {
    // The wall clock jumps in both directions; the monotonic one does not.
    clock_.SetWallNanos(ManualClock::kDefaultWallNanos +
                        static_cast<int64_t>(random.Below(2'000'000'000'000)) - 1'000'000'000'000);
  }
}

void World::ArmMoment(uint64_t nth) {
  moment_.reset();
  disk_->SetHook([this, nth](const Operation&) mutable {
    if (nth > 0 && --nth == 0) moment_ = disk_->Freeze();
  });
}

bool World::DisarmMoment() {
  disk_->SetHook(nullptr);
  return moment_.has_value();
}

std::string World::InjectFault(Random& random, bool for_ever) {
  using Kind = OperationKind;
  static constexpr Kind kKinds[] = {
      Kind::kWrite,  Kind::kWrite,  Kind::kSync,          Kind::kSync,     Kind::kAllocate,
      Kind::kCreate, Kind::kRename, Kind::kSyncDirectory, Kind::kTruncate, Kind::kRemove,
      Kind::kRead,   Kind::kOpen,   Kind::kAllocate,      Kind::kStat,     Kind::kList};
  Fault fault{.kind = kKinds[random.Below(std::size(kKinds))],
              .nth = random.Between(1, 6),
              .times = for_ever ? Fault::kForEver : random.Between(1, 2)};
  fault.sectors_written = random.Below(4);
  fault.pages = random.OneIn(2) ? PagesAfterFailure::kKept : PagesAfterFailure::kDropped;
  const bool takes_space =
      fault.kind == Kind::kWrite || fault.kind == Kind::kAllocate || fault.kind == Kind::kCreate;
  if (takes_space && random.OneIn(2)) {
    fault = DiskFull(fault);
  } else if (fault.kind == Kind::kOpen || (fault.kind == Kind::kCreate && random.OneIn(2))) {
    fault = TooManyOpenFiles(fault);
  } else {
    fault = InputOutputError(fault);
  }
  disk_->Inject(fault);
  return absl::StrCat(OperationKindName(*fault.kind), " number ", fault.nth, " fails ",
                      for_ever ? "for ever" : absl::StrCat(fault.times, " times"), ": ",
                      fault.reason);
}

void World::ClearFaults() { disk_->ClearFaults(); }

std::string World::Die(Death death, Random& random) {
  const CrashImage image = moment_ ? *std::move(moment_) : disk_->Freeze();
  moment_.reset();
  disk_->Kill();
  dead_ = std::move(disk_);
  if (death == Death::kProcess) {
    disk_ = std::make_unique<FaultFileSystem>(image.ProcessDeath());
    return "the process dies";
  }
  const LossPlan plan = RandomPlan(random);
  disk_ = std::make_unique<FaultFileSystem>(image.PowerLoss(plan));
  return absl::StrCat("the power goes: ", plan.ToString());
}

void World::DieAlone() {
  std::unique_ptr<FaultFileSystem> next = disk_->AnotherProcess();
  disk_->Kill();
  dead_alone_.push_back(std::move(disk_));
  disk_ = std::move(next);
}

}  // namespace weir::testing
