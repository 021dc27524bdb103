#include <algorithm>

#include "absl/strings/str_cat.h"
#include "differential/store_program.h"

namespace weir::testing {
namespace {

bool IsDocumented(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
      return true;
    default:
      return false;
  }
}

}  // namespace

StoreProgram::Ordinal StoreProgram::FirstClaim() const {
  Ordinal first = ~Ordinal{0};
  for (const OpenClaim& open : claims_) first = std::min(first, open.ordinal);
  return first;
}

void StoreProgram::EndLife() {
  const uint64_t choice = random_.Below(100);
  if (choice < 40) return CloseStore();
  if (choice < 52) return DieAlone();
  DieOf(random_.OneIn(2) ? Death::kProcess : Death::kPower, random_.OneIn(2));
}

void StoreProgram::CloseStore() {
  if (has_trouble_ && random_.OneIn(2)) EndTrouble();
  while (!claims_.empty()) random_.OneIn(2) ? Commit() : GiveUp();
  const bool is_asked = !random_.OneIn(4);
  const bool had_trouble = has_trouble_ || is_read_only_;
  absl::Status status;
  trace_.Count();
  if (is_asked) status = store_->Close();
  trace_.Note("close: ", status.ToString());
  if (!status.ok() && !had_trouble) trace_.Mismatch("close: ", status.ToString());
  store_.reset();  // what waits is called back here at the latest
  if (!pending_.empty()) trace_.Mismatch("never called back for record ", pending_[0].ordinal);
  const bool is_clean = status.ok() && (is_asked || !had_trouble);
  if (has_trouble_) {
    world_.ClearFaults();
    trace_.Note("faults end");
  }
  Forget();
  knows_voids_ = false;
  OpenAgain(is_clean ? model_.log_end() : places_.in_process(), is_clean);
}

void StoreProgram::DieAlone() {
  trace_.Note("the writer dies alone with ", claims_.size(), " claims");
  expected_voids_ = claims_.size();
  knows_voids_ = true;
  world_.DieAlone();
  remains_.push_back(std::move(store_));
  // Its claims lie in memory that others are going to write: they are never given up.
  static auto* const lost_claims = new std::vector<std::vector<OpenClaim>>;
  lost_claims->push_back(std::move(claims_));
  Forget();
  // Faults are of the machine.
  world_.ClearFaults();
  if (is_shared_) model_.Die();
  if (is_shared_ && !readers_.empty() && random_.OneIn(2)) ReadBeside();
  OpenAgain(places_.in_process(), false);
}

void StoreProgram::DieOf(Death death, bool within_a_call) {
  expected_voids_ = claims_.size();
  knows_voids_ = !within_a_call;
  if (within_a_call) {
    const Places::Acknowledged before = places_.acknowledged();
    const std::set<std::string> durable_topics = durable_topics_;
    std::vector<Ordinal> open;
    for (const OpenClaim& claim : claims_) open.push_back(claim.ordinal);
    world_.ArmMoment(random_.Between(1, random_.OneIn(3) ? 30 : 6));
    DoSomethingWithin();
    if (world_.DisarmMoment()) {
      trace_.Note("the death came within this call");
      places_.Restore(before);
      durable_topics_ = durable_topics;
      for (const Ordinal ordinal : open) {
        const bool is_published = model_.record(ordinal).state == ReferenceModel::State::kPublished;
        places_[ordinal].may_be_void = is_published;
      }
    }
  }
  readers_.clear();
  const LogPosition highest = places_.highest();
  trace_.Note(world_.Die(death, random_), ", ", claims_.size(), " claims");
  ++life_;
  claims_.clear();
  store_.reset();
  Forget();
  // What a power loss took is not given again; a process that goes on in its file may.
  if (death == Death::kPower) floor_position_ = std::max(floor_position_, highest);
  const bool survives_process = death == Death::kProcess;
  OpenAgain(survives_process ? places_.in_process() : places_.on_disk(), false);
}

