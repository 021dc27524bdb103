#include "store/topic_totals.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "format/record.h"

namespace weir::internal {

void TopicTotals::CountRun(uint32_t number, uint64_t messages, uint64_t record_bytes) {
  const Topic::Entry* const topic = catalogue_->OfQueue(number);
  if (topic == nullptr) return;
  HOLDS(record_bytes >= messages * kRecordHeaderBytes);
  HOLDS(messages > 0 || record_bytes == 0);
  Total& total = run_[topic->first_queue];
  total.messages += messages;
  total.bytes += record_bytes;
}

void TopicTotals::Settle() {
  // Those of topics that were not there yet move, and what stays behind has a place: it takes no
  // memory.
  sealed_.merge(run_);
  for (const auto& [first_queue, total] : run_) {
    Total& sealed = sealed_.find(first_queue)->second;
    sealed.messages += total.messages;
    sealed.bytes += total.bytes;
    HOLDS(sealed.messages >= total.messages);
    HOLDS(sealed.bytes >= total.bytes);
  }
  run_.clear();
}

std::string TopicTotals::Encode(bool changed_only) const {
  std::map<uint32_t, Total> totals = changed_only ? std::map<uint32_t, Total>() : sealed_;
  for (const auto& [first_queue, total] : run_) {
    const auto known = sealed_.find(first_queue);
    Total sum = known == sealed_.end() ? Total() : known->second;
    sum.messages += total.messages;
    sum.bytes += total.bytes;
    totals[first_queue] = sum;
  }
  std::string bytes;
  for (const auto& [first_queue, total] : totals) {
    AppendValue(bytes, first_queue);
    AppendValue(bytes, total.messages);
    AppendValue(bytes, total.bytes);
  }
  return bytes;
}

void TopicTotals::Restart() {
  sealed_.clear();
  run_.clear();
}

std::optional<uint64_t> TopicTotals::BytesOf(absl::string_view saved, const Topic::Entry& topic) {
  ByteReader reader(saved);
  while (reader.remaining() > 0) {
    const auto first_queue = reader.Take<uint32_t>();
    reader.Take<uint64_t>();
    const auto bytes = reader.Take<uint64_t>();
    if (reader.ok() && first_queue == topic.first_queue) return bytes;
  }
  return std::nullopt;
}

absl::Status TopicTotals::Load(absl::string_view bytes) {
  ENSURE(run_.empty());  // nothing is being sealed
  ByteReader reader(bytes);
  while (reader.remaining() > 0) {
    const auto first_queue = reader.Take<uint32_t>();
    const auto messages = reader.Take<uint64_t>();
    const auto record_bytes = reader.Take<uint64_t>();
    const Topic::Entry* const topic = catalogue_->OfQueue(first_queue);
    if (!reader.ok() || topic == nullptr || topic->first_queue != first_queue) {
      return absl::DataLossError(absl::StrCat("saved totals: no topic begins at ", first_queue));
    }
    sealed_[first_queue] = {messages, record_bytes};
    topic->messages.store(messages, std::memory_order_relaxed);
    topic->bytes.store(record_bytes, std::memory_order_relaxed);
  }
  ENSURE(reader.ok());
  return absl::OkStatus();
}

}  // namespace weir::internal
