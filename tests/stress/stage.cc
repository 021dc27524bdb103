#include "stress/stage.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

std::unique_ptr<FaultFileSystem> MemoryFor(const Scenario& scenario, uint64_t seed) {
  return scenario.is_on_disk ? nullptr : std::make_unique<FaultFileSystem>(seed);
}

std::string NameOf(const Identity& identity) {
  return absl::StrCat("message ", identity.number, " of actor ", identity.actor);
}

// What heals: once, or a few times in a row.
Fault AnyFault(Random& random) {
  constexpr OperationKind kKinds[] = {
      OperationKind::kSync,     OperationKind::kSync, OperationKind::kWrite, OperationKind::kWrite,
      OperationKind::kAllocate, OperationKind::kRead, OperationKind::kOpen,  OperationKind::kCreate,
  };
  constexpr PagesAfterFailure kPages[] = {PagesAfterFailure::kKept, PagesAfterFailure::kDropped,
                                          PagesAfterFailure::kReverted};
  Fault fault{.kind = kKinds[random.Below(std::size(kKinds))],
              .nth = 1 + random.Below(4),
              .pages = kPages[random.Below(std::size(kPages))]};
  if (fault.kind == OperationKind::kOpen) return TooManyOpenFiles(fault);
  if (fault.kind == OperationKind::kSync || fault.kind == OperationKind::kRead) {
    return InputOutputError(fault);
  }
  if (fault.kind == OperationKind::kWrite && random.OneIn(2)) return InputOutputError(fault);
  fault.times = 1 + random.Below(5);
  return DiskFull(fault);
}

}  // namespace

Stage::Stage(const Scenario& scenario, int rounds, uint64_t seed, CallTable* table)
    : scenario_(scenario),
      rounds_(rounds),
      seed_(seed),
      table_(table),
      memory_(MemoryFor(scenario, seed)),
      others_(memory_ == nullptr ? nullptr : memory_->AnotherProcess()) {}

uint64_t Stage::calls() const {
  uint64_t calls = 0;
  for (const Actor& actor : actors_) calls += actor.calls();
  return calls;
}

StoreOptions Stage::Options() const {
  StoreOptions options{
      .directory = directory_ / "store",
      .background = scenario_.background,
      .segment_bytes = scenario_.segment_bytes,
      .front_bytes = scenario_.front_bytes,
      .front_directory = scenario_.has_private_front ? "private" : directory_.path(),
      .sync_interval = absl::Milliseconds(10),
      .unsynced_bytes_max = scenario_.unsynced_bytes_max,
      .read_cache_bytes = 256 << 10,
      .visibility = scenario_.visibility,
      .default_queue_count = 2};
  if (scenario_.drops) options.retention.max_bytes = 8 * scenario_.segment_bytes;
  if (memory_ != nullptr) {
    options.directory = "/store";
    options.file_system = memory_.get();
  }
  return options;
}

StoreOptions Stage::OptionsOfOthers() const {
  StoreOptions options = Options();
  if (others_ != nullptr) options.file_system = others_.get();
  return options;
}

void Stage::Hurt(Actor& me) {
  if (!scenario_.fails) return;
  memory_->ClearFaults();
  memory_->Inject(AnyFault(me.random()));
}

void Stage::EndHurting() {
  if (memory_ != nullptr) memory_->ClearFaults();
}

Actor& Stage::NewActor() {
  const auto number = static_cast<uint32_t>(actors_.size());
  return actors_.emplace_back(number, Random::Mix(seed_, number), table_, &complaints_);
}

void Stage::StartProducer(std::function<void(Actor&)> part) {
  Actor& me = NewActor();
  if (producers_.empty()) first_producer_ = me.number();
  producers_.emplace_back([part = std::move(part), &me] { part(me); });
}

void Stage::StartCloser(std::function<void(Actor&)> part) {
  closers_.emplace_back([this, part = std::move(part), &me = NewActor()] {
    may_close_.wait(false, std::memory_order_acquire);
    part(me);
  });
}