void StoreProgram::DoSomethingWithin() {
  for (uint64_t calls = random_.Between(1, 3); calls > 0 && !trace_.failed(); --calls) {
    switch (random_.Below(7)) {
      case 0:
        Append();
        break;
      case 1:
        AppendBatch();
        break;
      case 2:
        Commit();
        break;
      case 3:
        Flush();
        break;
      case 4:
        AdvanceClock();
        Work();
        break;
      case 5:
        FindOrCreateTopic();
        break;
      default:
        if (!claims_.empty()) break;
        trace_.Note("close: ", store_->Close().ToString());
        return;
    }
  }
}

// A life is over: nothing of it is waited for.
void StoreProgram::Forget() {
  ++life_;
  claims_.clear();
  pending_.clear();
  has_trouble_ = false;
  is_read_only_ = false;
  durable_ = written_ = LogPosition(0);
  world_.SetHasty(false);
}

void StoreProgram::OpenAgain(Ordinal floor, bool expects_clean) {
  if (random_.OneIn(2)) settings_.ChooseAgain(random_);
  if (random_.OneIn(3)) world_.Advance(random_);
  // Deaths within the open itself.
  while (random_.OneIn(6) && !trace_.failed()) {
    world_.ArmMoment(random_.Between(1, 60));
    if (!OpenOnce()) return;
    if (world_.DisarmMoment()) {
      readers_.clear();
      const Death death = random_.OneIn(2) ? Death::kProcess : Death::kPower;
      trace_.Note("within the open: ", world_.Die(death, random_));
      if (death == Death::kPower && !expects_clean) {
        floor = std::min(floor, places_.on_disk());
        // Only what a process that died before had not written is given again.
        if (is_shared_) floor_position_ = std::max(floor_position_, places_.highest());
      }
      knows_voids_ = expects_clean = false;
    }
    store_.reset();
    if (random_.OneIn(3)) settings_.ChooseAgain(random_);
    knows_voids_ = false;
  }
  if (random_.OneIn(6)) {
    knows_voids_ = false;  // an open that fails may have come so far
    if (OpenWithTrouble()) expects_clean = false;
  }
  if (!OpenOnce()) return;
  CheckRecovery(expects_clean);
  if (!trace_.failed()) ResolveSurvivors(floor);
  if (!trace_.failed() && random_.OneIn(4)) ReadEverything();
}

StoreOptions StoreProgram::OptionsToOpen() {
  StoreOptions options = settings_.options();
  options.file_system = &world_.disk();
  options.clock = &world_.clock();
  // Whose front is adopted after several opens that died is not known: limits are the smallest.
  front_bytes_ =
      front_bytes_ == 0 ? options.front_bytes : std::min(front_bytes_, options.front_bytes);
  return options;
}

bool StoreProgram::OpenOnce() {
  const StoreOptions options = OptionsToOpen();
  trace_.Count();
  auto opened = MessageStore::Open(options);
  trace_.Note("open with ", settings_.ToString(), ": ", opened.status().ToString());
  if (!opened.ok()) {
    trace_.Mismatch("open: ", opened.status().ToString());
    return false;
  }
  store_ = *std::move(opened);
  return true;
}

// An open that meets faults; whether they may have left the store not as it was.
bool StoreProgram::OpenWithTrouble() {
  const uint64_t failures = world_.disk().failures();
  trace_.Note("fault: ", world_.InjectFault(random_, random_.OneIn(3)));
  world_.SetHasty(true);
  const StoreOptions options = OptionsToOpen();
  trace_.Count();
  auto opened = MessageStore::Open(options);
  const bool was_hit = world_.disk().failures() != failures;
  trace_.Note("open in trouble: ", opened.status().ToString(), ", hit ", was_hit);
  if (!opened.ok() && (!was_hit || !IsDocumented(opened.status()))) {
    trace_.Mismatch("open in trouble: ", opened.status().ToString());
  }
  if (opened.ok()) opened->reset();  // closes, or tries to
  const bool is_as_it_was = world_.disk().failures() == failures;
  world_.ClearFaults();
  world_.SetHasty(false);
  return !is_as_it_was;
}

