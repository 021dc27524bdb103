#include "store/message_plan.h"

#include "absl/strings/str_cat.h"

namespace weir::internal {
namespace {

absl::Status TooLarge(absl::string_view what, uint64_t bytes, uint64_t max) {
  return absl::InvalidArgumentError(
      absl::StrCat("the ", what, " has ", bytes, " bytes; at most ", max));
}

}  // namespace

absl::Status MeasureMessage(uint64_t body_bytes, uint64_t body_bytes_max, uint64_t record_bytes_max,
                            MessagePlan* plan) {
  const Message& message = *plan->message;
  if (body_bytes > body_bytes_max) return TooLarge("body", body_bytes, body_bytes_max);
  if (message.tag.size() > kMaxTagBytes) return TooLarge("tag", message.tag.size(), kMaxTagBytes);
  if (message.ordering_key.size() > kMaxOrderingKeyBytes) {
    return TooLarge("ordering key", message.ordering_key.size(), kMaxOrderingKeyBytes);
  }
  if (message.keys.size() > kMaxKeys) {
    return absl::InvalidArgumentError(
        absl::StrCat(message.keys.size(), " keys; at most ", kMaxKeys));
  }
  for (const absl::string_view key : message.keys) {
    if (key.empty()) return absl::InvalidArgumentError("a key is empty");
    if (key.size() > kMaxKeyBytes) return TooLarge("key", key.size(), kMaxKeyBytes);
  }
  for (const Property& property : message.properties) {
    if (property.name.empty() || property.name.size() > kMaxPropertyNameBytes) {
      return absl::InvalidArgumentError("a property's name has no byte, or more than 255");
    }
    if (property.value.size() > kMaxPropertiesBytes) {
      return TooLarge("property's value", property.value.size(), kMaxPropertiesBytes);
    }
  }
  if (const size_t bytes = EncodedPropertiesBytes(message.properties);
      bytes > kMaxPropertiesBytes) {
    return TooLarge("properties", bytes, kMaxPropertiesBytes);
  }
  if (message.further_queues.size() > kMaxFurtherQueues) {
    return absl::InvalidArgumentError(absl::StrCat(message.further_queues.size(),
                                                   " further queues; at most ", kMaxFurtherQueues));
  }
  const MessageParts parts = PartsOf(message);
  const uint64_t bytes = RecordBytes(EncodedPartsBytes(parts), body_bytes);
  if (bytes > record_bytes_max)
    return TooLarge("message with all its parts", bytes, record_bytes_max);
  plan->body_bytes = static_cast<uint32_t>(body_bytes);
  plan->record_bytes = static_cast<uint32_t>(bytes);
  plan->filter = FilterWord(message.tag);
  plan->flags = FlagsOf(parts);
  return absl::OkStatus();
}

}  // namespace weir::internal
