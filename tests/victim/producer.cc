#include "victim/producer.h"

#include <cstring>
#include <latch>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace weir::victim {
namespace {

// What an append may say before its message has a place, when a host has done nothing wrong.
bool IsRefusal(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsFailedPrecondition(status);
}

}  // namespace

Message Producer::Parcel::message() const {
  Message message{.topic = TopicOf(first_queue), .tag = tag, .keys = {key}, .body = body};
  message.ordering_key = ordering_key;
  if (identity.is_in_all == 1) message.queue_id = QueueIdOf(first_queue);
  message.further_queues = further;
  return message;
}

uint32_t Producer::Parcel::QueueOf(const Receipt& receipt) const {
  return receipt.queue_id + (first_queue < kAlphaQueues ? 0 : kAlphaQueues);
}

Producer::Producer(const ProducerOptions& options, const Reporter* reporter)
    : options_(options), reporter_(reporter) {
  std::seed_seq seeds{static_cast<uint32_t>(options.seed),
                      static_cast<uint32_t>(options.seed >> 32), options.run, options.number};
  random_.seed(seeds);
  next_ = {.seed = options.seed, .run = options.run, .producer = options.number};
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

Producer::Parcel Producer::Next(uint32_t batch_first, uint32_t batch_count, bool is_fanned_out) {
  Parcel parcel;
  Identity& identity = parcel.identity;
  identity = next_;
  identity.sequence = next_.sequence++;
  identity.batch_first = batch_first;
  identity.batch_count = batch_count;
  const uint32_t most = Below(20) == 0 && batch_count == 1 ? 8000 : 500;
  identity.body_bytes = static_cast<uint32_t>(sizeof(Identity)) + Below(most);

  parcel.first_queue = Below(kQueues);
  const uint32_t way = Below(3);
  if (is_fanned_out || way == 0) {
    identity.is_in_all = 1;
    identity.queues = 1u << parcel.first_queue;
    for (uint32_t queue = 0; is_fanned_out && queue < kQueues; ++queue) {
      if (queue == parcel.first_queue || Below(2) == 0) continue;
      identity.queues |= 1u << queue;
      parcel.further.push_back(RefOf(queue));
    }
  } else {
    identity.queues = parcel.first_queue < kAlphaQueues ? kAlphaMask : kBetaMask;
    if (way == 1) {
      identity.has_ordering_key = 1;
      parcel.ordering_key = OrderingKeyOf(identity.producer);
    }
  }
  parcel.body = BodyOf(identity);
  parcel.tag = absl::StrCat("run", identity.run);
  parcel.key = KeyOf(identity);
  return parcel;
}

bool Producer::Settle(const std::vector<Parcel>& parcels, const absl::Status& status,
                      const std::vector<Receipt>& receipts, Durability asked) {
  const bool is_unconfirmed = absl::IsDataLoss(status);
  if (!status.ok() && !is_unconfirmed) return TakeBack(parcels.size(), status);
  if (!status.ok() && !options_.is_patient) Fail("append", status);
  for (size_t i = 0; i < parcels.size(); ++i) {
    const Identity& identity = parcels[i].identity;
    if (status.ok() && receipts[i].reached >= asked) {
      reporter_->Acknowledge(identity, parcels[i].QueueOf(receipts[i]), receipts[i]);
      continue;
    }
    const bool may_be_less = options_.timeout != absl::InfiniteDuration();
    if (status.ok() && !may_be_less) Fail("append", absl::InternalError("too little was reached"));
    reporter_->Send({.kind = EventKind::kUncertain,
                     .producer = identity.producer,
                     .sequence = identity.sequence});
  }
  return true;
}

bool Producer::TakeBack(size_t parcels, const absl::Status& status) {
  if (!options_.is_patient || !IsRefusal(status)) Fail("append", status);
  next_.sequence -= static_cast<uint32_t>(parcels);
  reporter_->Tell(EventKind::kRefused, status);
  return false;
}

bool Producer::AppendOne(MessageStore& store, bool is_fanned_out) {
  const std::vector<Parcel> parcels{NextAlone(is_fanned_out)};
  const AppendOptions options = Options();
  const absl::StatusOr<Receipt> receipt = store.Append(parcels[0].message(), options);
  return Settle(parcels, receipt.status(), {receipt.ok() ? *receipt : Receipt{}},
                options.durability);
}

bool Producer::AppendBatch(MessageStore& store) {
  const uint32_t first = next_.sequence;
  const uint32_t count = 2 + Below(7);
  std::vector<Parcel> parcels;
  std::vector<Message> messages;
  for (uint32_t i = 0; i < count; ++i) parcels.push_back(Next(first, count, Below(6) == 0));
  for (const Parcel& parcel : parcels) messages.push_back(parcel.message());
  const AppendOptions options = Options();
  const absl::StatusOr<std::vector<Receipt>> receipts = store.Append(messages, options);
  return Settle(parcels, receipts.status(),
                receipts.ok() ? *receipts : std::vector<Receipt>(parcels.size()),
                options.durability);
}

bool Producer::AppendByClaim(MessageStore& store) {
  const std::vector<Parcel> parcels{NextAlone(Below(4) == 0)};
  const std::string& body = parcels[0].body;
  const AppendOptions options = Options();
  absl::StatusOr<MessageClaim> claim =
      store.Claim(parcels[0].message(), body.size() + Below(100), options_.timeout);
  if (!claim.ok()) return TakeBack(1, claim.status());
  std::memcpy(claim->body().data(), body.data(), body.size());
  const absl::StatusOr<Receipt> receipt = claim->Commit(body.size(), options);
  return Settle(parcels, receipt.status(), {receipt.ok() ? *receipt : Receipt{}},
                options.durability);
}

// Leaves a void; the sequence is used again.
bool Producer::AbandonClaim(MessageStore& store) {
  const Parcel parcel = NextAlone(Below(4) == 0);
  const absl::StatusOr<MessageClaim> claim =
      store.Claim(parcel.message(), parcel.body.size(), options_.timeout);
  if (!claim.ok()) return TakeBack(1, claim.status());
  --next_.sequence;
  return true;
}

bool Producer::AppendMany(MessageStore& store) {
  const uint32_t count = 1 + Below(kInFlightMax);
  std::latch are_done(count);
  for (uint32_t i = 0; i < count; ++i) {
    const Parcel parcel = NextAlone(Below(6) == 0);
    const AppendOptions options = Options();
    Parcel sent{.identity = parcel.identity, .first_queue = parcel.first_queue};
    const auto acknowledge = [this, &are_done, sent = std::move(sent), asked = options.durability](
                                 const absl::Status& status, const Receipt& receipt) {
      Settle({sent}, status, {receipt}, asked);
      are_done.count_down();
    };
    const absl::Status status = store.AppendAsync(parcel.message(), options, acknowledge);
    if (!status.ok()) Fail("asynchronous append", status);
  }
  are_done.wait();
  return true;
}

}  // namespace weir::victim
