#include "store/topic_catalogue.h"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "format/segment_header.h"
#include "store/small_engine.h"

namespace weir::testing {
namespace {

using internal::ConsumeQueues;
using internal::ScannedRecord;
using internal::TopicCatalogue;

struct Catalogue {
  internal::ReaderSlots readers;
  internal::Mutex append_lock;
  ConsumeQueues queues{&readers, &append_lock};
  TopicCatalogue topics{&queues};

  absl::StatusOr<const Topic::Entry*> Add(const std::string& name, uint32_t first_queue,
                                          uint32_t queue_count, LogPosition position) {
    return topics.Add({.name = name, .first_queue = first_queue, .queue_count = queue_count},
                      position);
  }
};

std::string EncodeTopic(absl::string_view name, uint32_t first_queue, uint32_t queue_count) {
  return internal::EncodeTopic(
      {.name = name, .first_queue = first_queue, .queue_count = queue_count});
}

Words NamesOf(const TopicCatalogue& topics) {
  Words names;
  for (const Topic::Entry* const topic : topics.All()) names.push_back(topic->name);
  return names;
}

TEST_CASE("any text is a topic's name, if it is no path, not too long and can be printed") {
  for (const std::string& good :
       {std::string("t"), std::string("orders.NEW-1"), std::string("Übung 日本"),
        std::string("with space"), std::string("..."), std::string(".hidden"),
        std::string("%RETRY%group"), std::string(255, 'x'), std::string("a\\b")}) {
    CAPTURE(good);
    CHECK(CheckTopicName(good).ok());
  }
  for (const std::string& bad :
       {std::string(), std::string(256, 'x'), std::string("."), std::string(".."), std::string("/"),
        std::string("a/b"), std::string("../x"), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\x7F"), std::string("tab\t")}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(CheckTopicName(bad)));
  }
}

TEST_CASE("a topic is found by its name and by each of its queues, and by no other") {
  Catalogue all;
  const Topic::Entry* const one = *all.Add("one", 0, 3, LogPosition(100));
  const Topic::Entry* const two = *all.Add("two", 3, 1, LogPosition(200));
  const Topic::Entry* const far = *all.Add("far", 10, 5, LogPosition(300));

  CHECK(all.topics.Find("one") == one);
  CHECK(all.topics.Find("two") == two);
  CHECK(all.topics.Find("on") == nullptr);
  CHECK(all.topics.Find("") == nullptr);
  for (const uint32_t number : {0u, 1u, 2u}) CHECK(all.topics.OfQueue(number) == one);
  CHECK(all.topics.OfQueue(3) == two);
  for (const uint32_t number : {4u, 9u, 15u, ~0u}) CHECK(all.topics.OfQueue(number) == nullptr);
  CHECK(all.topics.OfQueue(10) == far);
  CHECK(all.topics.OfQueue(14) == far);
  CHECK(all.topics.next_queue() == 15);
  CHECK(all.queues.has(14));
  CHECK(NamesOf(all.topics) == Words{"one", "two", "far"});
}

TEST_CASE("what stands twice is there once; what contradicts what is there is damage") {
  Catalogue all;
  const Topic::Entry* const one = *all.Add("one", 0, 3, LogPosition(100));
  CHECK(*all.Add("one", 0, 3, LogPosition(612)) == one);
  CHECK(one->created == LogPosition(100));

  CHECK(absl::IsDataLoss(all.Add("one", 0, 4, LogPosition(700)).status()));
  CHECK(absl::IsDataLoss(all.Add("one", 3, 3, LogPosition(700)).status()));
  CHECK(absl::IsDataLoss(all.Add("other", 2, 1, LogPosition(700)).status()));
  CHECK_FALSE(all.Add("none", 3, 0, LogPosition(700)).ok());
  CHECK_FALSE(all.Add("many", 3, kMaxQueuesPerTopic + 1, LogPosition(700)).ok());
  CHECK_FALSE(all.Add("a/b", 3, 1, LogPosition(700)).ok());
  CHECK(absl::IsResourceExhausted(
      all.Add("late", ConsumeQueues::kQueuesMax, 1, LogPosition(700)).status()));
  CHECK(NamesOf(all.topics) == Words{"one"});
  CHECK(all.topics.next_queue() == 3);
}

TEST_CASE("queues that were prepared in vain begin with nothing for the topic that gets them") {
  Catalogue all;
  {
    const auto prepared =
        all.topics.Prepare({.name = "anew", .first_queue = 0, .queue_count = 2, .first_offset = 7});
    REQUIRE(prepared.ok());  // and then there was no room in the log
  }
  REQUIRE(all.Add("other", 0, 2, LogPosition(64)).ok());
  CHECK(all.queues.queue(0).first() == 0);
  CHECK(all.queues.queue(1).end() == 0);
  REQUIRE(all.topics
              .Add({.name = "anew", .first_queue = 2, .queue_count = 1, .first_offset = 7},
                   LogPosition(128))
              .ok());
  CHECK(all.queues.queue(2).first() == 7);
  CHECK(all.queues.queue(2).end() == 7);
}

TEST_CASE("saved topics come back, all of them or those of a range, however they are cut off") {
  Catalogue all;
  for (uint32_t i = 0; i < 5; ++i) {
    REQUIRE(all.Add("topic " + std::to_string(i), i * 2, 2, LogPosition(i * 100)).ok());
  }
  const std::string everything = all.topics.SaveAll(LogPosition(400));
  const std::string changes = all.topics.SaveChanges(LogPosition(200), LogPosition(400));

  Catalogue from_all;
  REQUIRE(from_all.topics.Load(everything).ok());
  CHECK(NamesOf(from_all.topics) == Words{"topic 0", "topic 1", "topic 2", "topic 3"});
  CHECK(from_all.topics.Find("topic 3")->created == LogPosition(300));
  CHECK(from_all.topics.next_queue() == 8);
  CHECK(from_all.queues.size() == 8);

  Catalogue in_steps;
  REQUIRE(in_steps.topics.Load(all.topics.SaveAll(LogPosition(200))).ok());
  REQUIRE(in_steps.topics.Load(changes).ok());
  CHECK(NamesOf(in_steps.topics) == NamesOf(from_all.topics));

  for (size_t size = 0; size < everything.size(); ++size) {
    Catalogue cut;
    const absl::Status loaded = cut.topics.Load({everything.data(), size});
    CHECK((loaded.ok() || absl::IsDataLoss(loaded)));
    CHECK(cut.topics.All().size() < 4);
  }
}

// The catalogue records of a topic, in their order.
std::vector<LogPosition> RecordsOf(MessageStore& store) {
  std::vector<LogPosition> positions;
  const auto records = store.Dump(LogPosition(0), 1000);
  REQUIRE(records.ok());
  for (const RecordInfo& record : *records) {
    if (record.type == internal::RecordTypeName(internal::RecordType::kCatalogue)) {
      positions.push_back(record.position);
    }
  }
  return positions;
}

TEST_CASE("if one copy of a topic's record is damaged the other serves, whichever it is") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<LogPosition> copies;
  {
    auto store = OpenStore(SmallOptions(disk, clock));
    REQUIRE(store->CreateTopic("t", 3).ok());
    copies = RecordsOf(*store);
    REQUIRE(copies.size() == 2);
    AppendNumbered(*store, "t", 0, 5, 20);
    Close(*store);
  }
  // One bad sector does not reach both.
  CHECK(copies[1] - copies[0] >= 512);

  const size_t damaged = GENERATE(size_t{0}, size_t{1});
  FlipBit(disk, copies[damaged] + 50);
  auto store = OpenStore(SmallOptions(disk, clock));
  CHECK(store->FindTopic("t").ok());
  CHECK(store->FindTopic("t")->queue_count() == 3);
  CHECK(AllOf(*store, "t", 0) == NumberedBodies(0, 5, 20));
  CHECK(store->state() == StoreState::kDegraded);
  CHECK(store->CreateTopic("u", 2).ok());
  Append(*store, {.topic = "u", .queue_id = 0, .body = "u"});
  CHECK(AllOf(*store, "t", 0) == NumberedBodies(0, 5, 20));
  CHECK(AllOf(*store, "u", 0) == Words{"u"});
}

// Replaces the body of catalogue records by one that is as long, with checksums that are right: as
// a writer would that means no good.
void Rewrite(FaultFileSystem& disk, absl::Span<const LogPosition> records, absl::string_view body) {
  for (const LogPosition position : records) {
    std::string content = disk.ReadFile(FileOf(position));
    const auto header = internal::DecodeSegmentHeader(content);
    REQUIRE(header.ok());
    char* const record = content.data() + position.value() % kSegment;
    const auto parts = internal::DecodeParts(record);
    REQUIRE((parts && parts->body.size() == body.size()));
    std::memcpy(record + (parts->body.data() - record), body.data(), body.size());
    internal::Publish(record, internal::Seal(record, position, header->incarnation));
    disk.WriteFile(FileOf(position), content);
  }
}

// A closed store with five messages in topic "near", and topic "far" without any. Returns where the
// records of "far" lie.
std::vector<LogPosition> MakeStoreWithFarTopic(FaultFileSystem& disk, ManualClock& clock) {
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("near", 2).ok());
  AppendNumbered(*store, "near", 0, 5, 20);
  REQUIRE(store->CreateTopic("far", 2).ok());
  const std::vector<LogPosition> records = RecordsOf(*store);
  REQUIRE(records.size() == 4);
  Close(*store);
  return {records.begin() + 2, records.end()};
}

// The most memory that this process ever had.
int64_t PeakBytes() {
  rusage usage{};
  REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
  return int64_t{usage.ru_maxrss} * 1024;
}

TEST_CASE("a topic far behind the others costs its own memory, at opening, sealing and opening") {
  FaultFileSystem disk;
  ManualClock clock;
  const std::vector<LogPosition> records = MakeStoreWithFarTopic(disk, clock);
  Rewrite(disk, records, EncodeTopic("far", ConsumeQueues::kQueuesMax - 3, 2));
  const int64_t before = PeakBytes();
  for (size_t life = 0; life < 3; ++life) {
    auto store = OpenStore(SmallOptions(disk, clock));
    // Whoever had the numbers between may have been lost, and what they cost would be lost too.
    CHECK(store->state() == StoreState::kHealthy);
    AppendNumbered(*store, "far", life * 50, 50, 100);
    Flush(*store);
    RunUntilIdle(*store, clock);
    CHECK(AllOf(*store, "far", 0) == NumberedBodies(0, life * 50 + 50, 100));
    CHECK(AllOf(*store, "near", 0) == NumberedBodies(0, 5, 20));
    CHECK(store->Stats().index_memory_bytes < 4 << 20);
    Close(*store);
  }
  CHECK(disk.FileExists(FileOf(LogPosition(0)) + ".index"));
  CHECK(PeakBytes() - before < 64 << 20);

  auto store = OpenStore(SmallOptions(disk, clock));
  CHECK(store->CreateTopic("next", 1).ok());
  CHECK(absl::IsResourceExhausted(store->CreateTopic("too many", 1).status()));
}

TEST_CASE("a topic's record that no writer can have written is damage and no reason not to open") {
  FaultFileSystem disk;
  ManualClock clock;
  const std::vector<LogPosition> records = MakeStoreWithFarTopic(disk, clock);
  const std::string body = GENERATE(
      EncodeTopic("far", 4'000'000'000, 2), EncodeTopic("far", ConsumeQueues::kQueuesMax - 1, 2),
      EncodeTopic("far", 2, 0), EncodeTopic("far", 2, kMaxQueuesPerTopic + 1),
      EncodeTopic("far", 0xFFFFFFFF, 0xFFFFFFFF), EncodeTopic("a/b", 2, 2));
  CAPTURE(body);
  Rewrite(disk, records, body);
  // In an index file, which is then computed again.
  CHECK(absl::IsDataLoss(Catalogue().topics.Load(std::string(8, '\0') + body)));

  auto store = OpenStore(SmallOptions(disk, clock));
  CHECK(store->state() == StoreState::kDegraded);
  REQUIRE_FALSE(store->recovery().damage.empty());
  CHECK(store->recovery().damage[0].begin == records[0]);
  CHECK(store->recovery().damage[0].end > records[1]);
  CHECK(absl::StrContains(store->recovery().damage[0].reason, "catalogue"));
  CHECK_FALSE(store->FindTopic("far").ok());
  CHECK(AllOf(*store, "near", 0) == NumberedBodies(0, 5, 20));
  CHECK(store->CreateTopic("next", 2).ok());
  Append(*store, {.topic = "next", .queue_id = 1, .body = "next"});
  CHECK(AllOf(*store, "next", 1) == Words{"next"});
}

TEST_CASE("numbers that messages of an unknown topic have are not given to a new one") {
  Catalogue all;
  REQUIRE(all.Add("known", 0, 2, LogPosition(100)).ok());
  alignas(8) char memory[48] = {};
  internal::WriteStamp(memory, {.bytes = 48, .queue_number = 6, .queue_offset = 0});
  internal::WriteParts(memory, {}, 0, 0);
  internal::Publish(memory, internal::Seal(memory, LogPosition(4096), 1));
  const ScannedRecord record{
      .position = LogPosition(4096), .bytes = memory, .header = internal::LoadHeader(memory)};
  REQUIRE(all.topics.Apply(record).ok());

  CHECK(all.topics.next_queue() == 7);
  CHECK(all.topics.OfQueue(6) == nullptr);

  // Who opens with what was saved reads no message of the sealed part, and knows it all the same.
  for (const std::string& saved : {all.topics.SaveAll(LogPosition(8192)),
                                   all.topics.SaveChanges(LogPosition(200), LogPosition(8192))}) {
    Catalogue again;
    REQUIRE(again.topics.Load(saved).ok());
    CHECK(again.topics.next_queue() == 7);
    REQUIRE(again.Add("new", 7, 2, LogPosition(9000)).ok());
    CHECK(again.topics.next_queue() == 9);
    CHECK(again.topics.OfQueue(6) == nullptr);
  }
}

TEST_CASE("the topic's record may not be taken for another: its body is checked") {
  Catalogue all;
  const auto apply = [&](absl::string_view body) {
    const auto bytes = static_cast<uint32_t>(internal::RecordBytes(0, body.size()));
    std::vector<uint64_t> memory(bytes / 8);
    char* const record = reinterpret_cast<char*>(memory.data());
    internal::WriteStamp(record, {.bytes = bytes, .type = internal::RecordType::kCatalogue});
    char* const to = internal::WriteParts(record, {}, 0, static_cast<uint32_t>(body.size()));
    if (!body.empty()) std::memcpy(to, body.data(), body.size());
    internal::Publish(record, internal::Seal(record, LogPosition(4096), 1));
    return all.topics.Apply(
        {.position = LogPosition(4096), .bytes = record, .header = internal::LoadHeader(record)});
  };
  const std::string whole = EncodeTopic("name", 0, 4);
  for (size_t size = 0; size < whole.size(); ++size) {
    CHECK(absl::IsDataLoss(apply({whole.data(), size})));
  }
  CHECK(all.topics.All().empty());
  REQUIRE(apply(whole).ok());
  CHECK(all.topics.Find("name")->queue_count == 4);
}

}  // namespace
}  // namespace weir::testing
