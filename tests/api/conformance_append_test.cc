// What a message store must do, as its users know it from RocketMQ: appending. The numbers in the
// tags are those of the list of behaviours.

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <latch>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "api/small_store.h"
#include "format/record.h"
#include "format/segment_header.h"

namespace weir::testing {
namespace {

TEST_CASE("an append answers with position and offset; a queue's offsets are 0, 1, 2, ...",
          "[c1]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));

  LogPosition last;
  for (uint64_t i = 0; i < 50; ++i) {
    for (const uint32_t queue_id : {0u, 1u}) {
      const Receipt receipt =
          Append(*store, {.topic = "orders", .queue_id = queue_id, .body = "body"});
      CHECK(receipt.queue_offset == QueueOffset(i));
      CHECK(receipt.queue_id == queue_id);
      CHECK(receipt.position >= last);
      CHECK(receipt.end > receipt.position);
      const ReadResult at = *store->ReadAt(receipt.position);
      CHECK(at[0].record_bytes() == receipt.end - receipt.position);
      last = receipt.end;
    }
  }
}

TEST_CASE("a body at the limit is accepted; one byte more is refused and leaves no trace", "[c2]") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.max_body_bytes = 500;
  auto store = OpenStore(options);
  const std::string limit(500, 'a');
  const std::string over(501, 'b');

  CHECK(Append(*store, {.topic = "t", .queue_id = 0, .body = limit}).queue_offset ==
        QueueOffset(0));
  const LogPosition end = store->Info().end;
  CHECK(
      absl::IsInvalidArgument(store->Append({.topic = "t", .queue_id = 0, .body = over}).status()));

  CHECK(store->Info().end == end);
  CHECK(Append(*store, {.topic = "t", .queue_id = 0, .body = limit}).queue_offset ==
        QueueOffset(1));
  CHECK(AllOf(*store, "t", 0) == Words{limit, limit});
}

TEST_CASE("properties over their limit are refused, and the status says that it is they", "[c4]") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.segment_bytes = options.front_bytes = 1 << 18;
  auto store = OpenStore(options);
  const std::string value(kMaxPropertiesBytes - 3 - 1, 'v');
  const std::string over = value + "v";

  CHECK(store->Append({.topic = "t", .properties = {{"n", value}}, .body = "b"}).ok());
  const LogPosition end = store->Info().end;
  const absl::Status refused =
      store->Append({.topic = "t", .properties = {{"n", over}}, .body = "b"}).status();

  CHECK(absl::IsInvalidArgument(refused));
  CHECK(refused.message().find("propert") != absl::string_view::npos);
  CHECK(store->Info().end == end);
}

TEST_CASE("a batch over the limit is refused as a whole", "[c5]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 1).ok());
  const LogPosition end = store->Info().end;
  const std::string body(300, 'x');
  const std::vector<Message> many(8, {.topic = "t", .queue_id = 0, .body = body});

  CHECK(absl::IsInvalidArgument(store->Append(many).status()));

  CHECK(store->Info().end == end);
  CHECK(BoundsOf(*store, "t", 0) == std::pair<uint64_t, uint64_t>(0, 0));
  CHECK(store->Append(absl::MakeSpan(many).subspan(0, 5)).ok());
}

TEST_CASE("a batch of N is N messages with consecutive offsets and one store time", "[c6]") {
  FaultFileSystem disk;
  ManualClock clock;
  clock.AdvanceAtEveryLook(absl::Nanoseconds(7));
  auto store = OpenStore(SmallOptions(disk, clock));
  Append(*store, {.topic = "t", .queue_id = 0, .body = "before"});
  const Words bodies = NumberedBodies(0, 10, 20);
  std::vector<Message> batch;
  for (const std::string& body : bodies) {
    batch.push_back({.topic = "t", .queue_id = 0, .body = body});
  }

  const absl::StatusOr<std::vector<Receipt>> receipts = store->Append(batch);

  REQUIRE(receipts.ok());
  REQUIRE(receipts->size() == 10);
  const ReadResult result = Read(*store, "t", 0, 1);
  CHECK(BodiesOf(result) == bodies);
  for (size_t i = 0; i < 10; ++i) {
    CHECK((*receipts)[i].queue_offset == QueueOffset(1 + i));
    CHECK((*receipts)[i].position == result[i].position());
    CHECK(result[i].store_time() == result[0].store_time());
    CHECK((*store->ReadAt((*receipts)[i].position))[0].body() == bodies[i]);
  }
}

