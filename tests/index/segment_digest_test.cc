#include "index/segment_digest.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "index/sample_index.h"

namespace weir::testing {
namespace {

constexpr uint64_t kSeed = 9;
constexpr LogPosition kBegin(uint64_t{1} << 26);
constexpr LogPosition kEnd = kBegin + (uint64_t{1} << 26);

// Topics of ten queues; those from 90 on nobody knows.
QueueRange TenQueues(uint32_t number) {
  return number < 90 ? QueueRange{number / 10 * 10, 10} : QueueRange{};
}

struct Record {
  RecordType type = RecordType::kMessage;
  uint32_t queue = 0;
  std::vector<uint32_t> further = {};
  std::vector<absl::string_view> keys = {};
  int64_t time = 0;
  uint32_t body_bytes = 0;
};

// A digest that is given records one behind the other.
class Digested {
 public:
  LogPosition Apply(const Record& record, LogPosition position) {
    MessageParts parts{.further_queues = static_cast<uint32_t>(record.further.size()),
                       .keys = record.keys};
    const auto bytes =
        static_cast<uint32_t>(RecordBytes(EncodedPartsBytes(parts), record.body_bytes));
    std::vector<uint64_t> memory(bytes / 8);
    char* const at = reinterpret_cast<char*>(memory.data());
    WriteStamp(at, {.bytes = bytes,
                    .type = record.type,
                    .flags = FlagsOf(parts),
                    .queue_number = record.queue,
                    .store_time = record.time});
    if (!record.further.empty()) WriteFurtherQueueCount(at, parts.further_queues);
    for (uint32_t i = 0; i < record.further.size(); ++i) {
      WriteFurtherQueue(at, i, {record.further[i], 0});
    }
    WriteParts(at, parts, 0, record.body_bytes);
    Publish(at, Seal(at, position, 1));
    digest.Apply({position, at, LoadHeader(at)});
    return position + bytes;
  }
  LogPosition Append(const Record& record) {
    const LogPosition position = next;
    next = Apply(record, position);
    return position;
  }
  std::vector<uint64_t> Find(uint32_t first_queue, absl::string_view key) {
    std::vector<uint32_t> words;
    digest.keys().Find({.hash = KeyHash(kSeed, first_queue, key),
                        .end_word = ~uint32_t{0},
                        .newest_first = false,
                        .max = 1'000},
                       &words);
    std::vector<uint64_t> positions;
    for (const uint32_t word : words) positions.push_back(kBegin.value() + uint64_t{word} * 8);
    return positions;
  }

  SegmentDigest digest{kBegin, kSeed, TenQueues};
  LogPosition next = kBegin + 1024;
};

TEST_CASE("a message is found by each of its keys in each topic that it is in, once") {
  Digested digested;
  const uint64_t at =
      digested.Append({.queue = 25, .further = {3, 4, 21, 29, 50}, .keys = {"a", "b", "a"}})
          .value();
  const uint64_t next = digested.Append({.queue = 26, .keys = {"b"}}).value();
  digested.Append({.queue = 26});

  for (const uint32_t topic : {0u, 20u, 50u}) {
    CHECK(digested.Find(topic, "a") == std::vector<uint64_t>{at});
  }
  CHECK(digested.Find(20, "b") == std::vector<uint64_t>{at, next});
  CHECK(digested.Find(50, "b") == std::vector<uint64_t>{at});
  CHECK(digested.Find(10, "a").empty());
  CHECK(digested.Find(20, "c").empty());
  CHECK(digested.digest.keys().Sorted().size() == 7);
}

TEST_CASE("what is no message, or of no topic, leaves no key; and nothing counts twice") {
  Digested digested;
  const Record message{.queue = 5, .keys = {"k"}, .time = 7};
  const LogPosition at = digested.Append(message);
  for (const RecordType type : {RecordType::kVoid, RecordType::kFiller, RecordType::kGroup,
                                RecordType::kOpen, RecordType::kMark, RecordType::kCatalogue}) {
    digested.Append({.type = type, .queue = 5, .keys = {"k"}, .time = 8});
  }
  digested.Append({.queue = 95, .keys = {"k"}, .time = 8});
  digested.Append({.queue = kNoQueue, .keys = {"k"}, .time = 9});  // of a journal
  digested.Apply(message, at);
  CHECK(digested.Find(0, "k") == std::vector<uint64_t>{at.value()});
  CHECK(digested.digest.keys().Sorted().size() == 1);
  CHECK(digested.digest.times().first == 7);
  CHECK(digested.digest.times().last == 8);
}

TEST_CASE("of each 32 KiB the first message that begins there is a sample") {
  Digested digested;
  CHECK(digested.digest.times().is_empty);
  digested.Append({.type = RecordType::kMark, .time = 1});
  std::vector<LogPosition> samples;
  int64_t time = 100;
  uint64_t stretch = ~uint64_t{0};
  for (int i = 0; i < 400; ++i) {
    // Some are longer than a stretch.
    const uint32_t body = i % 50 == 7 ? 100'000 : 1'000 + 13 * static_cast<uint32_t>(i % 5);
    const LogPosition at = digested.Append({.time = time, .body_bytes = body});
    if ((at - kBegin) / kSampledBytes != stretch) samples.push_back(at);
    stretch = (at - kBegin) / kSampledBytes;
    time += i % 3;
  }
  CHECK(digested.digest.times().first == 100);
  IndexIdentity identity = SampleIdentity(0);
  identity.segment_begin = kBegin;
  identity.segment_end = kEnd;
  identity.records_end = digested.next;
  IndexFileWriter writer(identity);
  REQUIRE(digested.digest.AddTo(writer).ok());
  const auto file = IndexFile::FromBytes("index", *writer.Contents(), identity);
  REQUIRE(file.ok());
  CHECK((*file)->VerifyAll().ok());
  CHECK((*file)->header().sample_count == samples.size());
  // File and memory say the same, and it is a stretch between two samples.
  for (int64_t wanted = 90; wanted < time + 10; ++wanted) {
    CAPTURE(wanted);
    const TimeStretch found = digested.digest.FindTime(wanted, kEnd);
    const auto in_file = (*file)->FindTime(wanted);
    REQUIRE(in_file.ok());
    CHECK(in_file->begin == found.begin);
    CHECK(in_file->end == found.end);
    const auto end = std::find(samples.begin(), samples.end(), found.end);
    if (found.end != kEnd) {
      REQUIRE(end != samples.end());
    }
    if (found.begin != found.end) {
      CHECK(*std::prev(end) == found.begin);
    }
  }
}

TEST_CASE("a log whose times go back is searched as if they had stood still") {
  Digested digested;
  const int64_t low = std::numeric_limits<int64_t>::min();
  const int64_t high = std::numeric_limits<int64_t>::max();
  for (const int64_t time : {int64_t{5}, low, int64_t{3}, int64_t{6}, int64_t{-1}, high, low}) {
    digested.Append({.time = time, .body_bytes = 40'000});
  }
  CHECK(digested.digest.times().first == 5);
  CHECK(digested.digest.times().last == high);
  IndexIdentity identity = SampleIdentity(0);
  identity.segment_begin = kBegin;
  identity.segment_end = kEnd;
  identity.records_end = digested.next;
  IndexFileWriter writer(identity);
  REQUIRE(digested.digest.AddTo(writer).ok());
  const auto file = IndexFile::FromBytes("index", *writer.Contents(), identity);
  REQUIRE(file.ok());
  CHECK((*file)->VerifyAll().ok());
}

TEST_CASE("an index file says if the device did not give all that keys were to be taken from") {
  for (const bool is_marked : {false, true}) {
    Digested digested;
    digested.Append({.queue = 5, .keys = {"k"}});
    if (is_marked) digested.digest.MarkIncomplete();
    CHECK(digested.digest.is_incomplete() == is_marked);
    IndexIdentity identity = SampleIdentity(0);
    identity.segment_begin = kBegin;
    identity.segment_end = kEnd;
    identity.records_end = kEnd;
    IndexFileWriter writer(identity);
    REQUIRE(digested.digest.AddTo(writer).ok());
    const auto file = IndexFile::FromBytes("index", *writer.Contents(), identity);
    REQUIRE(file.ok());
    CHECK((*file)->header().is_incomplete == is_marked);
  }
}

}  // namespace
}  // namespace weir::testing
