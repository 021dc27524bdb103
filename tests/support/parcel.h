// A message that is going to be sent: what is in it, to which queues it goes, and its body.

#ifndef WEIR_TESTS_SUPPORT_PARCEL_H_
#define WEIR_TESTS_SUPPORT_PARCEL_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/message_body.h"
#include "weir/message.h"

namespace weir::testing {

struct QueueName {
  std::string topic;
  uint32_t queue_id = 0;
  friend auto operator<=>(const QueueName&, const QueueName&) = default;
};

struct Outgoing {
  std::vector<QueueName> queues;      // at least one; the others are the further queues
  size_t body_bytes = kBodyBytesMin;  // at least that
  std::string tag = {};
  std::string ordering_key = {};
  std::vector<std::string> keys = {};
  std::vector<std::pair<std::string, std::string>> properties = {};
  uint32_t producer = 0;
  uint64_t group = 0;       // members of one batch have one number; 0: none
  bool names_queue = true;  // false: to some queue of the first topic, as the store chooses
};

class Parcel {
 public:
  // With the body that MakeBody() makes.
  Parcel(Outgoing outgoing, uint32_t sequence_of_producer, uint64_t seed);
  // With any other one.
  Parcel(Outgoing outgoing, uint32_t sequence_of_producer, std::string own_body);
  Parcel(Parcel&&) = default;

  // Views into this object.
  Message message() const;
  const std::vector<QueueName>& queues() const { return what.queues; }

  Outgoing what;
  uint32_t sequence = 0;
  std::string body;

 private:
  std::vector<QueueRef> further_queues_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_PARCEL_H_
