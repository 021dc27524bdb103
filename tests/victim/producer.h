// Appends in every way there is and reports every acknowledgement the moment it has it.

#ifndef WEIR_TESTS_VICTIM_PRODUCER_H_
#define WEIR_TESTS_VICTIM_PRODUCER_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "victim/body.h"
#include "victim/reporter.h"
#include "weir/store.h"

namespace weir::victim {

// A producer has at most so many messages on their way that are not acknowledged.
inline constexpr uint32_t kInFlightMax = 16;

struct ProducerOptions {
  uint64_t seed = 0;
  uint32_t run = 0;
  uint32_t number = 0;
  uint32_t disk_one_in = 12;  // so many appends, one of them for kDisk
  // False: an error is the end. True: what is refused is tried again under the same sequence, what
  // was not confirmed is reported as uncertain, and only a code that the call does not document is
  // the end. Asynchronous appends are left out then: nobody could say how long to wait for them.
  bool is_patient = false;
  absl::Duration timeout = absl::InfiniteDuration();  // of a call
};

class Producer {
 public:
  Producer(const ProducerOptions& options, const Reporter* reporter);

  // One append, batch, claim or row of asynchronous appends. False if it was refused.
  bool Step(MessageStore& store);

 private:
  // A message with everything that its views point to.
  struct Parcel {
    Identity identity;
    uint32_t first_queue = 0;  // of kQueues; of the topic at least
    std::string body, tag, key, ordering_key;
    std::vector<QueueRef> further;

    Message message() const;
    // The queue of a receipt for this message.
    uint32_t QueueOf(const Receipt& receipt) const;
  };

  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  AppendOptions Options();
  // The next message of this producer, somewhere.
  Parcel Next(uint32_t batch_first, uint32_t batch_count, bool is_fanned_out);
  Parcel NextAlone(bool is_fanned_out = false) { return Next(next_.sequence, 1, is_fanned_out); }

  bool AppendOne(MessageStore& store, bool is_fanned_out);
  bool AppendBatch(MessageStore& store);
  bool AppendByClaim(MessageStore& store);
  bool AbandonClaim(MessageStore& store);
  bool AppendMany(MessageStore& store);

  // Reports what became of `parcels`, which were sent together.
  bool Settle(const std::vector<Parcel>& parcels, const absl::Status& status,
              const std::vector<Receipt>& receipts, Durability asked);
  // After an error before the message had a place: `parcels` were never sent.
  bool TakeBack(size_t parcels, const absl::Status& status);

  const ProducerOptions options_;
  const Reporter* const reporter_;
  std::mt19937_64 random_;
  Identity next_;
};

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_PRODUCER_H_
