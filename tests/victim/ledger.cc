#include "victim/ledger.h"

#include <bit>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace weir::victim {
namespace {

absl::Status Violation(absl::string_view rule, const Identity& identity) {
  return absl::DataLossError(absl::StrCat(rule, ": run ", identity.run, ", producer ",
                                          identity.producer, ", sequence ", identity.sequence));
}

}  // namespace

void Ledger::Record(uint32_t run, const Event& event) {
  std::vector<Entry>& entries = streams_[{run, event.producer}].entries;
  if (entries.size() <= event.sequence) entries.resize(event.sequence + 1);
  Entry& entry = entries[event.sequence];
  if (event.kind == EventKind::kUncertain) {
    entry.is_uncertain = true;
    return;
  }
  if (!entry.is_acknowledged) ++acknowledged_;
  entry.is_acknowledged = true;
  entry.receipt = event;
}

absl::Status Ledger::CheckNew(MessageStore& store) {
  for (uint32_t number = 0; number < kQueues; ++number) {
    if (absl::Status status = CheckQueue(store, number); !status.ok()) return status;
  }
  for (auto& [id, stream] : streams_) {
    if (absl::Status status = CheckStream(id, stream); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Ledger::CheckAll(MessageStore& store) {
  const uint64_t found_before = found_;
  for (auto& [id, stream] : streams_) {
    stream.is_checked = false;
    for (Entry& entry : stream.entries) entry.found_in = 0;
  }
  queues_ = {};
  found_ = voids_ = lost_ = damages_ = 0;
  if (absl::Status status = CheckNew(store); !status.ok()) return status;
  if (found_ < found_before) return absl::DataLossError("messages that were seen are gone");

  absl::Status status = CheckLogOrder(store, "alpha", kAlphaMask);
  status.Update(CheckLogOrder(store, "beta", kBetaMask));
  if (!status.ok()) return status;
  const absl::StatusOr<VerifyReport> report = store.Verify();
  if (!report.ok()) return report.status();
  if (report->findings.empty()) return absl::OkStatus();
  const VerifyFinding& finding = report->findings[0];
  return absl::DataLossError(
      absl::StrCat("verify: ", finding.file, " at ", finding.position.value(), ": ", finding.what));
}

absl::Status Ledger::CheckQueue(MessageStore& store, uint32_t number) {
  Queue& queue = queues_[number];
  for (;;) {
    const absl::StatusOr<ReadResult> result =
        store.Read(TopicOf(number), QueueIdOf(number), queue.next, {.max_messages = 1000});
    if (!result.ok()) return result.status();
    if (result->outcome() == ReadOutcome::kAtEnd) return absl::OkStatus();
    // A victim may die before it has made its topics.
    if (result->outcome() == ReadOutcome::kNoSuchQueue && queue.next == QueueOffset(0)) {
      return absl::OkStatus();
    }
    if (result->outcome() == ReadOutcome::kDamaged && allowances_.may_lose) {
      ++damages_;
      if (result->next_offset() <= queue.next) return absl::InternalError("damage without an end");
    } else if (result->outcome() != ReadOutcome::kFound &&
               result->outcome() != ReadOutcome::kNoMatch) {
      return absl::DataLossError(absl::StrCat(
          TopicOf(number), " queue ", QueueIdOf(number), " offset ", queue.next.value(), ": ",
          ReadOutcomeName(result->outcome()), result->damage() ? result->damage()->reason : ""));
    }
    for (const MessageView& message : *result) {
      if (absl::Status status = CheckMessage(message, number); !status.ok()) return status;
    }
    if (result->next_offset() < queue.next) return absl::InternalError("next_offset went back");
    voids_ += result->next_offset() - queue.next;
    queue.next = result->next_offset();
  }
}

absl::Status Ledger::CheckMessage(const MessageView& message, uint32_t queue_number) {
  const std::optional<Identity> identity = IdentityOf(message.body());
  if (!identity || identity->seed != seed_) {
    return absl::DataLossError(absl::StrCat("a body nobody sent, at ", message.position().value()));
  }
  const bool has_parts =
      message.keys().size() == 1 && message.keys()[0] == KeyOf(*identity) &&
      message.tag() == absl::StrCat("run", identity->run) &&
      message.ordering_key() ==
          (identity->has_ordering_key == 1 ? OrderingKeyOf(identity->producer) : "");
  if (!has_parts) return Violation("tag or keys are not what was sent", *identity);
  if (message.topic() != TopicOf(queue_number) || message.queue_id() != QueueIdOf(queue_number)) {
    return Violation("the message names another queue", *identity);
  }
  if (absl::Status status = CheckPlace(message, *identity, queues_[queue_number]); !status.ok()) {
    return status;
  }

  Stream& stream = streams_[{identity->run, identity->producer}];
  if (stream.is_checked) return Violation("a phantom of a run that was over", *identity);
  // More than this is a phantom too; CheckStream() counts exactly.
  if (identity->sequence > stream.entries.size() + allowances_.unconfirmed_max) {
    return Violation("a phantom", *identity);
  }
  if (stream.entries.size() <= identity->sequence) stream.entries.resize(identity->sequence + 1);
  Entry& entry = stream.entries[identity->sequence];
  const uint32_t bit = 1u << queue_number;
  if ((entry.found_in & bit) != 0) return Violation("twice in one queue", *identity);
  if (entry.found_in == 0) ++found_;
  if (entry.found_in != 0 && entry.position != message.position()) {
    return Violation("stored more than once", *identity);
  }
  entry.found_in |= bit;
  entry.identity = *identity;
  entry.position = message.position();
  const bool is_its_receipt = entry.is_acknowledged && entry.receipt.queue == queue_number;
  if (is_its_receipt && entry.receipt.queue_offset != message.queue_offset().value()) {
    return Violation("at another offset than acknowledged", *identity);
  }
  return absl::OkStatus();
}

absl::Status Ledger::CheckPlace(const MessageView& message, const Identity& identity,
                                Queue& queue) {
  if (message.queue_offset() < queue.next) return Violation("offsets do not rise", identity);
  voids_ += message.queue_offset() - queue.next;
  queue.next = message.queue_offset() + 1;
  if (message.position() <= queue.last_position && queue.last_position != LogPosition(0)) {
    return Violation("positions do not rise", identity);
  }
  queue.last_position = message.position();
  if (identity.run < queue.last_run) return Violation("behind a later run", identity);
  if (identity.run > queue.last_run) queue.next_sequence.clear();
  queue.last_run = identity.run;
  uint32_t& next_sequence = queue.next_sequence[identity.producer];
  if (identity.sequence < next_sequence) return Violation("sequences do not rise", identity);
  next_sequence = identity.sequence + 1;

  if (identity.has_ordering_key == 1) {
    auto& queues = queue_of_producer_[message.topic() == "alpha" ? 0 : 1];
    const auto [known, is_new] = queues.try_emplace(identity.producer, message.queue_id());
    if (known->second != message.queue_id()) return Violation("the ordering key moved", identity);
  }
  return absl::OkStatus();
}

absl::Status Ledger::CheckStream(StreamId id, Stream& stream) {
  if (stream.is_checked) return absl::OkStatus();
  stream.is_checked = true;
  uint32_t unconfirmed = 0;
  bool is_over = false;
  for (uint32_t sequence = 0; sequence < stream.entries.size(); ++sequence) {
    const Entry& entry = stream.entries[sequence];
    const Identity who{.run = id.first, .producer = id.second, .sequence = sequence};
    if (entry.found_in == 0 && entry.is_acknowledged && allowances_.may_lose) {
      if (lost_++ == 0) first_lost_ = LogPosition(entry.receipt.position);
    }
    if (entry.found_in == 0 && (entry.is_uncertain || allowances_.may_lose)) continue;
    if (entry.found_in == 0) {
      if (entry.is_acknowledged) return Violation("LOST", who);
      is_over = true;
      continue;
    }
    if (is_over) return Violation("an earlier one is missing", who);
    const bool is_unconfirmed = !entry.is_acknowledged && !entry.is_uncertain;
    if (is_unconfirmed && ++unconfirmed > allowances_.unconfirmed_max) {
      return Violation("a phantom", who);
    }
    if (absl::Status status = CheckEntry(stream, entry); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Ledger::CheckEntry(const Stream& stream, const Entry& entry) const {
  const Identity& identity = entry.identity;
  const bool is_placed = identity.is_in_all == 1 ? entry.found_in == identity.queues
                                                 : std::has_single_bit(entry.found_in) &&
                                                       (entry.found_in & ~identity.queues) == 0;
  if (!is_placed && !allowances_.may_lose)
    return Violation("not in the queues that it was sent to", identity);
  for (uint32_t i = 0; i < identity.batch_count && !allowances_.may_lose; ++i) {
    const uint32_t member = identity.batch_first + i;
    if (member >= stream.entries.size() || stream.entries[member].found_in == 0) {
      return Violation("part of a torn batch", identity);
    }
  }
  if (!entry.is_acknowledged) return absl::OkStatus();
  if (entry.receipt.position != entry.position.value()) {
    return Violation("at another position than acknowledged", identity);
  }
  if ((entry.found_in & (1u << entry.receipt.queue)) == 0 && !allowances_.may_lose) {
    return Violation("in another queue than acknowledged", identity);
  }
  if (entry.receipt.body_hash != HashOf(BodyOf(identity))) {
    return Violation("other bytes than acknowledged", identity);
  }
  return absl::OkStatus();
}

absl::Status Ledger::CheckLogOrder(MessageStore& store, absl::string_view topic,
                                   uint32_t mask) const {
  uint64_t wanted = 0;
  for (const auto& [id, stream] : streams_) {
    for (const Entry& entry : stream.entries) wanted += (entry.found_in & mask) != 0 ? 1 : 0;
  }
  uint64_t count = 0;
  LogPosition next;
  LogPosition last;
  for (;;) {
    const absl::StatusOr<ReadResult> result = store.ReadTopic(topic, next, {.max_messages = 1000});
    if (!result.ok()) return result.status();
    if (result->empty() && result->outcome() != ReadOutcome::kNoMatch) break;
    for (const MessageView& message : *result) {
      if (count > 0 && message.position() <= last) {
        return absl::DataLossError(absl::StrCat("ReadTopic goes back at ", last.value()));
      }
      last = message.position();
      ++count;
    }
    next = result->next_position();
  }
  if (count == wanted) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("ReadTopic of ", topic, " gives ", count,
                                          " messages and the queues give ", wanted));
}

}  // namespace weir::victim
