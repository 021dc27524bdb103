// Appends in every way there is, and reports every message before it is sent and every answer the
// moment it has it.

#ifndef WEIR_TESTS_VICTIM_PRODUCER_H_
#define WEIR_TESTS_VICTIM_PRODUCER_H_

#include <cstdint>
#include <random>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "support/parcel.h"
#include "victim/description.h"
#include "victim/reporter.h"
#include "weir/store.h"

namespace weir::victim {

struct ProducerOptions {
  uint64_t seed = 0;
  uint32_t run = 0;
  uint32_t number = 0;
  uint32_t disk_one_in = 12;  // so many appends, one of them for kDisk
  // False: an error is the end. True: what is refused or was not confirmed is reported, and only a
  // code that the call does not document is the end. Asynchronous appends are left out then: nobody
  // could say how long to wait for them.
  bool is_patient = false;
  absl::Duration timeout = absl::InfiniteDuration();  // of a call
};

class Producer {
 public:
  Producer(const ProducerOptions& options, const Reporter* reporter);

  // One append, batch, claim or row of asynchronous appends. False if it was refused.
  bool Step(MessageStore& store);

 private:
  struct Dispatch {
    Description what;
    testing::Parcel parcel;
  };

  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  AppendOptions Options();
  // The next message of this producer, somewhere.
  Dispatch Next(uint32_t batch_first, uint32_t batch_count, bool is_fanned_out);
  // The next one, alone; it was reported as sent.
  Dispatch SendAlone(bool is_fanned_out);
  void ReportSent(const std::vector<Dispatch>& dispatches) const;

  bool AppendOne(MessageStore& store, bool is_fanned_out);
  bool AppendBatch(MessageStore& store);
  bool AppendByClaim(MessageStore& store);
  bool AbandonClaim(MessageStore& store);
  bool AppendMany(MessageStore& store);

  // Reports what became of the messages from `what` on, which were sent together.
  bool Settle(const Description& what, const absl::Status& status,
              absl::Span<const Receipt> receipts, Durability asked) const;
  // After an error before `count` messages from `what` on had a place.
  bool Refuse(const Description& what, uint32_t count, const absl::Status& status) const;

  const ProducerOptions options_;
  const Reporter* const reporter_;
  std::mt19937_64 random_;
  uint32_t next_sequence_ = 0;
};

}  // namespace weir::victim

#endif  // WEIR_TESTS_VICTIM_PRODUCER_H_
