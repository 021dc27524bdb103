#include "faults/trial.h"

#include <algorithm>

#include "support/process_resources.h"

namespace weir::testing {
namespace {

// A wait that the disk does not end ends after some looks at the clock.
constexpr absl::Duration kStep = absl::Microseconds(100);

}  // namespace

Trial::Trial(SubjectShape shape, uint64_t seed, std::optional<Injection> injection)
    : shape_(std::move(shape)), injection_(std::move(injection)), random_(Random::Mix(seed, 1)) {
  clock_.AdvanceAtEveryLook(kStep);
  CrashImage nothing;
  nothing.seed = seed;
  Enter(std::move(nothing));
}

Trial::~Trial() {
  Abandon();
  FailingMemory::BringBack();
}

void Trial::FailMemory(MemoryFailure failure) {
  memory_failure_ = failure;
  FailingMemory::Fail(failure, shape_.has_workers);
}

void Trial::Enter(CrashImage image) {
  disk_ = std::make_unique<FaultFileSystem>(image);
  if (injection_.has_value()) {
    // The fault is counted over all processes; a part of it may be past.
    const uint64_t begin = injection_->call;
    const uint64_t times = injection_->fault.times;
    const uint64_t end = times == Fault::kForEver ? times : begin + times;
    const uint64_t made = calls_.size();
    if (end > made) {
      Fault fault = injection_->fault;
      fault.nth = std::max(begin, made) - made + 1;
      if (times != Fault::kForEver) fault.times = end - std::max(begin, made);
      disk_->Inject(fault);
    }
  }
  // Workers make calls of their own, whose order nobody knows.
  if (shape_.has_workers) return;
  disk_->SetHook([this](const Operation& operation) {
    const uint64_t call = calls_.size();
    const bool is_watched = std::find(watched_.begin(), watched_.end(), call) != watched_.end();
    if (is_watched && !is_wounded_) {
      moments_.push_back({.image = disk_->Freeze(), .as_of = history_.now(), .call = call});
    }
    calls_.push_back(operation.kind);
  });
}

void Trial::DropStore() {
  WithinSound("a destructor", [&] {
    claims_.clear();
    subject_.Destroy();
  });
  CheckThreads();
}

void Trial::CheckThreads() {
  if (!shape_.has_workers) return;
  const uint64_t count = ProcessResources::Threads(1);
  if (count != 1) Problem(absl::StrCat(count - 1, " threads are left behind"));
}

void Trial::Abandon() {
  failed_before_ += disk_->failures();
  disk_->SetHook(nullptr);
  disk_->Kill();
  if (reader_disk_ != nullptr) reader_disk_->Kill();
  WithinSound("a reader's destructor", [&] { reader_.reset(); });
  DropStore();
  SettleOutcomes();
  outcomes_.Forget();
  if (disk_->open_handles() != 0) {
    Problem(absl::StrCat(disk_->open_handles(), " handles are left behind"));
  }
}

uint64_t Trial::failed_calls() const { return failed_before_ + disk_->failures(); }

uint64_t Trial::failed_allocations() const {
  return memory_failure_.has_value() ? FailingMemory::failures() : 0;
}

bool Trial::HasPassed() const {
  if (memory_failure_.has_value()) {
    return !memory_failure_->is_for_ever && failed_allocations() > 0;
  }
  return injection_.has_value() && injection_->fault.times != Fault::kForEver &&
         calls_.size() >= injection_->call + injection_->fault.times;
}

void Trial::Judge(const char* what, const absl::Status& status, uint64_t failures_before) {
  if (is_open() && subject_.state() > StoreState::kClosed) Problem("no such state");
  if (status.ok()) return;
  if (failures() == 0) Problem(absl::StrCat(what, ": ", status.ToString()));
  const bool is_alone = memory_failure_.has_value() && !memory_failure_->is_for_ever;
  // A worker whose step failed tries again after a rest.
  const bool is_rest =
      shape_.has_workers && (absl::IsDeadlineExceeded(status) || absl::IsResourceExhausted(status));
  if (is_alone && failures_before > 0 && !is_rest) {
    Problem(absl::StrCat(what, " fails behind the failure: ", status.ToString()));
  }
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss:
      break;
    case absl::StatusCode::kPermissionDenied:
      // What the file system says, where that is promised.
      break;
    default:
      Problem(absl::StrCat(what, " answers what it never should: ", status.ToString()));
  }
}

void Trial::SettleOutcomes() {
  for (const AsyncOutcomes::Outcome& outcome : outcomes_.Take()) {
    if (outcome.status.ok() && outcome.receipt.reached < outcome.asked) {
      Problem("a callback hears OK below what was asked");
    }
    // What failed may be in the log.
    history_.Settle(outcome.sent, outcome.status.ok()
                                      ? absl::StatusOr<Receipt>(outcome.receipt)
                                      : absl::StatusOr<Receipt>(absl::DataLossError("")));
  }
  if (outcomes_.WasCalledAgain()) Problem("a callback is called again");
}

StoreOptions Trial::Options() {
  StoreOptions options = SubjectOptions(shape_, disk_.get(), &clock_);
  options.state_listener = &listener_;
  return options;
}

absl::Status Trial::Reopen() {
  const uint64_t before = failed_calls();
  const absl::Status status = Within("Open", [&]() -> absl::Status {
    absl::StatusOr<Subject> opened = Subject::Open(shape_, Options());
    if (opened.ok()) subject_ = *std::move(opened);
    return opened.status();
  });
  has_opened_with_failure_ = failed_calls() > before;
  return status;
}

