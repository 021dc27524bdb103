#include "store/salvaged_queues.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/bytes.h"
#include "format/record.h"

namespace weir::internal {
namespace {

// A catalogue record outside of a group: the copy may have no room for the group's header.
std::string CatalogueRecord(const Topic::Entry& topic, uint32_t padding) {
  const std::string body = EncodeTopic(RecordOf(topic));
  const uint32_t bytes =
      static_cast<uint32_t>(RecordBytes(/*parts_bytes=*/0, body.size())) + padding;
  std::string record(bytes, '\0');
  WriteStamp(record.data(), {.bytes = bytes,
                             .type = RecordType::kCatalogue,
                             .body_bytes = static_cast<uint32_t>(body.size())});
  std::memcpy(record.data() + kRecordHeaderBytes, body.data(), body.size());
  return record;
}

std::string VoidRecord(uint32_t number, uint64_t offset) {
  std::string record(kRecordHeaderBytes, '\0');
  WriteStamp(record.data(), {.bytes = kRecordHeaderBytes,
                             .type = RecordType::kVoid,
                             .queue_number = number,
                             .queue_offset = offset});
  return record;
}

}  // namespace

void SalvagedQueues::Enter(uint32_t number, uint64_t offset, const ScannedRecord& record) {
  SalvagedQueue& queue = queues_[number];
  const auto [found, is_new] = met_.try_emplace(number);
  Progress& progress = found->second;
  if (is_new) {
    const uint64_t known = bounds_of_(number).first.value();
    queue.first = begins_at_zero_ ? 0 : std::min(known, offset);
    progress.end = queue.first;
  }
  if (offset < progress.end) return;  // a second one of its number: verify tells
  if (offset > progress.end) queue.lost.emplace_back(progress.end, offset);
  progress = {offset + 1, record.position};
  queue.end = progress.end;
  if (record.header.type == RecordType::kMessage) ++queue.messages;
}

void SalvagedQueues::Apply(const ScannedRecord& record) {
  const RecordHeader& header = record.header;
  if (header.type == RecordType::kCatalogue) {
    const auto parts = DecodeParts(record.bytes);
    if (parts && parts->body.size() >= sizeof(uint32_t)) {
      topics_met_.insert(Load<uint32_t>(parts->body.data()));
    }
    return;
  }
  if (header.type != RecordType::kMessage && header.type != RecordType::kVoid) return;
  if (header.type == RecordType::kMessage) ++messages_;
  if (header.queue_number == kNoQueue) {
    if (header.type == RecordType::kMessage) ++journal_records_;
    return;
  }
  Enter(header.queue_number, header.queue_offset, record);
  const auto queues = DecodeQueues(record.bytes);
  for (uint32_t i = 0; queues && i < queues->further_queue_count; ++i) {
    const FurtherQueue further = queues->further_queue(i);
    Enter(further.number, further.offset, record);
  }
}

void SalvagedQueues::Finish() {
  for (const Topic::Entry* const topic : catalogue_.All()) {
    for (uint32_t i = 0; i < topic->queue_count; ++i) {
      const uint32_t number = topic->first_queue + i;
      const QueueBounds known = bounds_of_(number);
      if (known.end.value() == 0) continue;
      SalvagedQueue& queue = queues_[number];
      const auto met = met_.find(number);
      if (met == met_.end()) {
        queue.first = begins_at_zero_ ? 0 : known.first.value();
        queue.end = queue.first;
      }
      if (known.end.value() <= queue.end) continue;
      queue.lost.emplace_back(queue.end, known.end.value());
      queue.end = known.end.value();
    }
  }
}

std::list<StandIn> SalvagedQueues::StandIns() const {
  std::list<StandIn> records;
  for (const Topic::Entry* const topic : catalogue_.All()) {
    if (topics_met_.contains(topic->first_queue)) continue;
    for (const uint32_t padding : {kTwinPaddingBytes, uint32_t{0}}) {
      records.push_back({topic->created, CatalogueRecord(*topic, padding)});
    }
  }
  for (const auto& [number, queue] : queues_) {
    const auto met = met_.find(number);
    const uint64_t met_end = met == met_.end() ? queue.first : met->second.end;
    const Topic::Entry* const topic = catalogue_.OfQueue(number);
    if (queue.end <= met_end || topic == nullptr) continue;
    const LogPosition last = met == met_.end() ? LogPosition(0) : met->second.position;
    records.push_back({std::max(last, topic->created), VoidRecord(number, queue.end - 1)});
  }
  return records;
}

}  // namespace weir::internal