void Stage::StartOther(std::function<void(Actor&)> part) {
  rest_.emplace_back([part = std::move(part), &me = NewActor()] { part(me); });
}

void Stage::AwaitAll() {
  for (std::thread& thread : producers_) thread.join();
  LetClose();
  for (std::thread& thread : closers_) thread.join();
  is_done_.store(true, std::memory_order_release);
  for (std::thread& thread : rest_) thread.join();
}

void Stage::ExpectOfAppend(Actor& me, const absl::Status& status, absl::Duration timeout) const {
  if (timeout < absl::InfiniteDuration() && absl::IsDeadlineExceeded(status)) return;
  ExpectOfCall(me, status);
}

void Stage::ExpectOfCall(Actor& me, const absl::Status& status) const {
  if (scenario_.fails) {
    return me.ExpectAmong(status,
                          {absl::StatusCode::kResourceExhausted, absl::StatusCode::kDataLoss,
                           absl::StatusCode::kFailedPrecondition, absl::StatusCode::kUnavailable});
  }
  if (may_be_closed()) return me.ExpectAmong(status, {absl::StatusCode::kFailedPrecondition});
  me.Expect(status.ok(), status.ToString());
}

bool Stage::MayMiss(bool is_other) const {
  const bool hears_late =
      scenario_.has_private_front && scenario_.visibility == Visibility::kOnDurable;
  return is_other && (scenario_.fails || hears_late);
}

void Stage::ExpectRefused(Actor& me, const absl::Status& status) const {
  // Of a closed one nobody is the second.
  if (status.ok()) return me.Expect(may_be_closed(), "two writers have the store open");
  if (!scenario_.fails) me.Expect(absl::IsUnavailable(status), status.ToString());
}

Fate Stage::FateOf(const absl::Status& status) {
  if (status.ok()) return Fate::kAcknowledged;
  const bool is_open_question =
      absl::IsDataLoss(status) || absl::IsFailedPrecondition(status) || absl::IsUnavailable(status);
  return is_open_question ? Fate::kUncertain : Fate::kNeverThere;
}

bool Stage::MustBeThere(const Told& told, const Remains& remains) const {
  if (told.fate != Fate::kAcknowledged || told.receipt.position < remains.begin) return false;
  if (!scenario_.fails) return true;
  // Of a wait that ended without a level nothing was promised. What only private memory has is gone
  // if it could not be written in the end; and what a failed sync took that neither the front nor
  // the kernel has any more is lost if it is told of, unless it was synced.
  if (told.receipt.reached == Durability::kDisk) return true;
  if (told.receipt.reached == Durability::kNone) return false;
  if (!remains.was_closed && scenario_.has_private_front) return false;
  return std::none_of(remains.damage.begin(), remains.damage.end(), [&](const DamagedRange& lost) {
    return told.receipt.position >= lost.begin && told.receipt.position < lost.end;
  });
}

void Stage::Judge(Actor& me, const Remains& remains) const {
  std::map<Identity, Told> told;
  for (const Actor& actor : actors_) {
    for (const Told& one : actor.told()) {
      const auto [known, is_new] = told.emplace(one.identity, one);
      if (!is_new && one.fate > known->second.fate) known->second = one;
    }
  }
  for (const DamagedRange& range : remains.damage) {
    me.Expect(scenario_.fails, absl::StrCat("damaged at ", range.begin.value(), " to ",
                                            range.end.value(), ": ", range.reason));
  }
  for (const Identity& identity : remains.found) {
    const auto sent = told.find(identity);
    me.Expect(sent != told.end() && sent->second.fate != Fate::kNeverThere,
              absl::StrCat(NameOf(identity), " is there and must not be"));
    me.Expect(remains.found.count(identity) == 1,
              absl::StrCat(NameOf(identity), " is there twice"));
  }
  for (const auto& [identity, last] : told) {
    me.Expect(!MustBeThere(last, remains) || remains.found.contains(identity),
              absl::StrCat(NameOf(identity), " at ", last.receipt.position.value(),
                           " is lost, which had reached ", DurabilityName(last.receipt.reached)));
  }
}

}  // namespace weir::testing
