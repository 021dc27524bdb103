#include "support/parcel.h"

namespace weir::testing {

Parcel::Parcel(Outgoing outgoing, uint32_t sequence_of_producer, uint64_t seed)
    : Parcel(outgoing, sequence_of_producer,
             MakeBody(seed, {outgoing.producer, sequence_of_producer}, outgoing.body_bytes)) {}

Parcel::Parcel(Outgoing outgoing, uint32_t sequence_of_producer, std::string own_body)
    : what(std::move(outgoing)), sequence(sequence_of_producer), body(std::move(own_body)) {
  for (size_t i = 1; i < what.queues.size(); ++i) {
    // The names lie in what.queues, which keeps its memory when this object is moved.
    further_queues_.push_back({.topic = what.queues[i].topic, .queue_id = what.queues[i].queue_id});
  }
}

Message Parcel::message() const {
  Message message{.topic = what.queues.front().topic,
                  .tag = what.tag,
                  .ordering_key = what.ordering_key,
                  .further_queues = further_queues_,
                  .body = body};
  if (what.names_queue) message.queue_id = what.queues.front().queue_id;
  for (const std::string& key : what.keys) message.keys.push_back(key);
  for (const auto& [name, value] : what.properties) {
    message.properties.push_back({.name = name, .value = value});
  }
  return message;
}

}  // namespace weir::testing
