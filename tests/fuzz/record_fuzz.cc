// Any bytes as the content of a segment: scanned, and every record found taken apart, looked at and
// put together again.

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "format/record.h"
#include "format/state_record.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/record_sealing.h"
#include "log/segment_file.h"
#include "log/segment_scanner.h"
#include "store/topic_catalogue.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr size_t kContentBytesMax = 8 << 10;
constexpr uint64_t kIncarnation = 0x1111111111111111;
constexpr uint64_t kOtherIncarnation = 0x2222222222222222;

// The mode byte.
constexpr uint8_t kSeal = 1;
constexpr uint8_t kMembers = 2;
constexpr uint8_t kLargeSegment = 4;  // larger than the scanner's first window
constexpr uint8_t kKnowsOther = 8;    // the scanner has another incarnation to try
constexpr uint8_t kByOther = 16;      // which wrote all this

// A record in memory of just its size, for the sanitizers to see who reads on.
class LoneRecord {
 public:
  LoneRecord(const char* bytes, const RecordHeader& header)
      : bytes_(std::make_unique<char[]>(header.bytes())), size_(header.bytes()) {
    std::memcpy(bytes_.get(), bytes, size_);
  }
  const char* bytes() const { return bytes_.get(); }

  bool Holds(const char* from, size_t size) const {
    return size == 0 || (from >= bytes_.get() + kRecordHeaderBytes &&
                         from + size <= bytes_.get() + size_ && size <= size_);
  }
  bool Holds(absl::string_view part) const { return Holds(part.data(), part.size()); }

 private:
  const std::unique_ptr<char[]> bytes_;
  const size_t size_;
};

// Decoded, encoded and decoded: the same.
void CheckRoundTrip(const RecordHeader& header, const DecodedParts& parts) {
  const auto keys = DecodeKeys(parts);
  const auto properties = DecodeProperties(parts);
  const MessageParts again{.further_queues = parts.further_queue_count,
                           .tag = parts.tag,
                           .ordering_key = parts.ordering_key,
                           .keys = keys,
                           .properties = properties};
  const auto bytes =
      static_cast<uint32_t>(RecordBytes(EncodedPartsBytes(again), parts.body.size()));
  const auto record = std::make_unique<char[]>(bytes);
  std::memset(record.get(), 0xEE, bytes);
  WriteStamp(record.get(), {.bytes = bytes,
                            .type = RecordType::kMessage,
                            .flags = FlagsOf(again),
                            .queue_number = header.queue_number,
                            .queue_offset = header.queue_offset,
                            .store_time = header.store_time,
                            .group_distance = header.group_distance});
  if (parts.further_queue_count > 0) {
    WriteFurtherQueueCount(record.get(), parts.further_queue_count);
    for (uint32_t i = 0; i < parts.further_queue_count; ++i) {
      WriteFurtherQueue(record.get(), i, parts.further_queue(i));
    }
  }
  char* const body = WriteParts(record.get(), again, FilterWord(parts.tag),
                                static_cast<uint32_t>(parts.body.size()));
  if (!parts.body.empty()) std::memcpy(body, parts.body.data(), parts.body.size());
  const LogPosition position(1 << 20);
  Publish(record.get(), Seal(record.get(), position, kIncarnation));
  Require(Verify(record.get(), bytes, position, kIncarnation), "what was encoded verifies");

  const auto decoded = DecodeParts(record.get());
  Require(decoded.has_value(), "what was encoded decodes");
  Require(decoded->further_queue_count == parts.further_queue_count, "queues");
  for (uint32_t i = 0; i < parts.further_queue_count; ++i) {
    Require(decoded->further_queue(i).number == parts.further_queue(i).number &&
                decoded->further_queue(i).offset == parts.further_queue(i).offset,
            "queue ", i);
  }
  Require(decoded->tag == parts.tag && decoded->ordering_key == parts.ordering_key &&
              decoded->body == parts.body,
          "tag, ordering key and body");
  Require(DecodeKeys(*decoded) == keys, "keys");
  Require(DecodeProperties(*decoded) == properties, "properties");
}

