#include "support/judgement.h"

#include <algorithm>
#include <utility>

namespace weir::testing {
namespace {

using Kind = Violation::Kind;
using Sent = SendHistory::Sent;

}  // namespace

Judgement::Judgement(const SendHistory& history, const Expectation& expectation)
    : history_(history), expectation_(expectation) {
  verdict_.delivered.resize(history.size());
  verdict_.records.resize(history.size());
}

void Judgement::ReportError(absl::string_view what, const absl::Status& status) {
  if (verdict_.error.ok()) verdict_.error = status;
  Report(Kind::kBroken, what, ": ", status.ToString());
}

void Judgement::CheckState(StoreState state, absl::string_view reason) {
  for (const StoreState heard : history_.states()) {
    if (heard > StoreState::kClosed) {
      Report(Kind::kState, "state ", static_cast<int>(heard), " was heard of");
    }
  }
  const bool is_good = state == StoreState::kHealthy || state == StoreState::kDegraded ||
                       (expectation_.allows_read_only && state == StoreState::kReadOnly);
  if (!is_good) {
    Report(Kind::kState, "not open for appends: state ", static_cast<int>(state), ", ", reason);
  }
  if (state == StoreState::kHealthy) return;
  verdict_.tells_loss = verdict_.tells_anything = true;
  verdict_.said.push_back(absl::StrCat(StoreStateName(state), ": ", reason));
}

void Judgement::CheckRecovery(const RecoveryReport& report) {
  for (const DamagedRange& range : report.damage) NoteDamage(range);
  for (const std::string& note : report.notes) NoteFinding(note);
  if (report.possible_loss) verdict_.tells_loss = verdict_.tells_anything = true;
  if (report.dropped_records == 0) return;
  verdict_.tells_loss = verdict_.tells_anything = true;
  const bool may_cut = expectation_.survives == Durability::kDisk || expectation_.allows_damage ||
                       history_.IsPowerLost(expectation_.as_of);
  if (expectation_.is_just_opened && !may_cut) {
    Report(Kind::kRecovery, report.dropped_records,
           " records were left out, and no power was lost");
  }
}

void Judgement::NoteDamage(const DamagedRange& range) {
  damage_.push_back(range);
  verdict_.tells_loss = verdict_.tells_anything = true;
  std::string text =
      absl::StrCat("damage ", range.begin.value(), "..", range.end.value(), ": ", range.reason);
  if (!expectation_.allows_damage) Report(Kind::kBroken, text);
  verdict_.said.push_back(std::move(text));
}

void Judgement::NoteFinding(std::string text) {
  verdict_.tells_anything = true;
  verdict_.said.push_back(std::move(text));
}

bool Judgement::IsInDamage(LogPosition position) const {
  return std::any_of(damage_.begin(), damage_.end(), [position](const DamagedRange& range) {
    return range.begin <= position && position < range.end;
  });
}

std::string Judgement::Name(const Sent& sent) {
  return absl::StrCat("message ", sent.what.producer, ".", sent.sequence, " to ",
                      sent.queues().front().topic, "/", sent.queues().front().queue_id);
}

std::string Judgement::Name(const Delivery& delivery) const {
  if (!delivery.place.has_value()) return absl::StrCat("at ", delivery.position.value());
  return absl::StrCat(history_.QueueText(delivery.place->queue), "@",
                      delivery.place->offset.value(), ", ", delivery.position.value());
}

const Sent* Judgement::CheckDelivered(const Delivery& delivery) {
  const std::optional<size_t> identified = history_.Identify(delivery.body);
  if (!identified.has_value()) {
    Report(Kind::kPhantom, Name(delivery), ": was never sent");
    return nullptr;
  }
  const size_t sent = *identified;
  const Sent& original = history_[sent];
  const auto report = [&](absl::string_view what) {
    Report(Kind::kPhantom, Name(delivery), ": ", Name(original), " ", what);
  };
  if (original.sent_at > taken_by()) report("comes too early");
  if (original.is_void) report("was refused or given up");
  if (original.IsRevoked(expectation_.as_of)) report("was lost once and is back");
  if (original.body != delivery.body) report("is not as it was sent");
  if (delivery.place.has_value() &&
      delivery.place->offset < history_.must_begin_at(delivery.place->queue, expectation_.as_of)) {
    report("was purged and is back");
  }

  const std::vector<uint32_t>& queues = original.queue_numbers;
  const Verdict::Place place = delivery.place.value_or(Verdict::Place{.queue = queues.front()});
  const uint32_t queue = place.queue;
  const bool is_sent_here = original.what.names_queue
                                ? std::find(queues.begin(), queues.end(), queue) != queues.end()
                                : SendHistory::IsOneTopic(queues.front(), queue);
  if (!is_sent_here) report("was not sent to this queue");

  Verdict::Record& record = verdict_.records[sent];
  for (const Verdict::Place& other : record.places) {
    if (other.queue == queue || !original.what.names_queue) report("is there twice");
  }
  if (!record.places.empty() && record.begin != delivery.position) report("is there in two copies");
  record.begin = delivery.position;
  record.end = delivery.position + delivery.bytes;
  record.places.push_back(place);
  verdict_.delivered[sent] = true;
  last_delivered_ = std::max(last_delivered_, delivery.position);

  if (!original.HasReceipt(expectation_.as_of)) return &original;
  const Receipt& receipt = *original.receipt;
  const bool is_first = queue == queues.front() || !original.what.names_queue;
  const bool is_at_offset =
      !delivery.place.has_value() || !is_first ||
      (receipt.queue_id == (queue & 0xffff) && receipt.queue_offset == place.offset);
  if (receipt.position != delivery.position || !is_at_offset) {
    report("is not where its receipt says");
  }
  return &original;
}

void Judgement::CheckDense(uint32_t queue, uint64_t gaps) {
  verdict_.voids += gaps;
  if (gaps == 0 || !damage_.empty()) return;
  uint64_t may_be_void = 0;
  for (size_t i = 0; i < history_.size(); ++i) {
    const Sent& sent = history_[i];
    if (verdict_.delivered[i] || sent.sent_at > taken_by()) continue;
    if (!sent.MayBeVoid(expectation_.as_of)) continue;
    const bool is_of_queue =
        sent.what.names_queue
            ? std::count(sent.queue_numbers.begin(), sent.queue_numbers.end(), queue) != 0
            : SendHistory::IsOneTopic(sent.queue_numbers.front(), queue);
    if (is_of_queue) ++may_be_void;
  }
  if (gaps > may_be_void) {
    Report(Kind::kOrder, history_.QueueText(queue), ": ", gaps, " offsets without a message, ",
           may_be_void, " claims given up, failed appends and deaths");
  }
}

void Judgement::CheckSent(LogPosition may_begin_at) {
  may_begin_at_ = may_begin_at;
  for (size_t i = 0; i < history_.size(); ++i) {
    CheckMissing(i);
    CheckPlaces(i);
  }
  if (verdict_.lost != 0 && !verdict_.tells_loss && !expectation_.may_be_silent) {
    Report(Kind::kLost, verdict_.lost, " messages are gone, and nothing says so");
  }
  CheckOrder();
  CheckOrderingKeys();
  CheckBatches();
  CheckAnswers();
}

bool Judgement::MayBeDropped(size_t sent) const {
  const Sent& original = history_[sent];
  if (!original.receipt.has_value()) return false;
  if (original.receipt->position < may_begin_at_) return true;
  const std::vector<uint32_t>& queues = original.queue_numbers;
  return std::all_of(queues.begin(), queues.end(), [&](uint32_t queue) {
    const uint32_t first = (queues.front() & ~0xffffu) | original.receipt->queue_id;
    if (queue == queues.front()) queue = first;
    const auto excused = excused_.find(queue);
    // Of the further queues it is not known where it was.
    return excused != excused_.end() &&
           (queue != first || original.receipt->queue_offset < excused->second);
  });
}

// What is gone had its number all the same.
void Judgement::CheckNotGivenAgain(size_t sent) {
  const Sent& original = history_[sent];
  if (!original.IsAcknowledged(expectation_.survives, expectation_.as_of)) return;
  const auto end =
      ends_.find((original.queue_numbers.front() & ~0xffffu) | original.receipt->queue_id);
  if (end == ends_.end() || end->second > original.receipt->queue_offset) return;
  Report(Kind::kLost, Name(original), " was dropped, and its offset ",
         original.receipt->queue_offset.value(), " will be given again");
}

// I1 and I2; and I4: what is there is a prefix.
void Judgement::CheckMissing(size_t sent) {
  const Sent& original = history_[sent];
  if (original.IsRevoked(expectation_.as_of)) return;
  if (MayBeDropped(sent)) return CheckNotGivenAgain(sent);
  const bool is_acknowledged = original.IsAcknowledged(expectation_.survives, expectation_.as_of);
  if (is_acknowledged) ++verdict_.acknowledged_checked;
  if (verdict_.delivered[sent]) return;
  if (is_acknowledged) {
    if (IsAllowedToBeLost(sent)) {
      ++verdict_.lost;
    } else {
      Report(Kind::kLost, Name(original), " was acknowledged as ",
             DurabilityName(expectation_.survives), " at ",
             original.receipt.has_value() ? original.receipt->position.value() : 0,
             " and is not there");
    }
  } else if (original.HasReceipt(expectation_.as_of) &&
             original.receipt->position < last_delivered_ && !MayBeLost(sent) &&
             !IsInDamage(original.receipt->position)) {
    Report(Kind::kOrder, Name(original), " is missing at ", original.receipt->position.value(),
           " although ", last_delivered_.value(), " was delivered");
  }
}

void Judgement::CheckPlaces(size_t sent) {
  const size_t places = verdict_.records[sent].places.size();
  if (places == 0 || places == history_[sent].queues().size() || MayBeLost(sent)) return;
  const std::vector<uint32_t>& queues = history_[sent].queue_numbers;
  if (std::any_of(queues.begin(), queues.end(),
                  [&](uint32_t queue) { return excused_.contains(queue); })) {
    return;
  }
  Report(Kind::kBroken, Name(history_[sent]), " is in ", places, " of ",
         history_[sent].queues().size(), " queues");
}

// Whether its call had not returned, no reason is known why it is not there, and it is not.
bool Judgement::IsMissing(size_t sent) const {
  const Sent& original = history_[sent];
  return !verdict_.delivered[sent] && !original.IsSettled(expectation_.as_of) &&
         !original.is_void && !original.may_have_place && !original.IsRevoked(expectation_.as_of) &&
         !MayBeLost(sent) && damage_.empty() && may_begin_at_ == LogPosition(0);
}

// I4 in the whole log: what one producer sent stands in the order of its sends, and is there up to
// some message and not behind it. What was answered before another was sent, or was sent by a
// process that was dead by then, stands before that.
void Judgement::CheckOrder() {
  struct OfProducer {
    LogPosition last;
    std::optional<size_t> missing;
    size_t life = 0;  // of the process, counted
  };
  std::vector<OfProducer> producers(history_.producers());
  LogPosition furthest;
  size_t life = 0;
  const std::vector<uint64_t>& deaths = history_.deaths();
  LogPosition last_answered;
  size_t next_answered = 0;
  const std::vector<size_t>& answered = history_.settled();
  for (size_t i = 0; i < history_.size(); ++i) {
    const Sent& sent = history_[i];
    for (; next_answered < answered.size(); ++next_answered) {
      const size_t other = answered[next_answered];
      if (history_[other].settled_at > sent.sent_at) break;
      if (verdict_.delivered[other]) {
        last_answered = std::max(last_answered, verdict_.records[other].begin);
      }
    }
    for (; life < deaths.size() && deaths[life] <= sent.sent_at; ++life) {
      last_answered = std::max(last_answered, furthest);
    }
    OfProducer& producer = producers[sent.producer_ordinal];
    if (producer.life != life) producer.missing = std::nullopt;
    producer.life = life;
    if (!producer.missing.has_value() && IsMissing(i)) producer.missing = i;
    if (!verdict_.delivered[i]) continue;
    const LogPosition position = verdict_.records[i].begin;
    if (position < producer.last || position < last_answered) {
      Report(Kind::kOrder, Name(sent), " stands at ", position.value(), ", before ",
             std::max(producer.last, last_answered).value(), " which is older");
    }
    if (producer.missing.has_value()) {
      Report(Kind::kOrder, Name(history_[*producer.missing]), " is missing although ", Name(sent),
             " is there, which is younger");
      producer.missing = std::nullopt;
    }
    producer.last = position;
    furthest = std::max(furthest, position);
  }
}

// I4: messages with one ordering key stay in one queue of a topic, if the store chose it.
void Judgement::CheckOrderingKeys() {
  std::map<std::pair<uint32_t, absl::string_view>, uint32_t> queues;
  for (size_t i = 0; i < history_.size(); ++i) {
    const Sent& sent = history_[i];
    if (sent.what.names_queue || sent.what.ordering_key.empty() || !verdict_.delivered[i]) continue;
    const uint32_t queue = verdict_.records[i].places.front().queue;
    const auto [known, is_new] =
        queues.try_emplace({sent.queue_numbers.front(), sent.what.ordering_key}, queue);
    if (known->second != queue) Report(Kind::kOrder, Name(sent), ": its ordering key moved");
  }
}

void Judgement::CheckBatches() {
  for (const auto& [group, members] : history_.groups()) {
    uint64_t delivered = 0;
    uint64_t excused = 0;
    for (const size_t member : members) {
      if (verdict_.delivered[member]) {
        ++delivered;
      } else {
        const std::optional<Receipt>& receipt = history_[member].receipt;
        excused += MayBeLost(member) || MayBeDropped(member) ||
                   (receipt.has_value() && IsInDamage(receipt->position));
      }
    }
    if (delivered != 0 && delivered + excused != members.size()) {
      Report(Kind::kBroken, "group ", group, ": ", delivered, " of ", members.size(),
             " members are there");
    }
  }
}

void Judgement::CheckGroup(const GroupCommits::Consumer& consumer,
                           const absl::StatusOr<QueueOffset>& answer, QueueOffset end) {
  const std::string name =
      absl::StrCat("group ", consumer.first, " in ", history_.QueueText(consumer.second));
  // Damage may be where it committed; what it never asked for it does not get for that.
  const bool is_damaged = !damage_.empty() || expectation_.may_be_lost != nullptr;
  const GroupCommits::Possible possible = history_.commits().PossibleOf(
      consumer, expectation_.survives, is_damaged ? 0 : expectation_.as_of, taken_by());
  if (!answer.ok()) {
    if (!absl::IsNotFound(answer.status())) return ReportError(name, answer.status());
    if (!possible.may_be_none) Report(Kind::kGroup, name, " has forgotten where it is");
    return;
  }
  verdict_.groups[consumer] = *answer;
  if (std::count(possible.offsets.begin(), possible.offsets.end(), *answer) == 0) {
    Report(Kind::kGroup, name, " is at ", answer->value(), ", where it went back to or never was");
  }
  if (*answer > end && !is_damaged) {
    Report(Kind::kGroup, name, " is at ", answer->value(), ", beyond the end ", end.value());
  }
}

// I9.
void Judgement::CheckAnswers() {
  for (size_t i = 0; i < history_.size(); ++i) {
    const Sent& sent = history_[i];
    if (!sent.IsSettled(expectation_.as_of) || !sent.answer.has_value()) continue;
    switch (*sent.answer) {
      case absl::StatusCode::kOk:
      case absl::StatusCode::kInvalidArgument:
      case absl::StatusCode::kNotFound:
      case absl::StatusCode::kDeadlineExceeded:
      case absl::StatusCode::kResourceExhausted:
      case absl::StatusCode::kFailedPrecondition:
        break;
      case absl::StatusCode::kDataLoss:
      case absl::StatusCode::kUnavailable:
      case absl::StatusCode::kPermissionDenied:
        if (expectation_.is_faultless) {
          Report(Kind::kAnswer, Name(sent), " was answered with ",
                 absl::StatusCodeToString(*sent.answer), " where nothing had failed");
        }
        break;
      default:
        Report(Kind::kAnswer, Name(sent), " was answered with ",
               absl::StatusCodeToString(*sent.answer), ", which no append may answer");
    }
  }
}

}  // namespace weir::testing
