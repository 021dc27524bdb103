#include "format/record.h"
#include "weir/message.h"

namespace weir {

using internal::DecodeParts;
using internal::LoadHeader;

absl::string_view DurabilityName(Durability durability) {
  switch (durability) {
    case Durability::kNone:
      return "none";
    case Durability::kProcess:
      return "process";
    case Durability::kDisk:
      return "disk";
  }
  return "unknown";
}

absl::string_view ReadOutcomeName(ReadOutcome outcome) {
  switch (outcome) {
    case ReadOutcome::kFound:
      return "found";
    case ReadOutcome::kNoMatch:
      return "no match";
    case ReadOutcome::kOffsetTooSmall:
      return "offset too small";
    case ReadOutcome::kAtEnd:
      return "at the end";
    case ReadOutcome::kBeyondEnd:
      return "beyond the end";
    case ReadOutcome::kNoSuchQueue:
      return "no such queue";
    case ReadOutcome::kBeingRemoved:
      return "being removed";
    case ReadOutcome::kDamaged:
      return "damaged";
  }
  return "unknown";
}

LogPosition MessageView::position() const { return position_; }
uint32_t MessageView::record_bytes() const { return LoadHeader(record_).bytes(); }
absl::Time MessageView::store_time() const {
  return absl::FromUnixNanos(LoadHeader(record_).store_time);
}
absl::Time MessageView::expires_at() const {
  const int64_t expiry = DecodeParts(record_)->expiry;
  return expiry == internal::kNeverExpires ? absl::InfiniteFuture() : absl::FromUnixNanos(expiry);
}
absl::string_view MessageView::tag() const { return DecodeParts(record_)->tag; }
absl::string_view MessageView::ordering_key() const { return DecodeParts(record_)->ordering_key; }
absl::InlinedVector<absl::string_view, 2> MessageView::keys() const {
  return internal::DecodeKeys(*DecodeParts(record_));
}
absl::InlinedVector<Property, 2> MessageView::properties() const {
  return internal::DecodeProperties(*DecodeParts(record_));
}
absl::string_view MessageView::body() const {
  if (internal::IsPlain(LoadHeader(record_))) return internal::PlainBody(record_);
  return DecodeParts(record_)->body;
}

std::optional<absl::string_view> MessageView::property(absl::string_view name) const {
  for (const Property& property : properties()) {
    if (property.name == name) return property.value;
  }
  return std::nullopt;
}

}  // namespace weir