void CheckParts(const LoneRecord& record, const RecordHeader& header) {
  if (const auto queues = DecodeQueues(record.bytes())) {
    Require(record.Holds(queues->further_queues,
                         size_t{queues->further_queue_count} * kFurtherQueueBytes),
            "the queues lie in the record");
  }
  const auto parts = DecodeParts(record.bytes());
  if (!parts) return;
  for (const absl::string_view part :
       {parts->tag, parts->ordering_key, parts->keys, parts->properties, parts->body}) {
    Require(record.Holds(part), "every part lies in the record");
  }
  Require(
      record.Holds(parts->further_queues, size_t{parts->further_queue_count} * kFurtherQueueBytes),
      "the queues lie in the record");
  const auto keys = DecodeKeys(*parts);
  Require(keys.size() == parts->key_count, "as many keys as were counted");
  for (const absl::string_view key : keys) Require(record.Holds(key), "every key lies there");
  for (const Property& property : DecodeProperties(*parts)) {
    Require(record.Holds(property.name) && record.Holds(property.value), "every property too");
  }
  const MessageView view(record.bytes(), LogPosition(8), Topic(), 0, QueueOffset(0));
  Require(view.body() == parts->body && view.tag() == parts->tag && view.keys() == keys &&
              view.record_bytes() == header.bytes(),
          "the view shows the parts");
  CheckRoundTrip(header, *parts);
}

void CheckRecord(const ScannedRecord& scanned) {
  const auto open = DecodeOpen(scanned);
  Require(!open || open->from >= scanned.end(), "an incarnation begins behind its record");
  const auto mark = DecodeMark(scanned);
  Require(!mark || mark->durable_end <= scanned.position, "a mark names what was before it");
  if (scanned.header.type == RecordType::kState) {
    const LoneRecord record(scanned.bytes, scanned.header);
    const auto state = DecodeState(record.bytes());
    Require(!state || (record.Holds(state->name) && record.Holds(state->entries)),
            "a state lies in its record");
  }
  // Of a filler only the header is there.
  if (scanned.header.type == RecordType::kFiller) return;
  CheckParts(LoneRecord(scanned.bytes, scanned.header), scanned.header);
}

void Run(FuzzInput input) {
  const uint8_t mode = input.Byte();
  const uint64_t segment_bytes = (mode & kLargeSegment) ? 64 << 10 : 16 << 10;
  SegmentHeader header{.segment_bytes = segment_bytes,
                       .begin = LogPosition(3 * segment_bytes),
                       .incarnation = kIncarnation};
  std::string content(input.Bytes(kContentBytesMax));
  const LogPosition from = header.begin + kSegmentHeaderBytes;
  const LogPosition data_end = from + AlignUp<uint64_t>(content.size(), kRecordAlignment);
  content.resize(segment_bytes - kSegmentHeaderBytes, '\0');
  const LogPosition to = header.begin + segment_bytes;
  if (mode & kSeal) {
    SealRecords(absl::MakeSpan(content), from, segment_bytes,
                (mode & kByOther) ? kOtherIncarnation : kIncarnation);
  }

  SegmentFile file("segment", header, nullptr, 0);
  SegmentScanner scanner(
      file,
      [&](LogPosition at, absl::Span<char> out) {
        Require(at >= from && at + out.size() <= to, "only the segment is read");
        std::memcpy(out.data(), content.data() + (at - from), out.size());
        return absl::OkStatus();
      },
      header.begin, to, (mode & kMembers) ? Groups::kMembers : Groups::kWhole);
  scanner.set_data_end(data_end);
  if (mode & kKnowsOther) scanner.AddIncarnation(kOtherIncarnation);

  LogPosition least = from;
  for (;;) {
    ScannedRecord record;
    const auto step = scanner.Next(&record);
    RequireOk(step.status(), "Next");
    if (*step == SegmentScanner::Step::kEnd) break;
    if (*step == SegmentScanner::Step::kInvalid) {
      const LogPosition resync_from = scanner.resync_from();
      Require(resync_from > scanner.position() && resync_from.value() % 8 == 0,
              "where looking begins");
      const auto found = scanner.Resync(resync_from);
      RequireOk(found.status(), "Resync");
      if (!*found) break;
      Require(scanner.position() >= resync_from, "looking goes forward");
      continue;
    }
    Require(record.position >= least && record.end() <= to, "records follow each other");
    Require(record.position.value() % kRecordAlignment == 0, "records are aligned");
    Require(scanner.position() > record.position, "the position grows");
    least = scanner.position();
    CheckRecord(record);
  }
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
