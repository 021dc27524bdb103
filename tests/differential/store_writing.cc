#include <algorithm>

#include "absl/strings/str_cat.h"
#include "differential/store_program.h"

namespace weir::testing {
namespace {

bool MayBeInTheLog(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsInternal(status);
}

Place PlaceOf(const Receipt& receipt, uint64_t bytes) {
  return {.position = receipt.position,
          .knows_position = true,
          .end = receipt.end,
          .bytes_max = bytes,
          .bytes_min = bytes};
}

}  // namespace

uint64_t StoreProgram::record_bytes_max() const {
  return std::min(settings_.segment_bytes, front_bytes_) / 4;
}

AppendOptions StoreProgram::RandomAppendOptions() {
  AppendOptions options;
  options.durability = random_.OneIn(5)   ? Durability::kDisk
                       : random_.OneIn(6) ? Durability::kNone
                                          : Durability::kProcess;
  // With faults about every wait needs an end.
  if (has_trouble_ || random_.OneIn(8)) {
    options.timeout = absl::Milliseconds(random_.OneIn(2) ? 0 : 8);
  }
  return options;
}

bool StoreProgram::MayBeRefused(const AppendOptions& options) const {
  return has_trouble_ || is_read_only_ || !claims_.empty() ||
         options.timeout != absl::InfiniteDuration();
}

Draft StoreProgram::NextDraft(uint64_t bytes_max) {
  Draft draft = drafts_.Next(bytes_max, model_,
                             [this](const std::string& topic) { return QueueCountOf(topic); });
  const std::string& topic = draft.content.queues[0].topic;
  if (!model_.HasTopic(topic) && settings_.default_queue_count == 0) {
    if (has_trouble_ || is_read_only_ || !claims_.empty()) {
      // Nothing can be appended before there is a topic; refusals are tested elsewhere.
      if (model_.Topics().empty()) return draft;
      draft.content.queues = {{model_.Topics()[0], 0}};
    } else {
      CreateTopicOfName(topic, draft.content.queues[0].queue_id + 1);
    }
  }
  // What becomes of a message that may be in the log is found out by its queue.
  if (has_trouble_ || !claims_.empty()) draft.names_queue = true;
  return draft;
}

void StoreProgram::Acknowledge(Ordinal ordinal, Durability reached) {
  places_.Acknowledge(ordinal, reached);
}

StoreProgram::Ordinal StoreProgram::Accept(Draft& draft, const Receipt& receipt, const Place& place,
                                           bool is_claim) {
  ReferenceModel::Content& content = draft.content;
  QueueName& queue = content.queues[0];
  if (!model_.HasTopic(queue.topic)) model_.CreateTopic(queue.topic, settings_.default_queue_count);
  if (draft.names_queue && receipt.queue_id != queue.queue_id) {
    trace_.Mismatch("a receipt of queue ", receipt.queue_id, " for queue ", queue.queue_id);
  }
  queue.queue_id = receipt.queue_id;
  if (receipt.queue_id >= model_.QueueCount(queue.topic)) {
    trace_.Mismatch("a receipt of queue ", receipt.queue_id);
    queue.queue_id = 0;
  }
  if (!draft.names_queue && !content.ordering_key.empty()) {
    const auto known =
        queue_of_key_.try_emplace({queue.topic, content.ordering_key}, queue.queue_id).first;
    if (known->second != queue.queue_id) trace_.Mismatch("an ordering key changes its queue");
  }
  const LogPosition before = places_.size() == 0 ? LogPosition(0) : places_[places_.size() - 1].end;
  const bool follows_member =
      place.group != 0 && places_.size() != 0 && places_[places_.size() - 1].group == place.group;
  if (place.knows_position &&
      (place.position < floor_position_ || place.end < place.position + place.bytes_min ||
       (!follows_member && place.position < before))) {
    trace_.Mismatch("a place at ", place.position.value(), " to ", place.end.value(), " behind ",
                    before.value(), ", above ", floor_position_.value());
  }
  const Ordinal ordinal = is_claim ? model_.Claim(content) : model_.Append(content);
  places_.Add(place);
  if (receipt.queue_offset.value() != model_.record(ordinal).offsets[0]) {
    trace_.Mismatch("record ", ordinal, " of ", queue.topic, "/", queue.queue_id, " has offset ",
                    receipt.queue_offset.value(), ", not ", model_.record(ordinal).offsets[0]);
  }
  return ordinal;
}

void StoreProgram::Append() {
  Draft draft = NextDraft(record_bytes_max());
  const AppendOptions options = RandomAppendOptions();
  const uint64_t before =
      MayBeRefused(options) ? Appended(draft.content.queues[0].topic) : uint64_t{0};
  trace_.Count();
  const auto receipt = store_->Append(draft.message(), options);
  if (!receipt.ok()) {
    std::vector<Draft> drafts = {std::move(draft)};
    return AfterRefusal(receipt.status(), drafts, before, options);
  }
  const Ordinal ordinal =
      Accept(draft, *receipt, PlaceOf(*receipt, receipt->end - receipt->position), false);
  trace_.Note("append ", ordinal, " to ", draft.content.queues[0].topic, "/", receipt->queue_id,
              " ", draft.content.queues.size(), " queues, ", draft.content.body.size(),
              " bytes, asks ", DurabilityName(options.durability), ": at ",
              receipt->position.value(), " to ", receipt->end.value(), ", offset ",
              receipt->queue_offset.value(), ", ", DurabilityName(receipt->reached));
  if (receipt->reached < options.durability && !MayBeRefused(options)) {
    trace_.Mismatch("append reached only ", DurabilityName(receipt->reached));
  }
  Acknowledge(ordinal, receipt->reached);
}

void StoreProgram::AppendBatch() {
  // Of this the store accepts everything; what is between and a half of the smaller is its choice.
  const uint64_t group_max = std::min(settings_.segment_bytes, front_bytes_) * 3 / 8;
  const size_t wanted = random_.Between(1, random_.OneIn(4) ? 12 : 4);
  std::vector<Draft> drafts;
  uint64_t bytes = 48;
  for (size_t i = 0; i < wanted; ++i) {
    Draft draft = NextDraft(std::min(record_bytes_max(), group_max / wanted + 100));
    if (bytes + draft.bytes_max() > group_max) break;
    bytes += draft.bytes_max();
    drafts.push_back(std::move(draft));
  }
  if (drafts.empty()) return;
  std::vector<Message> messages;
  for (Draft& draft : drafts) messages.push_back(draft.message());
  const AppendOptions options = RandomAppendOptions();
  const uint64_t before =
      MayBeRefused(options) ? Appended(drafts[0].content.queues[0].topic) : uint64_t{0};
  trace_.Count();
  const auto receipts = store_->Append(messages, options);
  if (!receipts.ok()) return AfterRefusal(receipts.status(), drafts, before, options);
  if (receipts->size() != drafts.size()) return trace_.Mismatch("receipts of another number");
  ++groups_;
  // Topics are created before the first message has its place.
  for (const Draft& draft : drafts) {
    const std::string& topic = draft.content.queues[0].topic;
    if (!model_.HasTopic(topic)) model_.CreateTopic(topic, settings_.default_queue_count);
  }
  for (size_t i = 0; i < drafts.size(); ++i) {
    const Receipt& receipt = (*receipts)[i];
    const LogPosition end = i + 1 < drafts.size() ? (*receipts)[i + 1].position : receipt.end;
    Place place = PlaceOf(receipt, end - receipt.position);
    place.group = groups_;
    const Ordinal ordinal = Accept(drafts[i], receipt, place, false);
    trace_.Note("batch ", groups_, ": append ", ordinal, " to ", drafts[i].content.queues[0].topic,
                "/", receipt.queue_id, " at ", receipt.position.value(), " to ",
                receipt.end.value(), ", offset ", receipt.queue_offset.value(), ", ",
                DurabilityName(receipt.reached));
    Acknowledge(ordinal, receipt.reached);
  }
  if (receipts->back().reached < options.durability && !MayBeRefused(options)) {
    trace_.Mismatch("a batch reached only ", DurabilityName(receipts->back().reached));
  }
}

void StoreProgram::AppendAsync() {
  Draft draft = NextDraft(record_bytes_max());
  draft.names_queue = true;  // its receipt comes later
  AppendOptions options = RandomAppendOptions();
  const uint64_t before =
      MayBeRefused(options) ? Appended(draft.content.queues[0].topic) : uint64_t{0};
  trace_.Count();
  const absl::Status status =
      store_->AppendAsync(draft.message(), options,
                          [this, life = life_](const absl::Status& why, const Receipt& receipt) {
                            CalledBack(life, why, receipt);
                          });
  if (!status.ok()) {
    std::vector<Draft> drafts = {std::move(draft)};
    return AfterRefusal(status, drafts, before, options);
  }
  const std::string& topic = draft.content.queues[0].topic;
  if (!model_.HasTopic(topic)) model_.CreateTopic(topic, settings_.default_queue_count);
  const LogPosition end = store_->Info().end;
  Receipt receipt{.end = end, .queue_id = draft.content.queues[0].queue_id};
  receipt.queue_offset =
      QueueOffset(model_.ReadQueue(draft.content.queues[0], ~uint64_t{0}, {}).given_end);
  const Ordinal ordinal =
      Accept(draft, receipt,
             {.end = end, .bytes_max = draft.bytes_max(), .bytes_min = draft.bytes_min()}, false);
  trace_.Note("append asynchronously ", ordinal, " to ", topic, "/", receipt.queue_id, " ",
              draft.content.queues.size(), " queues, to ", end.value(), ", asks ",
              DurabilityName(options.durability));
  pending_.push_back({ordinal, options.durability});
}

void StoreProgram::CalledBack(uint64_t life, const absl::Status& status, const Receipt& receipt) {
  if (life != life_) return;
  trace_.Count();
  trace_.Note("called back for ", receipt.position.value(), ": ", status.ToString(), ", ",
              DurabilityName(receipt.reached));
  if (pending_.empty()) return trace_.Mismatch("a callback too many");
  const Pending pending = pending_.front();
  pending_.pop_front();
  Place& place = places_[pending.ordinal];
  const auto& record = model_.record(pending.ordinal);
  if (receipt.end != place.end || receipt.queue_id != record.content.queues[0].queue_id ||
      receipt.queue_offset.value() != record.offsets[0] ||
      (place.knows_position && place.position != receipt.position)) {
    return trace_.Mismatch("a callback for record ", pending.ordinal, " with the receipt of ",
                           receipt.position.value(), " to ", receipt.end.value(), ", not to ",
                           place.end.value(), "; or out of order");
  }
  place.position = receipt.position;
  place.knows_position = true;
  if (status.ok()) {
    if (receipt.reached < pending.durability) trace_.Mismatch("called back before it was reached");
    Acknowledge(pending.ordinal, receipt.reached);
  } else if (!has_trouble_ && !is_read_only_) {
    if (store_->state() != StoreState::kReadOnly) {
      trace_.Mismatch("called back with ", status.ToString());
    }
  }
}

void StoreProgram::Claim() {
  Draft draft = NextDraft(record_bytes_max());
  draft.names_queue = true;  // a claim does not tell which queue the store chose
  const AppendOptions options = RandomAppendOptions();
  const uint64_t before =
      MayBeRefused(options) ? Appended(draft.content.queues[0].topic) : uint64_t{0};
  trace_.Count();
  auto claim = store_->Claim(draft.message(), draft.content.body.size(), options.timeout);
  if (!claim.ok()) {
    std::vector<Draft> drafts = {std::move(draft)};
    return AfterRefusal(claim.status(), drafts, before, options);
  }
  const LogPosition end = store_->Info().end;
  Receipt receipt{.position = claim->position(),
                  .end = end,
                  .queue_id = draft.content.queues[0].queue_id,
                  .queue_offset = claim->queue_offset()};
  std::string body = draft.content.body;
  if (claim->body().size() != body.size()) return trace_.Mismatch("a claim of another size");
  Place place = PlaceOf(receipt, end - receipt.position);
  place.bytes_min = draft.bytes_min() - body.size();
  const Ordinal ordinal = Accept(draft, receipt, place, /*is_claim=*/true);
  trace_.Note("claim ", ordinal, " in ", draft.content.queues[0].topic, "/", receipt.queue_id, " ",
              draft.content.queues.size(), " queues, ", body.size(), " bytes, at ",
              receipt.position.value(), " to ", end.value(), ", offset ",
              receipt.queue_offset.value());
  claims_.push_back({ordinal, std::move(body), *std::move(claim)});
}

void StoreProgram::Commit() {
  if (claims_.empty()) return;
  const size_t index = random_.Below(claims_.size());
  OpenClaim open = std::move(claims_[index]);
  claims_.erase(claims_.begin() + static_cast<ptrdiff_t>(index));
  trace_.Count();
  if (random_.OneIn(10)) {
    const auto refused = open.claim.Commit(open.body.size() + 1);
    if (!absl::IsInvalidArgument(refused.status())) {
      trace_.Mismatch("a commit of more than was claimed: ", refused.status().ToString());
    }
  }
  const size_t bytes = random_.OneIn(3) ? random_.Below(open.body.size() + 1) : open.body.size();
  std::copy_n(open.body.begin(), bytes, open.claim.body().begin());
  const AppendOptions options = RandomAppendOptions();
  auto receipt = open.claim.Commit(bytes, options);
  if (!claims_.empty() && absl::IsFailedPrecondition(receipt.status())) {
    // It would have waited for itself, so it was not committed.
    receipt = open.claim.Commit(bytes, {.durability = Durability::kNone});
    if (!receipt.ok() && !has_trouble_ && !is_read_only_) {
      trace_.Mismatch("a refused commit took the claim: ", receipt.status().ToString());
    }
  }
  trace_.Note("commit ", open.ordinal, " with ", bytes, " of ", open.body.size(), " bytes, asks ",
              DurabilityName(options.durability), ": ", receipt.status().ToString());
  model_.Commit(open.ordinal, open.body.substr(0, bytes));
  const Place& place = places_[open.ordinal];
  if (receipt.ok()) {
    if (receipt->position != place.position || receipt->end > place.end ||
        receipt->queue_offset.value() != model_.record(open.ordinal).offsets[0]) {
      trace_.Mismatch("the commit's receipt is not the claim's");
    }
    if (receipt->reached < options.durability && !MayBeRefused(options)) {
      trace_.Mismatch("a commit reached only ", DurabilityName(receipt->reached));
    }
    Acknowledge(open.ordinal, receipt->reached);
  } else if (!MayBeRefused(options)) {
    trace_.Mismatch("commit: ", receipt.status().ToString());
  }
}

void StoreProgram::GiveUp() {
  if (claims_.empty()) return;
  trace_.Count();
  trace_.Note("give up ", claims_.back().ordinal);
  model_.GiveUp(claims_.back().ordinal);
  claims_.pop_back();
}

void StoreProgram::WaitFor() {
  if (places_.size() == 0) return;
  const Ordinal ordinal = random_.Below(places_.size());
  const Place& place = places_[ordinal];
  if (!place.knows_position || model_.record(ordinal).state == ReferenceModel::State::kClaimed) {
    return;
  }
  const AppendOptions options = RandomAppendOptions();
  trace_.Count();
  const auto reached = store_->WaitFor({.position = place.position, .end = place.end},
                                       options.durability, options.timeout);
  trace_.Note("wait for ", ordinal, " ", DurabilityName(options.durability), ": ",
              reached.ok() ? DurabilityName(*reached) : reached.status().ToString());
  if (reached.ok()) {
    if (*reached < options.durability && !MayBeRefused(options)) {
      trace_.Mismatch("waited for ", ordinal, " and reached ", DurabilityName(*reached));
    }
    Acknowledge(ordinal, *reached);
  } else if (!MayBeRefused(options)) {
    trace_.Mismatch("wait: ", reached.status().ToString());
  }
}

void StoreProgram::Flush() {
  const AppendOptions options = RandomAppendOptions();
  trace_.Count();
  const absl::Status status = store_->Flush(options.timeout);
  trace_.Note("flush: ", status.ToString());
  if (status.ok()) {
    if (!claims_.empty()) return trace_.Mismatch("flushed while a claim is open");
    if (model_.log_end() != 0) Acknowledge(model_.log_end() - 1, Durability::kDisk);
  } else if (!MayBeRefused(options)) {
    trace_.Mismatch("flush: ", status.ToString());
  }
}

uint64_t StoreProgram::Appended(const std::string& topic) const {
  for (const TopicInfo& info : store_->Info().topics) {
    if (info.name == topic) return info.messages;
  }
  return 0;
}

void StoreProgram::AfterRefusal(const absl::Status& status, std::vector<Draft>& drafts,
                                uint64_t before, const AppendOptions& options) {
  trace_.Note("append to ", drafts[0].content.queues[0].topic, " asks ",
              DurabilityName(options.durability), ": ", status.ToString());
  if (!MayBeRefused(options)) return trace_.Mismatch("append: ", status.ToString());
  LearnTopics(status, drafts);
  if (Appended(drafts[0].content.queues[0].topic) == before) return;
  // It has a place after all.
  if (!MayBeInTheLog(status)) {
    return trace_.Mismatch("refused although it is in the log: ", status.ToString());
  }
  const LogPosition end = store_->Info().end;
  if (drafts.size() > 1) ++groups_;
  for (Draft& draft : drafts) {
    if (!draft.names_queue) return trace_.Mismatch("an unknown queue: ", status.ToString());
    const Receipt receipt{
        .end = end,
        .queue_id = draft.content.queues[0].queue_id,
        .queue_offset =
            QueueOffset(model_.ReadQueue(draft.content.queues[0], ~uint64_t{0}, {}).given_end)};
    const Ordinal ordinal = Accept(draft, receipt,
                                   {.end = end,
                                    .bytes_max = draft.bytes_max(),
                                    .bytes_min = draft.bytes_min(),
                                    .group = drafts.size() > 1 ? groups_ : 0},
                                   false);
    trace_.Note("record ", ordinal, " may be in the log");
  }
}

void StoreProgram::LearnTopics(const absl::Status& status, const std::vector<Draft>& drafts) {
  for (const Draft& draft : drafts) {
    const std::string& name = draft.content.queues[0].topic;
    if (model_.HasTopic(name) || !store_->FindTopic(name).ok()) continue;
    if (absl::IsInvalidArgument(status)) trace_.Mismatch("refused, and made the topic ", name);
    model_.CreateTopic(name, settings_.default_queue_count);
  }
}

}  // namespace weir::testing
