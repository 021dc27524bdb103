// Tells the totals of topics what is sealed.

#ifndef WEIR_STORE_SEAL_OBSERVER_H_
#define WEIR_STORE_SEAL_OBSERVER_H_

#include <cstdint>

#include "index/segment_seal.h"
#include "store/topic_totals.h"

namespace weir::internal {

class SealObserver final : public RunObserver {
 public:
  explicit SealObserver(TopicTotals* totals) : totals_(totals) {}
  void OnRun(uint32_t queue_number, uint64_t messages, uint64_t record_bytes) override {
    totals_->CountRun(queue_number, messages, record_bytes);
  }
  void OnSealed(bool succeeded) override {
    if (succeeded) {
      totals_->Settle();
    } else {
      totals_->Forget();
    }
  }

 private:
  TopicTotals* const totals_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_SEAL_OBSERVER_H_
