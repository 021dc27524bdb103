// A message that a program is going to append, and random ones.

#ifndef WEIR_TESTS_DIFFERENTIAL_DRAFT_H_
#define WEIR_TESTS_DIFFERENTIAL_DRAFT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "support/random.h"
#include "support/reference_model.h"
#include "weir/message.h"

namespace weir::testing {

struct Draft {
  // The queue of the first entry is the store's choice unless names_queue.
  ReferenceModel::Content content;
  bool names_queue = true;
  std::vector<QueueRef> further_queues;  // for message(), which only has views

  Message message();
  // Between which numbers the bytes of its record lie, whatever the format is.
  uint64_t bytes_min() const;
  uint64_t bytes_max() const;
};

class DraftSource {
 public:
  explicit DraftSource(uint64_t seed);

  // Of a size that is accepted where a record may take `bytes_max`. `queue_count` tells how many
  // queues a topic has, or will have.
  template <typename QueueCount>
  Draft Next(uint64_t bytes_max, const ReferenceModel& model, QueueCount queue_count) {
    Draft draft;
    const std::string topic = TopicName();
    const uint32_t queues = queue_count(topic);
    draft.content.queues = {{topic, static_cast<uint32_t>(random_.Below(queues))}};
    Decorate(bytes_max, draft);
    if (random_.OneIn(8)) FanOut(model, draft);
    Fill(bytes_max, draft);
    return draft;
  }
  // A few names, so that they are met again.
  std::string TopicName();
  std::string Tag();
  std::string Tags();  // to read by
  std::string Body(size_t bytes);

 private:
  void Decorate(uint64_t bytes_max, Draft& draft);
  void FanOut(const ReferenceModel& model, Draft& draft);
  void Fill(uint64_t bytes_max, Draft& draft);

  Random random_;
  uint64_t bodies_ = 0;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_DIFFERENTIAL_DRAFT_H_
