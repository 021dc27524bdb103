#include "fuzz/record_sealing.h"

#include <algorithm>
#include <optional>

#include "format/record.h"
#include "format/segment_header.h"
#include "format/state_record.h"
#include "log/segment_scanner.h"

namespace weir::testing {

using namespace weir::internal;

namespace {

// Memory is taken for every offset of a queue that has no message. Inputs that make millions of
// them believed in are slow and show nothing else.
bool AsksForMuch(const char* record, const RecordHeader& header) {
  constexpr uint64_t kMany = 1 << 14;
  const auto state =
      header.type == RecordType::kState ? DecodeState(record) : std::optional<StateRecord>();
  if (state && state->name == "ends") {
    ByteReader entries(state->entries);
    while (entries.remaining() > 0) {
      entries.Take<uint32_t>();
      entries.Take<uint64_t>();
      if (entries.Take<uint64_t>() > kMany) return true;
    }
  }
  if (header.type != RecordType::kMessage && header.type != RecordType::kVoid) return false;
  if (header.queue_offset > kMany) return true;
  const auto queues = DecodeQueues(record);
  for (uint32_t i = 0; queues && i < queues->further_queue_count; ++i) {
    if (queues->further_queue(i).offset > kMany) return true;
  }
  return false;
}

}  // namespace

void SealRecords(absl::Span<char> bytes, LogPosition begin, uint64_t segment_bytes,
                 uint64_t incarnation) {
  std::optional<OpenRecord> next;  // takes over where it says
  for (uint64_t at = 0; at + kRecordHeaderBytes <= bytes.size();) {
    const uint64_t in_segment = (begin.value() + at) % segment_bytes;
    if (in_segment == 0) {
      at += kSegmentHeaderBytes;
      continue;
    }
    const LogPosition position = begin + at;
    if (next && position >= next->from) {
      incarnation = next->incarnation;
      next.reset();
    }
    char* const record = bytes.data() + at;
    if (LoadWord(record) == 0) {  // nothing, as behind the end of most inputs
      at += kRecordAlignment;
      continue;
    }
    const uint64_t available = std::min<uint64_t>(bytes.size() - at, segment_bytes - in_segment);
    const RecordHeader header = LoadHeader(record);
    const bool fits = header.bytes() >= kRecordHeaderBytes && header.bytes() <= available &&
                      header.bytes() % kRecordAlignment == 0;
    if (!fits) {
      at += kRecordAlignment;
      continue;
    }
    if (header.word > 0 && !AsksForMuch(record, header)) {
      Publish(record, Seal(record, position, incarnation));
    }
    const ScannedRecord scanned{position, record, header};
    if (const auto open = DecodeOpen(scanned)) next = open;
    // Members stand for themselves.
    at += header.type == RecordType::kGroup ? kRecordHeaderBytes : header.bytes();
  }
}

}  // namespace weir::testing
