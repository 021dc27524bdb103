#include "victim/producer.h"

#include <cstring>
#include <latch>
#include <string>

#include "absl/status/statusor.h"

namespace weir::victim {
namespace {

// What an append may say before its message has a place, when a host has done nothing wrong.
bool IsRefusal(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsFailedPrecondition(status);
}

}  // namespace

Producer::Producer(const ProducerOptions& options, const Reporter* reporter)
    : options_(options), reporter_(reporter) {
  std::seed_seq seeds{static_cast<uint32_t>(options.seed),
                      static_cast<uint32_t>(options.seed >> 32), options.run, options.number};
  random_.seed(seeds);
}

bool Producer::Step(MessageStore& store) {
  const uint32_t dice = Below(100);
  if (dice < 45) return AppendOne(store, false);
  if (dice < 60) return AppendOne(store, true);
  if (dice < 74) return AppendBatch(store);
  if (dice < 90) return AppendByClaim(store);
  if (dice < 94) return AbandonClaim(store);
  return options_.is_patient ? AppendOne(store, false) : AppendMany(store);
}

AppendOptions Producer::Options() {
  const bool is_disk = Below(options_.disk_one_in) == 0;
  return {.durability = is_disk ? Durability::kDisk : Durability::kProcess,
          .timeout = options_.timeout};
}

Producer::Dispatch Producer::Next(uint32_t batch_first, uint32_t batch_count, bool is_fanned_out) {
  const uint32_t most = Below(20) == 0 && batch_count == 1 ? 8000 : 500;
  Description what{.run = options_.run,
                   .producer = options_.number,
                   .sequence = next_sequence_++,
                   .batch_first = batch_first,
                   .batch_count = batch_count,
                   .body_bytes = 48 + Below(most),
                   .first_queue = Below(kQueues)};
  const uint32_t way = Below(3);
  if (is_fanned_out || way == 0) {
    for (uint32_t queue = 0; is_fanned_out && queue < kQueues; ++queue) {
      if (queue != what.first_queue && Below(2) == 1) what.further_queues |= 1u << queue;
    }
  } else {
    what.names_queue = 0;
    what.has_ordering_key = way == 1 ? 1 : 0;
  }
  return {what, testing::Parcel(OutgoingOf(what), what.sequence, options_.seed)};
}

Producer::Dispatch Producer::SendAlone(bool is_fanned_out) {
  Dispatch dispatch = Next(next_sequence_, 1, is_fanned_out);
  reporter_->Send({.kind = EventKind::kSent, .what = dispatch.what, .count = 1});
  return dispatch;
}

void Producer::ReportSent(const std::vector<Dispatch>& dispatches) const {
  std::vector<Event> events;
  for (const Dispatch& dispatch : dispatches) {
    events.push_back({.kind = EventKind::kSent, .what = dispatch.what, .count = 1});
  }
  reporter_->Send(events);
}

bool Producer::Settle(const Description& what, const absl::Status& status,
                      absl::Span<const Receipt> receipts, Durability asked) const {
  const auto count = static_cast<uint32_t>(receipts.size());
  const bool is_unconfirmed = absl::IsDataLoss(status);
  if (!status.ok() && !is_unconfirmed) return Refuse(what, count, status);
  if (!status.ok()) {
    if (!options_.is_patient) Fail("append", status);
    reporter_->Tell({.kind = EventKind::kUncertain, .what = what, .count = count}, status);
    return true;
  }
  std::vector<Event> events;
  for (uint32_t i = 0; i < count; ++i) {
    const Receipt& receipt = receipts[i];
    const bool may_be_less = options_.timeout != absl::InfiniteDuration();
    if (receipt.reached < asked && !may_be_less) {
      Fail("append", absl::InternalError("too little was reached"));
    }
    Event event{.kind = receipt.reached < asked ? EventKind::kUncertain : EventKind::kAcknowledged,
                .what = what,
                .count = 1,
                .queue_id = receipt.queue_id,
                .position = receipt.position.value(),
                .end = receipt.end.value(),
                .queue_offset = receipt.queue_offset.value(),
                .reached = static_cast<uint32_t>(receipt.reached)};
    event.what.sequence += i;
    events.push_back(event);
  }
  reporter_->Send(events);
  return true;
}

bool Producer::Refuse(const Description& what, uint32_t count, const absl::Status& status) const {
  if (!options_.is_patient || !IsRefusal(status)) Fail("append", status);
  reporter_->Tell({.kind = EventKind::kRefused, .what = what, .count = count}, status);
  return false;
}

bool Producer::AppendOne(MessageStore& store, bool is_fanned_out) {
  const Dispatch dispatch = SendAlone(is_fanned_out);
  const AppendOptions options = Options();
  const absl::StatusOr<Receipt> receipt = store.Append(dispatch.parcel.message(), options);
  return Settle(dispatch.what, receipt.status(), {receipt.ok() ? *receipt : Receipt{}},
                options.durability);
}

bool Producer::AppendBatch(MessageStore& store) {
  const uint32_t first = next_sequence_;
  const uint32_t count = 2 + Below(7);
  std::vector<Dispatch> dispatches;
  std::vector<Message> messages;
  for (uint32_t i = 0; i < count; ++i) dispatches.push_back(Next(first, count, Below(6) == 0));
  for (const Dispatch& dispatch : dispatches) messages.push_back(dispatch.parcel.message());
  ReportSent(dispatches);
  const AppendOptions options = Options();
  const absl::StatusOr<std::vector<Receipt>> receipts = store.Append(messages, options);
  return Settle(dispatches[0].what, receipts.status(),
                receipts.ok() ? *receipts : std::vector<Receipt>(count), options.durability);
}

bool Producer::AppendByClaim(MessageStore& store) {
  const Dispatch dispatch = SendAlone(Below(4) == 0);
  const std::string& body = dispatch.parcel.body;
  const AppendOptions options = Options();
  absl::StatusOr<MessageClaim> claim =
      store.Claim(dispatch.parcel.message(), body.size() + Below(100), options_.timeout);
  if (!claim.ok()) return Refuse(dispatch.what, 1, claim.status());
  std::memcpy(claim->body().data(), body.data(), body.size());
  const absl::StatusOr<Receipt> receipt = claim->Commit(body.size(), options);
  return Settle(dispatch.what, receipt.status(), {receipt.ok() ? *receipt : Receipt{}},
                options.durability);
}

// Leaves a void.
bool Producer::AbandonClaim(MessageStore& store) {
  const Dispatch dispatch = SendAlone(Below(4) == 0);
  absl::StatusOr<MessageClaim> claim =
      store.Claim(dispatch.parcel.message(), dispatch.parcel.body.size(), options_.timeout);
  if (!claim.ok()) return Refuse(dispatch.what, 1, claim.status());
  *claim = MessageClaim();
  reporter_->Send({.kind = EventKind::kGivenUp, .what = dispatch.what, .count = 1});
  return true;
}

bool Producer::AppendMany(MessageStore& store) {
  const uint32_t count = 1 + Below(kEventsPerWriteMax);
  std::vector<Dispatch> dispatches;
  for (uint32_t i = 0; i < count; ++i) dispatches.push_back(Next(next_sequence_, 1, Below(6) == 0));
  ReportSent(dispatches);
  std::latch are_done(count);
  for (const Dispatch& dispatch : dispatches) {
    const AppendOptions options = Options();
    const auto acknowledge = [this, &are_done, what = dispatch.what, asked = options.durability](
                                 const absl::Status& status, const Receipt& receipt) {
      Settle(what, status, {receipt}, asked);
      are_done.count_down();
    };
    const absl::Status status = store.AppendAsync(dispatch.parcel.message(), options, acknowledge);
    if (!status.ok()) Fail("asynchronous append", status);
  }
  are_done.wait();
  return true;
}

}  // namespace weir::victim
