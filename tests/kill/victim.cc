#include "kill/victim.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <latch>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kill/body.h"
#include "kill/event.h"
#include "weir/store.h"

namespace weir::kill {
namespace {

constexpr int kFailed = 3;

[[noreturn]] void Fail(absl::string_view what, const absl::Status& status) {
  const std::string line = absl::StrCat("victim: ", what, ": ", status.ToString(), "\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
  ::_exit(kFailed);
}

void Check(absl::string_view what, const absl::Status& status) {
  if (!status.ok()) Fail(what, status);
}

// The way to the parent. May be used by any thread: a write of this size is atomic.
class Reporter {
 public:
  explicit Reporter(int descriptor) : descriptor_(descriptor) {}

  void Send(const Event& event) const {
    while (::write(descriptor_, &event, sizeof(event)) < 0) {
      if (errno != EINTR) ::_exit(kFailed);  // no parent, no purpose
    }
  }

  void Acknowledge(const Identity& identity, uint32_t queue, const Receipt& receipt,
                   Durability asked) const {
    if (receipt.reached < asked) Fail("append", absl::InternalError("too little was reached"));
    Send({.kind = EventKind::kAcknowledged,
          .producer = identity.producer,
          .sequence = identity.sequence,
          .position = receipt.position.value(),
          .queue_offset = receipt.queue_offset.value(),
          .body_hash = HashOf(BodyOf(identity)),
          .queue = queue});
  }

 private:
  const int descriptor_;
};

// A message with everything that its views point to.
struct Parcel {
  Identity identity;
  uint32_t first_queue = 0;  // of kQueues; of the topic at least
  std::string body, tag, key, ordering_key;
  std::vector<QueueRef> further;

  Message message() const {
    Message message{.topic = TopicOf(first_queue), .tag = tag, .keys = {key}, .body = body};
    message.ordering_key = ordering_key;
    if (identity.is_in_all == 1) message.queue_id = QueueIdOf(first_queue);
    message.further_queues = further;
    return message;
  }
  // The queue of a receipt for this message.
  uint32_t QueueOf(const Receipt& receipt) const {
    return receipt.queue_id + (first_queue < kAlphaQueues ? 0 : kAlphaQueues);
  }
};

class Producer {
 public:
  Producer(const VictimOptions& options, uint32_t number, MessageStore* store, Reporter* reporter)
      : store_(store), reporter_(reporter) {
    std::seed_seq seeds{static_cast<uint32_t>(options.seed),
                        static_cast<uint32_t>(options.seed >> 32), options.run, number};
    random_.seed(seeds);
    next_ = {.seed = options.seed, .run = options.run, .producer = number};
  }

  [[noreturn]] void Run() {
    for (;;) {
      const uint32_t dice = Below(100);
      if (dice < 45) {
        AppendOne(false);
      } else if (dice < 60) {
        AppendOne(true);
      } else if (dice < 74) {
        AppendBatch();
      } else if (dice < 90) {
        AppendByClaim();
      } else if (dice < 94) {
        AbandonClaim();
      } else {
        AppendMany();
      }
    }
  }

 private:
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

  AppendOptions Options() {
    return {.durability = Below(12) == 0 ? Durability::kDisk : Durability::kProcess};
  }

  // The next message of this producer, somewhere.
  Parcel Next(uint32_t batch_first, uint32_t batch_count, bool is_fanned_out) {
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

  Parcel NextAlone(bool is_fanned_out = false) { return Next(next_.sequence, 1, is_fanned_out); }

  void AppendOne(bool is_fanned_out) {
    const Parcel parcel = NextAlone(is_fanned_out);
    const AppendOptions options = Options();
    const absl::StatusOr<Receipt> receipt = store_->Append(parcel.message(), options);
    Check("append", receipt.status());
    reporter_->Acknowledge(parcel.identity, parcel.QueueOf(*receipt), *receipt, options.durability);
  }

  void AppendBatch() {
    const uint32_t first = next_.sequence;
    const uint32_t count = 2 + Below(7);
    std::vector<Parcel> parcels;
    std::vector<Message> messages;
    for (uint32_t i = 0; i < count; ++i) parcels.push_back(Next(first, count, Below(6) == 0));
    for (const Parcel& parcel : parcels) messages.push_back(parcel.message());
    const AppendOptions options = Options();
    const absl::StatusOr<std::vector<Receipt>> receipts = store_->Append(messages, options);
    Check("batch", receipts.status());
    for (size_t i = 0; i < parcels.size(); ++i) {
      const Receipt& receipt = (*receipts)[i];
      reporter_->Acknowledge(parcels[i].identity, parcels[i].QueueOf(receipt), receipt,
                             options.durability);
    }
  }

  void AppendByClaim() {
    const Parcel parcel = NextAlone(Below(4) == 0);
    const AppendOptions options = Options();
    absl::StatusOr<MessageClaim> claim =
        store_->Claim(parcel.message(), parcel.body.size() + Below(100));
    Check("claim", claim.status());
    std::memcpy(claim->body().data(), parcel.body.data(), parcel.body.size());
    const absl::StatusOr<Receipt> receipt = claim->Commit(parcel.body.size(), options);
    Check("commit", receipt.status());
    reporter_->Acknowledge(parcel.identity, parcel.QueueOf(*receipt), *receipt, options.durability);
  }

  // Leaves a void; the sequence is used again.
  void AbandonClaim() {
    const Parcel parcel = NextAlone(Below(4) == 0);
    --next_.sequence;
    const absl::StatusOr<MessageClaim> claim = store_->Claim(parcel.message(), parcel.body.size());
    Check("claim to be abandoned", claim.status());
  }

  void AppendMany() {
    const uint32_t count = 1 + Below(kInFlightMax);
    std::latch are_done(count);
    for (uint32_t i = 0; i < count; ++i) {
      const Parcel parcel = NextAlone(Below(6) == 0);
      const AppendOptions options = Options();
      const auto acknowledge = [this, &are_done, identity = parcel.identity,
                                first_queue = parcel.first_queue, asked = options.durability](
                                   const absl::Status& status, const Receipt& receipt) {
        Check("asynchronous append", status);
        const Parcel sent{.identity = identity, .first_queue = first_queue};
        reporter_->Acknowledge(identity, sent.QueueOf(receipt), receipt, asked);
        are_done.count_down();
      };
      Check("asynchronous append", store_->AppendAsync(parcel.message(), options, acknowledge));
    }
    are_done.wait();
  }

  MessageStore* const store_;
  const Reporter* const reporter_;
  std::mt19937_64 random_;
  Identity next_;
};

// Reads one queue while it grows: readers must not disturb producers, nor see what is not there.
[[noreturn]] void Consume(MessageStore& store, uint32_t queue) {
  QueueOffset offset;
  for (;;) {
    const absl::StatusOr<ReadResult> result =
        store.Read(TopicOf(queue), QueueIdOf(queue), offset, {.wait = absl::Milliseconds(5)});
    Check("read", result.status());
    if (result->outcome() == ReadOutcome::kDamaged) {
      Fail("read", absl::DataLossError(result->damage()->reason));
    }
    for (const MessageView& message : *result) {
      if (!IdentityOf(message.body())) Fail("read", absl::DataLossError("a body nobody sent"));
    }
    offset = result->next_offset();
  }
}

}  // namespace

int RunVictim(const VictimOptions& options) {
  Reporter reporter(options.report_descriptor);
  reporter.Send({.kind = EventKind::kOpening});
  const absl::StatusOr<std::unique_ptr<MessageStore>> store = MessageStore::Open(options.store);
  Check("open", store.status());
  Check("create alpha", (*store)->CreateTopic("alpha", kAlphaQueues).status());
  Check("create beta", (*store)->CreateTopic("beta", kBetaQueues).status());
  const RecoveryReport& recovery = (*store)->recovery();
  reporter.Send({.kind = EventKind::kOpened,
                 .flag = recovery.front_adopted ? 1u : 0u,
                 .number = static_cast<uint64_t>(absl::ToInt64Nanoseconds(recovery.duration))});

  std::vector<std::thread> threads;
  for (uint32_t number = 0; number < kProducers; ++number) {
    threads.emplace_back([&, number] { Producer(options, number, store->get(), &reporter).Run(); });
  }
  threads.emplace_back([&] { Consume(**store, options.run % kQueues); });
  for (std::thread& thread : threads) thread.join();
  return kFailed;
}

}  // namespace weir::kill
