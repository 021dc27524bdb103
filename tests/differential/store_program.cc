#include "differential/store_program.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weir::testing {

StoreProgram::StoreProgram(uint64_t seed, Trace& trace)
    : trace_(trace),
      random_(seed),
      drafts_(Random::Mix(seed, 1)),
      world_(Random::Mix(seed, 2)),
      settings_(Settings::Choose(random_)),
      answers_(model_, places_) {}

StoreProgram::~StoreProgram() {
  ++life_;  // nobody listens to what is still called back
  readers_.clear();
  claims_.clear();
  store_.reset();
}

void StoreProgram::Run() {
  trace_.Note("a store: ", settings_.ToString());
  OpenAgain(0, /*expects_clean=*/true);
  for (uint64_t steps = random_.Between(100, 900); steps > 0 && !trace_.failed(); --steps) Step();
  if (trace_.failed()) return;
  EndTrouble();
  if (!trace_.failed()) EndLife();
  if (!trace_.failed()) ReadEverything();
  if (!trace_.failed()) VerifyAndDump();
}

void StoreProgram::Step() {
  // A store that refuses appends has little more to say.
  if (is_read_only_ && random_.OneIn(10)) return EndLife();
  if (has_trouble_ && random_.OneIn(12)) return EndTrouble();
  const uint64_t choice = random_.Below(1000);
  if (choice < 220) return Append();
  if (choice < 270) return AppendAsync();
  if (choice < 330) return AppendBatch();
  if (choice < 350) return claims_.size() < 3 ? Claim() : Commit();
  if (choice < 385) return Commit();
  if (choice < 395) return GiveUp();
  if (choice < 410) return WaitFor();
  if (choice < 420) return Flush();
  if (choice < 480) return Work();
  if (choice < 640) return Read();
  if (choice < 690) return ReadTopic();
  if (choice < 740) return ReadBackwards();
  if (choice < 780) return ReadLast();
  if (choice < 830) return ReadAt();
  if (choice < 870) return Bounds();
  if (choice < 885) return FindOrCreateTopic();
  if (choice < 895) return AppendInvalid();
  if (choice < 900) return ReadInvalid();
  if (choice < 920) return AdvanceClock();
  if (choice < 926) return Describe();
  if (choice < 928) return VerifyAndDump();
  if (choice < 984) return ReadBeside();
  if (choice < 988) return MakeTrouble();
  if (choice < 997) return EndLife();
}

void StoreProgram::Work() {
  for (uint64_t calls = random_.Between(1, 4); calls > 0; --calls) {
    trace_.Count();
    const absl::Duration rest = store_->RunOnce();
    trace_.Note("run once: rest ", absl::FormatDuration(rest));
  }
}

void StoreProgram::AdvanceClock() {
  world_.Advance(random_);
  trace_.Note("advance the clock");
}

void StoreProgram::MakeTrouble() {
  if (has_trouble_ || is_read_only_) return;
  has_trouble_ = true;
  world_.SetHasty(true);
  for (uint64_t faults = random_.Between(1, 2); faults > 0; --faults) {
    trace_.Note("fault: ", world_.InjectFault(random_, random_.OneIn(3)));
  }
}

void StoreProgram::EndTrouble() {
  if (!has_trouble_) return;
  has_trouble_ = false;
  world_.ClearFaults();
  trace_.Note("faults end");
  // What can heal heals by the work that is due.
  for (int calls = 0; calls < 12; ++calls) {
    store_->RunOnce();
    world_.clock().Advance(absl::Milliseconds(100));
  }
  world_.SetHasty(false);
  const StoreState state = store_->state();
  is_read_only_ = state == StoreState::kReadOnly;
  trace_.Note("state ", StoreStateName(state), ": ", store_->Info().reason);
  if (state == StoreState::kDegraded && claims_.empty()) {
    trace_.Mismatch("does not heal: ", store_->Info().reason);
  }
}

uint32_t StoreProgram::QueueCountOf(const std::string& topic) const {
  const uint32_t known = model_.QueueCount(topic);
  return known != 0 ? known : std::max(settings_.default_queue_count, 1u);
}

void StoreProgram::FindOrCreateTopic() {
  const std::string name = drafts_.TopicName();
  trace_.Count();
  switch (random_.Below(3)) {
    case 0: {
      const auto topic = store_->FindTopic(name);
      trace_.Note("find topic ", name, ": ", topic.status().ToString());
      const bool is_right = model_.HasTopic(name)
                                ? topic.ok() && topic->queue_count() == model_.QueueCount(name) &&
                                      topic->name() == name
                                : absl::IsNotFound(topic.status());
      if (!is_right) trace_.Mismatch("FindTopic ", name, ": ", topic.status().ToString());
      return;
    }
    case 1: {
      // It may wait for room, and nobody but this thread could make some.
      if (has_trouble_ || is_read_only_ || !claims_.empty()) return;
      const auto topic = store_->OpenTopic(name);
      trace_.Note("open topic ", name, ": ", topic.status().ToString());
      const bool creates = !model_.HasTopic(name) && settings_.default_queue_count != 0;
      if (creates) model_.CreateTopic(name, settings_.default_queue_count);
      const bool is_right = model_.HasTopic(name)
                                ? topic.ok() && topic->queue_count() == model_.QueueCount(name)
                                : absl::IsNotFound(topic.status());
      if (!is_right) trace_.Mismatch("OpenTopic ", name, ": ", topic.status().ToString());
      return;
    }
    default:
      if (has_trouble_ || is_read_only_ || !claims_.empty()) return;
      CreateTopicOfName(name, static_cast<uint32_t>(random_.Between(random_.OneIn(10) ? 0 : 1, 4)));
  }
}

void StoreProgram::CreateTopicOfName(const std::string& name, uint32_t queue_count) {
  const bool was_there = model_.HasTopic(name);
  const auto topic = store_->CreateTopic(name, queue_count);
  const absl::StatusCode expected = model_.CreateTopic(name, queue_count);
  trace_.Note("create topic ", name, " with ", queue_count, ": ", topic.status().ToString());
  if (topic.status().code() != expected) {
    return trace_.Mismatch("CreateTopic ", name, " with ", queue_count, ": ",
                           topic.status().ToString());
  }
  if (!topic.ok() || was_there) return;
  durable_topics_.insert(name);
  if (model_.log_end() != 0 && claims_.empty())
    Acknowledge(model_.log_end() - 1, Durability::kDisk);
}

}  // namespace weir::testing
