#include "format/record.h"

#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/promise.h"
#include "support/random.h"

namespace weir::internal {
namespace {

using weir::testing::Random;

constexpr LogPosition kPosition{4096};
constexpr uint64_t kIncarnation = 0x1111111111111111;

// Bytes that end where readable memory ends: who reads one too many dies.
class GuardedBytes {
 public:
  explicit GuardedBytes(absl::string_view bytes) : page_(static_cast<size_t>(getpagesize())) {
    const size_t whole = (bytes.size() + page_ - 1) / page_ * page_;
    mapped_ = whole + page_;
    memory_ = static_cast<char*>(
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory_ != MAP_FAILED);
    REQUIRE(mprotect(memory_ + whole, page_, PROT_NONE) == 0);
    data_ = memory_ + whole - bytes.size();
    memcpy(data_, bytes.data(), bytes.size());
  }
  ~GuardedBytes() { munmap(memory_, mapped_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  const char* data() const { return data_; }

 private:
  const size_t page_;
  size_t mapped_ = 0;
  char* memory_ = nullptr;
  char* data_ = nullptr;
};

struct Sample {
  MessageParts parts;
  std::vector<FurtherQueue> further;
  std::string body;
  LogPosition position = kPosition;
  uint64_t incarnation = kIncarnation;
  uint32_t group_distance = 0;
};

const std::vector<absl::string_view> kKeys = {"A-1", "", "B"};
const std::vector<Property> kProperties = {{"region", "eu"}, {"empty", ""}};

constexpr int64_t kExpiry = 1'800'000'000'123'456'789;

Sample FullSample() {
  return {.parts = {.further_queues = 2,
                    .tag = "NEW",
                    .ordering_key = "AAPL",
                    .keys = kKeys,
                    .properties = kProperties,
                    .expiry = kExpiry},
          .further = {{9, 70}, {11, ~uint64_t{0}}},
          .body = "buy 100 at market"};
}

uint32_t BytesOf(const Sample& sample) {
  return static_cast<uint32_t>(RecordBytes(EncodedPartsBytes(sample.parts), sample.body.size()));
}

// As an append does it, in memory that held something else before.
void Claim(char* record, const Sample& sample) {
  memset(record, '\xEE', BytesOf(sample));
  WriteStamp(record, {.bytes = BytesOf(sample),
                      .flags = FlagsOf(sample.parts),
                      .queue_number = 7,
                      .queue_offset = 40,
                      .store_time = 1'700'000'000'000'000'000,
                      .group_distance = sample.group_distance});
  if (sample.further.empty()) return;
  WriteFurtherQueueCount(record, static_cast<uint32_t>(sample.further.size()));
  for (uint32_t i = 0; i < sample.further.size(); ++i) {
    WriteFurtherQueue(record, i, sample.further[i]);
  }
}

void Complete(char* record, const Sample& sample) {
  char* const body = WriteParts(record, sample.parts, FilterWord(sample.parts.tag),
                                static_cast<uint32_t>(sample.body.size()));
  if (!sample.body.empty()) memcpy(body, sample.body.data(), sample.body.size());
  Publish(record, Seal(record, sample.position, sample.incarnation));
}

std::string Encode(const Sample& sample) {
  std::string bytes(BytesOf(sample), '\0');
  Claim(bytes.data(), sample);
  Complete(bytes.data(), sample);
  return bytes;
}

// A group of two messages; `bytes` in front of them are its header's.
struct GroupSample {
  Sample first = FullSample();
  Sample second{.body = "second"};
  uint32_t bytes = 0;

  GroupSample() {
    first.position = kPosition + kRecordHeaderBytes;
    first.group_distance = kRecordHeaderBytes / kRecordAlignment;
    second.position = first.position + BytesOf(first);
    second.group_distance = (kRecordHeaderBytes + BytesOf(first)) / kRecordAlignment;
    bytes = kRecordHeaderBytes + BytesOf(first) + BytesOf(second);
  }
  size_t first_at() const { return kRecordHeaderBytes; }
  size_t second_at() const { return kRecordHeaderBytes + BytesOf(first); }

  std::string Claimed() const {
    std::string group(bytes, '\0');
    WriteStamp(group.data(), {.bytes = bytes, .type = RecordType::kGroup, .store_time = 5});
    Claim(group.data() + first_at(), first);
    Claim(group.data() + second_at(), second);
    return group;
  }
};

bool Holds(absl::string_view record, LogPosition position = kPosition,
           uint64_t incarnation = kIncarnation) {
  return Verify(record.data(), record.size(), position, incarnation);
}

bool IsInside(absl::string_view part, absl::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

bool IsZero(absl::string_view bytes) {
  return bytes.find_first_not_of('\0') == absl::string_view::npos;
}

TEST_CASE("a message comes back with all its parts") {
  const Sample sample = FullSample();
  const std::string record = Encode(sample);
  const RecordHeader header = LoadHeader(record.data());
  const auto parts = DecodeParts(record.data());

  REQUIRE(Holds(record));
  CHECK(header.bytes() == record.size());
  CHECK(header.type == RecordType::kMessage);
  CHECK(header.queue_number == 7);
  CHECK(header.queue_offset == 40);
  CHECK(header.store_time == 1'700'000'000'000'000'000);
  CHECK(header.filter == FilterWord("NEW"));
  CHECK(header.group_distance == 0);
  REQUIRE(parts);
  CHECK(parts->tag == "NEW");
  CHECK(parts->ordering_key == "AAPL");
  CHECK(parts->body == sample.body);
  REQUIRE(parts->further_queue_count == 2);
  CHECK(parts->further_queue(1).number == 11);
  CHECK(parts->further_queue(1).offset == ~uint64_t{0});
  CHECK(DecodeKeys(*parts) == absl::InlinedVector<absl::string_view, 2>{"A-1", "", "B"});
  CHECK(DecodeProperties(*parts) ==
        absl::InlinedVector<Property, 2>{{"region", "eu"}, {"empty", ""}});
  CHECK(parts->expiry == kExpiry);
}

TEST_CASE("every subset of the parts comes back, at every length of the body") {
  const Sample full = FullSample();
  for (uint32_t subset = 0; subset <= kKnownFlags; ++subset) {
    if (subset & kIsLost) continue;
    for (size_t body_bytes = 0; body_bytes <= 9; ++body_bytes) {
      Sample sample{.body = std::string(body_bytes, 'b')};
      if (subset & kHasFurtherQueues) {
        sample.parts.further_queues = 2;
        sample.further = full.further;
      }
      if (subset & kHasTag) sample.parts.tag = "NEW";
      if (subset & kHasOrderingKey) sample.parts.ordering_key = "AAPL";
      if (subset & kHasKeys) sample.parts.keys = kKeys;
      if (subset & kHasProperties) sample.parts.properties = kProperties;
      if (subset & kHasExpiry) sample.parts.expiry = kExpiry;
      const std::string record = Encode(sample);
      const auto parts = DecodeParts(record.data());

      INFO("subset " << subset << ", body of " << body_bytes);
      REQUIRE(record.size() % kRecordAlignment == 0);
      REQUIRE(Holds(record));
      REQUIRE(LoadHeader(record.data()).flags == subset);
      REQUIRE(parts);
      REQUIRE(parts->further_queue_count == sample.further.size());
      for (uint32_t i = 0; i < sample.further.size(); ++i) {
        CHECK(parts->further_queue(i).number == sample.further[i].number);
        CHECK(parts->further_queue(i).offset == sample.further[i].offset);
      }
      CHECK(parts->tag == sample.parts.tag);
      CHECK(parts->ordering_key == sample.parts.ordering_key);
      CHECK(DecodeKeys(*parts).size() == sample.parts.keys.size());
      CHECK(DecodeProperties(*parts).size() == sample.parts.properties.size());
      CHECK(parts->expiry == sample.parts.expiry);
      CHECK(parts->body == sample.body);
    }
  }
}

TEST_CASE("the longest parts that are allowed come back") {
  const std::string longest(255, 'x');
  const std::vector<absl::string_view> keys(kMaxKeys, longest);
  const std::string value(kMaxPropertiesBytes - 3 - 1, 'v');
  const std::vector<Property> properties = {{"n", value}};
  const Sample sample{
      .parts = {.tag = longest, .ordering_key = longest, .keys = keys, .properties = properties},
      .body = "b"};
  const std::string record = Encode(sample);
  const auto parts = DecodeParts(record.data());

  REQUIRE(EncodedPropertiesBytes(properties) == kMaxPropertiesBytes);
  REQUIRE(Holds(record));
  REQUIRE(parts);
  CHECK(parts->tag == longest);
  CHECK(parts->ordering_key == longest);
  CHECK(DecodeKeys(*parts).size() == kMaxKeys);
  CHECK(DecodeProperties(*parts)[0].value == value);
  CHECK(parts->body == "b");
}

TEST_CASE("every flipped bit of a record is detected, padding included") {
  const std::string record = Encode(FullSample());
  REQUIRE(record.back() == '\0');  // there is padding

  for (size_t bit = 0; bit < record.size() * 8; ++bit) {
    std::string flipped = record;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    INFO("bit " << bit % 8 << " of byte " << bit / 8);
    REQUIRE_FALSE(Holds(flipped));
  }
}

TEST_CASE("every flipped bit in the header of a filler or a group is detected") {
  std::string filler(4096, '\x5A');
  WriteFiller(filler.data(), kPosition, 4096, kIsLost, 5, kIncarnation);
  std::string group = GroupSample().Claimed();
  SealVoid(group.data(), kPosition, kIncarnation);

  for (const std::string& record : {filler, group}) {
    REQUIRE(Holds(record));
    for (size_t bit = 0; bit < kRecordHeaderBytes * 8; ++bit) {
      std::string flipped = record;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      INFO("bit " << bit % 8 << " of byte " << bit / 8);
      REQUIRE_FALSE(Holds(flipped));
    }
  }
}

TEST_CASE("the same bytes at another position or of another incarnation never verify") {
  std::string filler(48, '\0');
  WriteFiller(filler.data(), kPosition, 48, 0, 5, kIncarnation);

  for (const std::string& record : {Encode(FullSample()), filler}) {
    for (int bit = 0; bit < 64; ++bit) {
      const uint64_t other = uint64_t{1} << bit;
      CHECK_FALSE(Holds(record, LogPosition(kPosition.value() ^ other)));
      CHECK_FALSE(Holds(record, kPosition, kIncarnation ^ other));
    }
    for (uint64_t steps = 1; steps <= 4096; ++steps) {
      REQUIRE_FALSE(Holds(record, kPosition + steps * kRecordAlignment));
    }
  }
}

TEST_CASE("the same bytes with another length never verify") {
  // The checksum of a filler covers its header only: there the length's own part must tell.
  std::string filler(8192, '\0');
  WriteFiller(filler.data(), kPosition, 4096, 0, 5, kIncarnation);
  std::string message = Encode(FullSample());
  message.resize(8192);

  for (const std::string& record : {filler, message}) {
    const uint32_t bytes = LoadHeader(record.data()).bytes();
    for (uint32_t other = 48; other <= 8192; other += kRecordAlignment) {
      std::string changed = record;
      Publish(changed.data(), static_cast<int32_t>(other));
      REQUIRE(Holds(changed) == (other == bytes));
    }
  }
}

TEST_CASE("a claimed record and one that is cut short never verify") {
  const std::string record = Encode(FullSample());
  std::string claimed = record;
  Publish(claimed.data(), -LoadHeader(record.data()).word);

  CHECK_FALSE(Holds(claimed));
  for (size_t size = 0; size < record.size(); ++size) {
    const GuardedBytes cut(absl::string_view(record).substr(0, size & ~size_t{7}));
    REQUIRE_FALSE(Verify(cut.data(), size & ~size_t{7}, kPosition, kIncarnation));
  }
}

TEST_CASE("no length in a publish word is taken for a record that it cannot be") {
  std::string record = Encode(FullSample());
  for (const int32_t word : {0, 1, 8, 40, 47, 49, 52, 4096, std::numeric_limits<int32_t>::max(),
                             std::numeric_limits<int32_t>::min(), -48}) {
    Publish(record.data(), word);
    const GuardedBytes guarded(record);
    INFO(word);
    CHECK_FALSE(Verify(guarded.data(), record.size(), kPosition, kIncarnation));
  }
  Publish(record.data(), std::numeric_limits<int32_t>::min());
  CHECK(LoadHeader(record.data()).bytes() == uint32_t{1} << 31);
}

TEST_CASE("a record of an unknown version, type or flag is not taken for one") {
  const auto refused = [](size_t at, auto value) {
    std::string record = Encode(FullSample());
    Store(record.data() + at, value);
    Publish(record.data(), Seal(record.data(), kPosition, kIncarnation));
    return !Holds(record);
  };

  CHECK_FALSE(refused(record_field::kVersion, uint8_t{kRecordVersion}));
  CHECK(refused(record_field::kVersion, uint8_t{0}));
  CHECK(refused(record_field::kVersion, uint8_t{kRecordVersion + 1}));
  CHECK(refused(record_field::kType, uint8_t{0}));
  CHECK(refused(record_field::kType, uint8_t{10}));
  CHECK(refused(record_field::kFlags, uint16_t{kKnownFlags + 1}));
}

TEST_CASE("hostile parts under a checksum that holds decode to nothing and read nothing outside") {
  // Whoever knows the incarnation can seal what he likes.
  const auto decodes = [](auto change) {
    std::string record = Encode(FullSample());
    change(record);
    Store(record.data() + record_field::kChecksum, uint64_t{0});
    const int32_t word = Seal(record.data(), kPosition, kIncarnation);
    REQUIRE(word == static_cast<int32_t>(record.size()));
    const GuardedBytes guarded(record);
    REQUIRE(Verify(guarded.data(), record.size(), kPosition, kIncarnation));
    return DecodeParts(guarded.data()).has_value();
  };
  constexpr size_t kCountAt = kRecordHeaderBytes;
  constexpr size_t kTagAt = kCountAt + 4 + 2 * kFurtherQueueBytes;
  constexpr size_t kOrderingKeyAt = kTagAt + 1 + 3;
  constexpr size_t kKeysAt = kOrderingKeyAt + 1 + 4;
  constexpr size_t kPropertiesAt = kKeysAt + 1 + 4 + 1 + 2;

  CHECK(decodes([](std::string&) {}));
  for (const uint32_t count : {9u, 16383u, 16384u, 0x15555556u, 0xFFFFFFFFu}) {
    CHECK_FALSE(decodes([&](std::string& r) { Store(r.data() + kCountAt, count); }));
  }
  CHECK_FALSE(decodes([](std::string& r) { r[kTagAt] = '\xFF'; }));
  CHECK_FALSE(decodes([](std::string& r) { r[kOrderingKeyAt] = '\xFF'; }));
  CHECK_FALSE(decodes([](std::string& r) { r[kKeysAt] = '\xFF'; }));
  CHECK_FALSE(decodes([](std::string& r) { r[kKeysAt + 1] = '\xFF'; }));
  CHECK_FALSE(decodes([](std::string& r) { Store(r.data() + kPropertiesAt, uint16_t{0xFFFF}); }));
  for (const uint32_t body : {25u, 1u << 31, 0xFFFFFFFFu}) {
    CHECK_FALSE(decodes([&](std::string& r) { Store(r.data() + record_field::kBodyBytes, body); }));
  }
}

TEST_CASE("random parts under a checksum that holds never lead outside the record") {
  Random random(1);
  int decoded = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string record(kRecordHeaderBytes + 8 * random.Below(16), '\0');
    for (char& byte : record) byte = static_cast<char>(random.OneIn(3) ? random.Next() : 0);
    WriteStamp(record.data(), {.bytes = static_cast<uint32_t>(record.size()),
                               .flags = static_cast<uint16_t>(random.Next() & kKnownFlags)});
    Store(record.data() + record_field::kBodyBytes, static_cast<uint32_t>(random.Below(64)));
    Publish(record.data(), Seal(record.data(), kPosition, kIncarnation));
    const GuardedBytes guarded(record);
    const absl::string_view whole(guarded.data(), record.size());
    REQUIRE(Holds(whole));

    const auto queues = DecodeQueues(whole.data());
    if (queues && queues->further_queue_count > 0) {
      REQUIRE(IsInside(
          {queues->further_queues, size_t{queues->further_queue_count} * kFurtherQueueBytes},
          whole));
    }
    const auto parts = DecodeParts(whole.data());
    if (!parts) continue;
    ++decoded;
    REQUIRE(queues);
    for (const absl::string_view part :
         {parts->tag, parts->ordering_key, parts->keys, parts->properties, parts->body}) {
      REQUIRE(IsInside(part, whole));
    }
    for (const absl::string_view key : DecodeKeys(*parts)) REQUIRE(IsInside(key, whole));
    for (const Property& property : DecodeProperties(*parts)) {
      REQUIRE(IsInside(property.name, whole));
      REQUIRE(IsInside(property.value, whole));
    }
  }
  CHECK(decoded > 1000);
  CHECK(decoded < 19'000);
}

TEST_CASE("the padding of a record is zero whatever lay there before") {
  for (uint32_t further = 0; further <= 3; ++further) {
    for (size_t body_bytes = 0; body_bytes <= 16; ++body_bytes) {
      Sample sample{.body = std::string(body_bytes, 'b')};
      sample.parts.further_queues = further;
      for (uint32_t i = 0; i < further; ++i) sample.further.push_back({i, ~uint64_t{0} - i});
      const std::string record = Encode(sample);
      const auto parts = DecodeParts(record.data());

      INFO(further << " further queues, body of " << body_bytes);
      REQUIRE(parts);
      CHECK(parts->body == sample.body);
      CHECK(IsZero(
          {parts->body.data() + body_bytes,
           static_cast<size_t>(record.data() + record.size() - parts->body.data()) - body_bytes}));
      for (uint32_t i = 0; i < further; ++i) {
        CHECK(parts->further_queue(i).offset == ~uint64_t{0} - i);
      }
    }
  }
}

TEST_CASE("a given-up claim keeps its queues, offsets and time and nothing else") {
  const Sample sample = FullSample();
  std::string record(BytesOf(sample), '\0');
  Claim(record.data(), sample);
  WriteParts(record.data(), sample.parts, FilterWord("NEW"), 17);
  SealVoid(record.data(), kPosition, kIncarnation);
  const RecordHeader header = LoadHeader(record.data());
  const auto queues = DecodeQueues(record.data());

  REQUIRE(Holds(record));
  CHECK(header.type == RecordType::kVoid);
  CHECK(header.bytes() == record.size());
  CHECK(header.flags == kHasFurtherQueues);
  CHECK(header.queue_number == 7);
  CHECK(header.queue_offset == 40);
  CHECK(header.store_time == 1'700'000'000'000'000'000);
  CHECK(header.filter == 0);
  CHECK(header.body_bytes == 0);
  REQUIRE(queues);
  REQUIRE(queues->further_queue_count == 2);
  CHECK(queues->further_queue(0).number == 9);
  CHECK(queues->further_queue(0).offset == 70);
  CHECK(IsZero(absl::string_view(record).substr(kRecordHeaderBytes + 4 + 2 * kFurtherQueueBytes)));
}

TEST_CASE("a given-up claim that is nothing but its stamp stays what it was") {
  Sample sample;
  sample.further = {{9, 70}};
  sample.parts.further_queues = 1;
  std::string record(BytesOf(sample), '\0');
  REQUIRE(record.size() == kRecordHeaderBytes + 4 + kFurtherQueueBytes);
  Claim(record.data(), sample);
  SealVoid(record.data(), kPosition, kIncarnation);

  REQUIRE(Holds(record));
  CHECK(LoadHeader(record.data()).type == RecordType::kVoid);
  CHECK(DecodeQueues(record.data())->further_queue(0).offset == 70);
}

TEST_CASE("a given-up group becomes a group of voids with every offset in its place") {
  const GroupSample sample;
  // Given up before any member was complete, between two of them, and before the header was.
  for (int complete = 0; complete <= 2; ++complete) {
    std::string group = sample.Claimed();
    if (complete > 0) Complete(group.data() + sample.first_at(), sample.first);
    if (complete > 1) Complete(group.data() + sample.second_at(), sample.second);
    SealVoid(group.data(), kPosition, kIncarnation);
    const absl::string_view first(group.data() + sample.first_at(), BytesOf(sample.first));
    const absl::string_view second(group.data() + sample.second_at(), BytesOf(sample.second));

    REQUIRE(Holds(group));
    REQUIRE(Holds(first, sample.first.position));
    REQUIRE(Holds(second, sample.second.position));
    CHECK(LoadHeader(group.data()).type == RecordType::kGroup);
    CHECK(LoadHeader(first.data()).type == RecordType::kVoid);
    CHECK(LoadHeader(second.data()).type == RecordType::kVoid);
    CHECK(LoadHeader(first.data()).queue_offset == 40);
    CHECK(DecodeQueues(first.data())->further_queue(1).number == 11);
    CHECK(LoadHeader(second.data()).group_distance == sample.second_at() / kRecordAlignment);
  }
}

TEST_CASE("a member that a stray write made a group is given up like any other") {
  const GroupSample sample;
  std::string group = sample.Claimed();
  // As a group of its own its first member would have the length 0.
  memset(group.data() + sample.second_at() + kRecordHeaderBytes, 0, 8);
  Store(group.data() + sample.second_at() + record_field::kType, RecordType::kGroup);
  SealVoid(group.data(), kPosition, kIncarnation);
  const absl::string_view second(group.data() + sample.second_at(), BytesOf(sample.second));

  CHECK(Holds(group));
  CHECK(LoadHeader(second.data()).type == RecordType::kVoid);
  CHECK(Holds(second, sample.second.position));
}

TEST_CASE("a filler touches and needs only its header") {
  std::string header(kRecordHeaderBytes, '\0');
  WriteFiller(header.data(), kPosition, 1 << 20, 0, 5, kIncarnation);
  const GuardedBytes guarded(header);

  CHECK(CoveredBytes(RecordType::kFiller, 1 << 20, 0) == kRecordHeaderBytes);
  CHECK(Verify(guarded.data(), 1 << 20, kPosition, kIncarnation));
  CHECK_FALSE(Verify(guarded.data(), (1 << 20) - 8, kPosition, kIncarnation));
}

TEST_CASE("no sector holds a part that matters of both copies of a record that is written twice") {
  constexpr uint64_t kSectorBytes = 512;
  for (const uint32_t body_bytes : {10u, 9u + 255u}) {
    const auto bytes = static_cast<uint32_t>(RecordBytes(0, body_bytes));
    const uint32_t first_bytes = bytes + kTwinPaddingBytes;
    const uint32_t covered = CoveredBytes(RecordType::kCatalogue, first_bytes, body_bytes);
    CHECK(covered == kRecordHeaderBytes + body_bytes);
    for (uint64_t begin = 0; begin < kSectorBytes; begin += kRecordAlignment) {
      CHECK((begin + covered - 1) / kSectorBytes < (begin + first_bytes) / kSectorBytes);
    }
  }
}

TEST_CASE("no block holds a part that matters of both copies of an open record") {
  for (const uint64_t segment_bytes :
       {uint64_t{4096}, uint64_t{16384}, uint64_t{65536}, uint64_t{1} << 26}) {
    const uint64_t block = TwinBlockBytes(segment_bytes);
    CHECK(block == std::min<uint64_t>(std::max<uint64_t>(segment_bytes / 16, 512), 4096));
    for (LogPosition first(segment_bytes + 1024);
         first < LogPosition(segment_bytes + 1024 + 2 * block); first += kRecordAlignment) {
      const LogPosition second = SecondOpenCopy(first, segment_bytes);
      const uint32_t covered =
          CoveredBytes(RecordType::kOpen, static_cast<uint32_t>(second - first), kOpenBodyBytes);
      CHECK(covered == kOpenCopyBytes);
      CHECK((first.value() + covered - 1) / block + 1 == second.value() / block);
      CHECK(second.value() % block == 0);
    }
  }
}

TEST_CASE("a plain message has a body, all of it in its record, and nothing else") {
  RecordHeader header{
      .word = kRecordHeaderBytes + 16, .type = RecordType::kMessage, .body_bytes = 16};
  CHECK(IsPlain(header));
  header.body_bytes = 17;
  CHECK_FALSE(IsPlain(header));
  header.body_bytes = 16;
  header.flags = kHasTag;
  CHECK_FALSE(IsPlain(header));
  header.flags = 0;
  header.type = RecordType::kVoid;
  CHECK_FALSE(IsPlain(header));
}

TEST_CASE("parts that are longer than they were measured stop at the end of their record") {
  const std::string key(100, 'k');
  const std::vector<absl::string_view> keys = {key};
  const std::vector<Property> properties = {{"name", key}};
  const std::vector<MessageParts> all = {
      {.tag = key}, {.ordering_key = key}, {.keys = keys}, {.properties = properties}};
  for (const MessageParts& parts : all) {
    std::string bytes(kRecordHeaderBytes + 128, 'x');
    WriteStamp(bytes.data(), {.bytes = kRecordHeaderBytes + 64, .flags = FlagsOf(parts)});

    CHECK(WriteParts(bytes.data(), parts) == nullptr);

    CHECK(absl::IsInternal(TakeBroken()));
    CHECK(bytes.substr(kRecordHeaderBytes + 64) == std::string(64, 'x'));
  }
}

TEST_CASE("only the empty tag has the filter word 0") {
  CHECK(FilterWord("") == 0);
  Random random(2);
  for (int i = 0; i < 10'000; ++i) REQUIRE(FilterWord(std::to_string(random.Next())) != 0);
  // One tag in four billion has the hash that the empty tag has.
  REQUIRE(static_cast<uint32_t>(Checksum("T14091920608")) == 0);
  CHECK(FilterWord("T14091920608") != 0);
  CHECK(FilterWord("A") != FilterWord("B"));
}

TEST_CASE("a group whose members do not add up becomes a lost range, over which every walk goes") {
  for (const uint32_t member : {0u, 40u, 64u, 200u}) {
    std::string group(kRecordHeaderBytes + 112, 'x');
    const auto bytes = static_cast<uint32_t>(group.size());
    WriteStamp(group.data(), {.bytes = bytes, .type = RecordType::kGroup, .store_time = 7});
    WriteStamp(group.data() + kRecordHeaderBytes, {.bytes = member, .group_distance = 6});
    WriteStamp(group.data() + kRecordHeaderBytes + 64, {.bytes = 64});  // 16 bytes too many

    SealVoid(group.data(), kPosition, kIncarnation);

    CHECK(absl::IsInternal(TakeBroken()));
    const RecordHeader header = LoadHeader(group.data());
    CHECK(header.type == RecordType::kFiller);
    CHECK(header.flags == kIsLost);
    CHECK(header.bytes() == bytes);
    CHECK(header.store_time == 7);
    CHECK(Verify(group.data(), bytes, kPosition, kIncarnation));
  }
}

}  // namespace
}  // namespace weir::internal
