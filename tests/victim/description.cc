#include "victim/description.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace weir::victim {
namespace {

constexpr uint32_t kProducersMax = 16;  // of one run

testing::QueueName NameOf(uint32_t queue) {
  return {.topic = std::string(TopicOf(queue)), .queue_id = QueueIdOf(queue)};
}

}  // namespace

testing::BodyIdentity BodyIdentityOf(const Description& description) {
  return {.producer = description.run * kProducersMax + description.producer,
          .sequence = description.sequence};
}

testing::Outgoing OutgoingOf(const Description& description) {
  const uint32_t producer = BodyIdentityOf(description).producer;
  testing::Outgoing outgoing{.queues = {NameOf(description.first_queue)},
                             .body_bytes = description.body_bytes,
                             .tag = absl::StrCat("run", description.run),
                             .producer = producer,
                             .names_queue = description.names_queue == 1};
  for (uint32_t queue = 0; queue < kQueues; ++queue) {
    if ((description.further_queues & (1u << queue)) != 0) outgoing.queues.push_back(NameOf(queue));
  }
  outgoing.keys = {
      absl::StrCat(description.run, "/", description.producer, "/", description.sequence)};
  if (description.has_ordering_key == 1) {
    outgoing.ordering_key = absl::StrCat("producer ", description.producer);
  }
  if (description.batch_count > 1) {
    outgoing.group = (uint64_t{producer} << 32 | description.batch_first) + 1;
  }
  return outgoing;
}

}  // namespace weir::victim