void StoreProgram::CheckRecovery(bool expects_clean) {
  const RecoveryReport& report = store_->recovery();
  const StoreInfo info = store_->Info();
  const bool may_adopt = is_shared_ && !expects_clean;
  if (report.front_adopted && !may_adopt && knows_voids_) trace_.Mismatch("a front from nowhere");
  if (!report.front_adopted) front_bytes_ = settings_.front_bytes;
  knows_front_ = !report.front_adopted;
  is_shared_ = info.front_is_shared;
  visibility_ = settings_.visibility;
  trace_.Note("opened: adopted ", report.front_adopted, ", shared ", is_shared_, ", clean ",
              report.was_clean, ", end ", report.end.value(), ", dropped ", report.dropped_records,
              ", voided ", report.voided_claims);
  if (!report.front_adopted && is_shared_ == settings_.is_private()) {
    trace_.Mismatch("the front is ", is_shared_ ? "shared" : "private");
  }
  if (!report.damage.empty()) trace_.Mismatch("damage: ", report.damage[0].reason);
  if (report.possible_loss) trace_.Mismatch("possible loss: ", report.notes.back());
  if (expects_clean && !report.was_clean) trace_.Mismatch("it was closed and is not clean");
  if (store_->state() != StoreState::kHealthy) trace_.Mismatch("not healthy: ", info.reason);
  if (knows_voids_ && report.front_adopted && report.voided_claims != expected_voids_) {
    trace_.Mismatch(report.voided_claims, " voided claims, expected ", expected_voids_);
  }
}

bool StoreProgram::IsPresent(Ordinal ordinal) {
  const auto& record = model_.record(ordinal);
  const auto bounds =
      store_->Bounds(record.content.queues[0].topic, record.content.queues[0].queue_id);
  return bounds.ok() && bounds->end.value() > record.offsets[0];
}

// Finds out how much of what nobody had promised is there: it must be a prefix of what was
// appended.
void StoreProgram::ResolveSurvivors(Ordinal floor) {
  Ordinal end = floor;
  while (end < model_.log_end() && IsPresent(end)) ++end;
  trace_.Note(end, " of ", model_.log_end(), " records are there, ", floor, " must be");
  if (end != 0 && end < places_.size() && places_[end].group != 0 &&
      places_[end - 1].group == places_[end].group) {
    return trace_.Mismatch("group ", places_[end].group, " is torn");
  }
  model_.LosePower(end);
  places_.Cut(end);
  ResolveTopics();
  RefreshVisible();
  for (Ordinal ordinal = 0; ordinal < end && !trace_.failed(); ++ordinal) {
    if (!places_[ordinal].may_be_void) continue;
    places_[ordinal].may_be_void = false;
    const auto found = store_->ReadAt(places_[ordinal].position);
    if (absl::IsNotFound(found.status())) model_.GiveUp(ordinal);
    trace_.Note("record ", ordinal, " is ", found.ok() ? "there" : "a void");
  }
  // What a process had not written is given again by the next one.
  places_.set_highest(end == 0 ? floor_position_ : std::max(floor_position_, places_[end - 1].end));
  NoteEnds();
  if (is_shared_ && end != 0) Acknowledge(end - 1, Durability::kProcess);
}

void StoreProgram::ResolveTopics() {
  for (const std::string& topic : model_.Topics()) {
    const auto found = store_->FindTopic(topic);
    if (found.ok() && found->queue_count() == model_.QueueCount(topic)) continue;
    const bool may_be_lost =
        model_.CreatedAt(topic) >= model_.log_end() && durable_topics_.count(topic) == 0;
    if (found.ok() || !may_be_lost) {
      return trace_.Mismatch("topic ", topic, ": ", found.status().ToString());
    }
    trace_.Note("topic ", topic, " is lost");
    model_.ForgetTopic(topic);
  }
  std::erase_if(queue_of_key_, [&](const auto& key) { return !model_.HasTopic(key.first.first); });
  for (const TopicInfo& info : store_->Info().topics) {
    if (!model_.HasTopic(info.name)) trace_.Mismatch("topic ", info.name, " from nowhere");
  }
}

}  // namespace weir::testing