// The types of all records between two positions.
Words TypesBetween(MessageStore& store, LogPosition from, LogPosition to) {
  Words types;
  const auto records = store.Dump(from, 1000);
  REQUIRE(records.ok());
  for (const RecordInfo& record : *records) {
    if (record.position < to) types.emplace_back(record.type);
  }
  return types;
}

TEST_CASE("a batch that does not fit into its segment goes whole into the next one", "[c7]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 1).ok());
  LogPosition end = store->Info().end;
  while (end.value() % kSegment < kSegment - 1000) {
    end = Append(*store, {.topic = "t", .queue_id = 0, .body = "fill"}).end;
  }
  const std::string body(400, 'b');
  const std::vector<Message> batch(3, {.topic = "t", .queue_id = 0, .body = body});

  const auto receipts = store->Append(batch);

  REQUIRE(receipts.ok());
  CHECK(receipts->front().position.value() / kSegment == end.value() / kSegment + 1);
  CHECK(receipts->back().position.value() / kSegment == end.value() / kSegment + 1);
  CHECK(TypesBetween(*store, end, receipts->front().position).front() == "filler");
  CHECK(receipts->at(2).queue_offset - receipts->at(0).queue_offset == 2);
}

TEST_CASE("a record that does not fit goes into the next segment with the next offset", "[c8]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 1).ok());
  LogPosition end = store->Info().end;
  uint64_t count = 0;
  while (end.value() % kSegment < kSegment - 500) {
    end = Append(*store, {.topic = "t", .queue_id = 0, .body = "fill"}).end;
    ++count;
  }

  const Receipt receipt =
      Append(*store, {.topic = "t", .queue_id = 0, .body = std::string(600, 'b')});

  CHECK(receipt.position.value() / kSegment == end.value() / kSegment + 1);
  CHECK(receipt.queue_offset == QueueOffset(count));
  CHECK(TypesBetween(*store, end, receipt.position) == Words{"filler"});
  CHECK(AllOf(*store, "t", 0).size() == count + 1);
}

TEST_CASE("the stored checksum is that of the record, and one flipped bit shows", "[c10]") {
  using internal::DecodeSegmentHeader;
  using internal::LoadHeader;
  using internal::Verify;
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const Receipt receipt = Append(*store, {.topic = "t", .queue_id = 0, .tag = "A", .body = "body"});
  const uint64_t checksum = store->Dump(receipt.position, 1)->at(0).checksum;
  Close(*store);
  const std::string file = disk.ReadFile(FileOf(receipt.position));
  const auto header = DecodeSegmentHeader(file);
  REQUIRE(header.ok());
  const uint64_t bytes = receipt.end - receipt.position;
  alignas(8) char record[256];
  REQUIRE(bytes <= sizeof record);
  std::memcpy(record, file.data() + receipt.position.value(), bytes);

  CHECK(LoadHeader(record).checksum == checksum);
  CHECK(Verify(record, bytes, receipt.position, header->incarnation));
  for (uint64_t bit = 0; bit < bytes * 8; ++bit) {
    record[bit / 8] = static_cast<char>(record[bit / 8] ^ (1 << bit % 8));
    CHECK_FALSE(Verify(record, bytes, receipt.position, header->incarnation));
    record[bit / 8] = static_cast<char>(record[bit / 8] ^ (1 << bit % 8));
  }
  for (uint64_t byte = 0; byte < bytes; byte += 5) {
    FlipBit(disk, receipt.position + byte);
    // Where the only message of a queue was, only the log can say.
    auto damaged = OpenStore(SmallOptions(disk, clock));
    CHECK(Read(*damaged, "t", 0, 0).empty());
    REQUIRE(damaged->recovery().damage.size() == 1);
    CHECK(damaged->recovery().damage[0].begin == receipt.position);
    disk.WriteFile(FileOf(receipt.position), file);
  }
}