void Trial::Open() {
  if (Reopen().ok()) return LookAround();
  if (reader_ == nullptr && disk_->open_handles() != 0) Problem("a failed open keeps handles");
  CheckThreads();
  // Who met a fault that passes opens again.
  if (!HasPassed()) return;
  const absl::Status again = Reopen();
  if (!again.ok()) return Problem(absl::StrCat("the second Open fails too: ", again.ToString()));
  LookAround();
}

void Trial::LookAround() {
  if (!crashed_.has_value()) return;
  const Durability survives = *std::exchange(crashed_, std::nullopt);
  // In a world of its own, where nothing fails: what it delivers stays delivered.
  FaultFileSystem beside(disk_->ProcessDeath());
  ManualClock clock;
  clock.AdvanceAtEveryLook(kStep);
  absl::StatusOr<Subject> opened = Subject::Open(shape_.WithoutWorkers(), &beside, &clock);
  if (!opened.ok()) {
    return Problem(absl::StrCat("does not open twice: ", opened.status().ToString()));
  }
  // Pages that the kernel took back and that were nowhere else are holes.
  const Verdict verdict = opened->Examine(
      history_, {.survives = survives, .allows_damage = survives_death_ == Durability::kDisk});
  if (!verdict.ok()) Problem(absl::StrCat("inside the run: ", verdict.ToString()));
  // An open that met an error may owe the disk what only the front has.
  const bool is_on_disk = survives == Durability::kDisk || disk_->failures() == 0;
  history_.Reopen(verdict.delivered, is_on_disk ? Durability::kDisk : Durability::kProcess,
                  verdict.groups);
  beside.Kill();
}

void Trial::Close() {
  if (is_open()) Finish().IgnoreError();
}

void Trial::Destroy() {
  DropStore();
  if (reader_ == nullptr && disk_->open_handles() != 0) {
    Problem(absl::StrCat(disk_->open_handles(), " handles are open behind the store"));
  }
}

absl::Status Trial::Finish() {
  WithinSound("a claim's destructor", [&] { claims_.clear(); });
  const absl::Status status = Within("Close", [&] { return subject_.Close(); });
  is_closed_well_ = status.ok();
  if (status.ok()) history_.ReachAll(Durability::kDisk);
  if (outcomes_.waiting() != 0) {
    Problem(absl::StrCat("Close() leaves ", outcomes_.waiting(), " callbacks uncalled"));
  }
  if (listener_.last() != StoreState::kClosed) Problem("the listener does not hear of the close");
  Destroy();
  return status;
}

void Trial::KillAndOpen() { GoOn(disk_->ProcessDeath(), survives_death_); }

void Trial::CutPowerAndOpen() {
  const CrashImage moment = disk_->Freeze();
  const std::vector<LossPlan> plans = moment.LossPlans({.seed = random_.Next()});
  const LossPlan& plan = plans[static_cast<size_t>(random_.Below(plans.size()))];
  history_.LosePower();
  GoOn(moment.PowerLoss(plan), Durability::kDisk);
}

void Trial::KillWriter() { EnterAfter(disk_->ProcessDeath(), survives_death_); }

void Trial::GoOn(CrashImage image, Durability survives) {
  EnterAfter(std::move(image), survives);
  Open();
}

void Trial::EnterAfter(CrashImage image, Durability survives) {
  Abandon();
  reader_disk_ = nullptr;
  Enter(std::move(image));
  crashed_ = std::max(crashed_.value_or(survives), survives);
}

void Trial::Heal() {
  disk_->ClearFaults();
  FailingMemory::BringBack();
}

void Trial::Resume(bool may_be_read_only) {
  if (!is_open()) {
    const absl::Status status = Reopen();
    if (!status.ok()) return Problem(absl::StrCat("does not open again: ", status.ToString()));
    LookAround();
  }
  if (subject_.state() == StoreState::kReadOnly && has_opened_with_failure_) {
    // What an open could not read of the log it refuses appends for, until the next open.
    Finish().IgnoreError();
    const absl::Status status = Reopen();
    if (!status.ok()) return Problem(absl::StrCat("does not open again: ", status.ToString()));
  }
  // Whatever rests before it tries again has rested.
  for (int i = 0; i < 4; ++i) RunUntilIdle();
  if (subject_.state() == StoreState::kReadOnly) {
    if (!may_be_read_only) Problem(absl::StrCat("read-only for good: ", subject_.reason()));
    return;
  }
  if (!shape_.is_journal && topics_.empty()) CreateTopic("after");
  const size_t sent = Send();
  const absl::StatusOr<Receipt> receipt = subject_.Append(
      history_[sent], {.durability = Durability::kDisk, .timeout = absl::Seconds(10)});
  history_.Settle(sent, receipt);
  if (!receipt.ok()) {
    Problem(absl::StrCat("no append behind the fault: ", receipt.status().ToString()));
  } else if (receipt->reached != Durability::kDisk) {
    Problem("an append behind the fault is not durable");
  }
  if (reader_ == nullptr) return;
  // What a device did not give when it opened it never looks for again.
  const bool has_met_device = failed_calls() > 0;
  Expectation expectation{
      .allows_damage = has_met_device, .allows_read_only = has_met_device, .is_thorough = true};
  if (has_met_device) expectation.may_be_lost = [](size_t) { return true; };
  const Verdict verdict = Examine(*reader_, history_, expectation);
  if (!verdict.ok()) Problem(absl::StrCat("the reader: ", verdict.ToString()));
}

}  // namespace weir::testing