TEST_CASE("concurrent appenders neither use an offset twice nor skip one", "[c13]") {
  constexpr size_t kThreads = 4;
  constexpr size_t kEach = 2000;
  FaultFileSystem disk;
  StoreOptions options = SmallOptions(disk, *Clock::System());
  options.background = Background::kThreads;
  auto store = OpenStore(options);
  REQUIRE(store->CreateTopic("t", 1).ok());
  std::vector<std::vector<uint64_t>> offsets(kThreads);
  std::vector<LogPosition> positions(kThreads * kEach);  // by offset
  std::atomic<int> failures{0};

  std::vector<std::thread> threads;
  std::latch all_are_there(kThreads);
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      all_are_there.arrive_and_wait();
      for (size_t j = 0; j < kEach; ++j) {
        const std::string body = absl::StrCat(i, ".", j);
        const auto receipt = store->Append({.topic = "t", .queue_id = 0, .body = body});
        const bool fits = receipt.ok() && receipt->queue_offset.value() < positions.size();
        if (!fits) ++failures;
        if (!fits) continue;
        offsets[i].push_back(receipt->queue_offset.value());
        positions[receipt->queue_offset.value()] = receipt->position;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(failures == 0);
  std::set<uint64_t> all;
  for (const auto& of_one : offsets) all.insert(of_one.begin(), of_one.end());
  CHECK(all.size() == kThreads * kEach);
  CHECK(*all.rbegin() == kThreads * kEach - 1);
  // The queue's order is the log's.
  CHECK(std::is_sorted(positions.begin(), positions.end()));
  const Words bodies = AllOf(*store, "t", 0);
  REQUIRE(bodies.size() == kThreads * kEach);
  for (size_t i = 0; i < kThreads; ++i) {
    for (size_t j = 0; j < kEach; ++j) {
      CHECK(bodies[offsets[i][j]] == absl::StrCat(i, ".", j));
    }
  }
}

TEST_CASE("closed, read-only and full each refuse an append with a status of their own", "[c14]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  Append(*store, {.topic = "t", .queue_id = 0, .body = "first"});
  Flush(*store);

  SECTION("a full disk") {
    disk.SetCapacity(disk.used_bytes());
    absl::Status refused;
    for (int i = 0; i < 100 && refused.ok(); ++i) {
      refused =
          store->Append({.topic = "t", .queue_id = 0, .body = std::string(500, 'x')}).status();
    }
    CHECK(absl::IsResourceExhausted(refused));
    CHECK(store->state() == StoreState::kDegraded);
    CHECK(AllOf(*store, "t", 0).front() == "first");
  }
  SECTION("a disk that failed") {
    disk.Inject(InputOutputError({.kind = OperationKind::kSync, .times = Fault::kForEver}));
    disk.Inject(
        InputOutputError({.kind = OperationKind::kSyncDirectory, .times = Fault::kForEver}));
    CHECK(absl::IsDataLoss(store
                               ->Append({.topic = "t", .queue_id = 0, .body = "lost"},
                                        {.durability = Durability::kDisk})
                               .status()));
    const absl::Status refused =
        store->Append({.topic = "t", .queue_id = 0, .body = "next"}).status();
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(refused.message().find("read-only") != absl::string_view::npos);
    CHECK(store->state() == StoreState::kReadOnly);
    CHECK(AllOf(*store, "t", 0).front() == "first");
  }
  SECTION("a closed store") {
    Close(*store);
    const absl::Status refused =
        store->Append({.topic = "t", .queue_id = 0, .body = "next"}).status();
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(refused.message().find("closed") != absl::string_view::npos);
    CHECK(store->state() == StoreState::kClosed);
  }
  SECTION("a store that is open for reading") {
    StoreOptions options = SmallOptions(disk, clock);
    options.read_only = true;
    auto reader = OpenStore(options);
    CHECK(absl::IsFailedPrecondition(
        reader->Append({.topic = "t", .queue_id = 0, .body = "next"}).status()));
  }
}

TEST_CASE("a disk that is full at any byte leaves what was acknowledged, and the process",
          "[c16]") {
  ManualClock clock;
  clock.AdvanceAtEveryLook(absl::Milliseconds(1));
  for (uint64_t pages = 0; pages < 24; ++pages) {
    INFO("room for " << pages << " pages");
    FaultFileSystem disk;
    disk.SetCapacity(pages * 4096);
    auto store = MessageStore::Open(SmallOptions(disk, clock));
    if (!store.ok()) {
      CHECK(absl::IsResourceExhausted(store.status()));
      continue;
    }
    Words acknowledged;
    for (size_t i = 0; i < 60; ++i) {
      const std::string body = Numbered(i, 400);
      const auto receipt = (*store)->Append({.topic = "t", .queue_id = 0, .body = body},
                                            {.timeout = absl::Milliseconds(50)});
      if (!receipt.ok()) {
        CHECK((absl::IsResourceExhausted(receipt.status()) ||
               absl::IsDeadlineExceeded(receipt.status())));
      } else {
        acknowledged.push_back(body);
      }
    }
    CHECK(AllOf(**store, "t", 0) == acknowledged);
    CHECK((*store)->state() != StoreState::kReadOnly);

    // The process dies with the disk still full; there is room again, and all of it is there.
    FaultFileSystem after(disk.ProcessDeath());
    disk.Kill();
    auto again = OpenStore(SmallOptions(after, clock));
    CHECK(AllOf(*again, "t", 0) == acknowledged);
  }
}

TEST_CASE("a full disk heals: what was refused is accepted when there is room again", "[c16]") {
  FaultFileSystem disk;
  ManualClock clock;
  clock.AdvanceAtEveryLook(absl::Milliseconds(1));
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 1).ok());
  disk.SetCapacity(disk.used_bytes());
  size_t accepted = 0;
  while (store
             ->Append({.topic = "t", .queue_id = 0, .body = Numbered(accepted, 400)},
                      {.timeout = absl::Milliseconds(50)})
             .ok()) {
    ++accepted;
    REQUIRE(accepted < 1000);
  }
  CHECK(store->state() == StoreState::kDegraded);

  disk.SetCapacity(64 << 20);
  RunUntilIdle(*store, clock);
  AppendNumbered(*store, "t", accepted, 40, 400);
  Flush(*store);

  CHECK(store->state() == StoreState::kHealthy);
  CHECK(AllOf(*store, "t", 0) == NumberedBodies(0, accepted + 40, 400));
}

TEST_CASE("a batch over several queues is there as a whole or not at all, whatever happened",
          "[c18]") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<CrashImage> moments;
  {
    auto store = OpenStore(SmallOptions(disk, clock));
    REQUIRE(store->CreateTopic("a", 2).ok());
    REQUIRE(store->CreateTopic("b", 1).ok());
    disk.SetHook([&](const Operation&) { moments.push_back(disk.Freeze()); });
    for (int i = 0; i < 12; ++i) {
      const std::string body = Numbered(static_cast<size_t>(i), 200);
      const std::vector<Message> batch = {{.topic = "a", .queue_id = 0, .body = body},
                                          {.topic = "b", .queue_id = 0, .body = body},
                                          {.topic = "a", .queue_id = 1, .body = body}};
      REQUIRE(store->Append(batch).ok());
      moments.push_back(disk.Freeze());
      if (i % 3 == 2) Flush(*store);
    }
    disk.SetHook(nullptr);
  }
  REQUIRE(moments.size() > 20);

  const auto check = [&](const CrashImage& image) {
    FaultFileSystem after(image);
    auto store = OpenStore(SmallOptions(after, clock));
    const Words first = AllOf(*store, "a", 0);
    CHECK(AllOf(*store, "a", 1) == first);
    CHECK(AllOf(*store, "b", 0) == first);
  };
  for (const CrashImage& moment : moments) {
    check(moment.ProcessDeath());
    for (const LossPlan& plan : moment.LossPlans(
             {.seed = 1, .single_sectors_max = 4, .subsets_max = 2, .random_plans = 2})) {
      check(moment.PowerLoss(plan));
    }
  }
}

}  // namespace
}  // namespace weir::testing
