// What an open and a check say of files that are lost, and what stays readable without them: the
// oldest segment with its topics, the newest, all index files.

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "api/small_store.h"

namespace weir::testing {
namespace {

constexpr size_t kBodyBytes = 200;
constexpr size_t kCount = 150;

std::string SegmentPath(uint64_t index) { return FileOf(LogPosition(index * kSegment)); }
std::string IndexPath(uint64_t index) { return SegmentPath(index) + ".index"; }

// A closed store: [0, kCount) in queue 0 of "events", every seventh also in "others".
struct Closed {
  FaultFileSystem disk;
  ManualClock clock;
  uint64_t sealed = 0;  // segments with an index file

  Closed() {
    auto store = OpenStore(SmallOptions(disk, clock));
    for (size_t i = 0; i < kCount; ++i) {
      AppendNumbered(*store, "events", i, 1, kBodyBytes);
      if (i % 7 == 0) AppendNumbered(*store, "others", i, 1, 20);
    }
    Close(*store);
    while (disk.FileExists(IndexPath(sealed))) ++sealed;
    REQUIRE(sealed >= 9);
  }
  std::unique_ptr<MessageStore> Open(bool read_only = false) {
    StoreOptions options = SmallOptions(disk, clock);
    options.read_only = read_only;
    return OpenStore(options);
  }
  void RemoveIndexFiles() {
    for (uint64_t i = 0; i < sealed; ++i) {
      if (disk.FileExists(IndexPath(i))) disk.RemoveFile(IndexPath(i));
    }
  }
  void Flip(const std::string& path, size_t from_end) {
    std::string bytes = disk.ReadFile(path);
    char& byte = bytes[bytes.size() - from_end];
    byte = static_cast<char>(byte ^ 1);
    disk.WriteFile(path, bytes);
  }
};

std::vector<std::string> Findings(MessageStore& store) {
  const auto report = store.Verify();
  INFO(report.status());
  REQUIRE(report.ok());
  std::vector<std::string> files;
  for (const VerifyFinding& finding : report->findings) files.push_back("/store/" + finding.file);
  return files;
}

// The numbers of all bodies of the topic's queue 0 that can be read, and how many damages lie
// between them.
struct Found {
  std::set<std::string> bodies;
  size_t damages = 0;
};

Found ReadQueue(MessageStore& store, absl::string_view topic) {
  Found found;
  for (QueueOffset offset(0);;) {
    const ReadResult result = Read(store, topic, 0, offset.value(), {.max_messages = 7});
    if (result.outcome() == ReadOutcome::kAtEnd) return found;
    found.damages += result.outcome() == ReadOutcome::kDamaged;
    for (const MessageView& message : result) found.bodies.emplace(message.body());
    REQUIRE(result.next_offset() > offset);
    offset = result.next_offset();
  }
}

TEST_CASE("without the oldest segment its topics are known, and all other messages are read") {
  Closed closed;
  const bool has_index = GENERATE(true, false);
  const bool read_only = GENERATE(true, false);
  CAPTURE(has_index, read_only);
  closed.disk.RemoveFile(SegmentPath(0));
  if (!has_index) closed.disk.RemoveFile(IndexPath(0));
  for (int opens = 0; opens < 2; ++opens) {
    auto store = closed.Open(read_only);
    CHECK(store->state() == StoreState::kDegraded);
    CHECK(store->recovery().damage.size() == 1);
    CHECK(store->Info().topics.size() == 2);
    const Found events = ReadQueue(*store, "events");
    CHECK(events.bodies.size() > kCount - 20);
    CHECK(events.bodies.size() < kCount);
    CHECK(events.bodies.contains(Numbered(kCount - 1, kBodyBytes)));
    CHECK(events.damages == 1);
    CHECK(ReadQueue(*store, "others").bodies.size() > kCount / 7 - 4);
    CHECK_FALSE(Findings(*store).empty());
    if (!read_only) {
      const Receipt receipt = Append(*store, {.topic = "events", .queue_id = 0, .body = "more"});
      CHECK(receipt.queue_offset.value() == kCount + static_cast<uint64_t>(opens));
    }
    Close(*store);
  }
}

TEST_CASE("the index file of a lost segment is enough to know its topics") {
  // Nothing else was sealed: no other file names them.
  FaultFileSystem disk;
  ManualClock clock;
  const size_t count = 20;
  {
    auto store = OpenStore(SmallOptions(disk, clock));
    AppendNumbered(*store, "events", 0, count, kBodyBytes);
    Close(*store);
  }
  REQUIRE(disk.FileExists(IndexPath(0)));
  REQUIRE_FALSE(disk.FileExists(IndexPath(1)));
  disk.RemoveFile(SegmentPath(0));
  auto store = OpenStore(SmallOptions(disk, clock));
  const Found found = ReadQueue(*store, "events");
  CHECK(found.damages == 1);
  CHECK(found.bodies.size() >= 3);
  CHECK(found.bodies.contains(Numbered(count - 1, kBodyBytes)));
  CHECK(Append(*store, {.topic = "events", .queue_id = 0, .body = "x"}).queue_offset.value() ==
        count);
}

TEST_CASE("a topic whose name is lost is told of in few words, and its numbers stay its own") {
  Closed closed;
  closed.RemoveIndexFiles();
  closed.disk.RemoveFile(SegmentPath(0));
  uint32_t largest = 0;
  for (int opens = 0; opens < 4; ++opens) {
    CAPTURE(opens);
    auto store = closed.Open();
    CHECK(store->recovery().damage.size() <= 3);
    const std::vector<std::string> findings = Findings(*store);
    CHECK(std::count_if(findings.begin(), findings.end(), [](const std::string& file) {
            return !absl::EndsWith(file, ".index");
          }) <= 3);
    const auto records = store->Dump(LogPosition(0), 10'000);
    REQUIRE(records.ok());
    for (const RecordInfo& record : *records) {
      if (record.type == "message" && record.position < LogPosition(closed.sealed * kSegment)) {
        largest = std::max(largest, record.queue_number);
      }
    }
    // Between the opens everything is sealed: then no open reads the lost topics' messages.
    if (opens == 2) {
      const Receipt receipt = Append(*store, {.topic = "events", .queue_id = 0, .body = "new"});
      CHECK(receipt.queue_offset == QueueOffset(0));
      const auto dumped = store->Dump(receipt.position, 1);
      REQUIRE(dumped->size() == 1);
      CHECK(dumped->front().queue_number > largest);
    }
    if (opens == 3) CHECK(AllOf(*store, "events", 0) == Words{"new"});
    Close(*store);
  }
}

TEST_CASE("an index file that a closed store should have and has not is told of at the open") {
  Closed closed;
  const auto missing = GENERATE(as<std::string>(), "oldest", "newest", "one between", "all");
  CAPTURE(missing);
  if (missing == "all") {
    closed.RemoveIndexFiles();
  } else {
    const uint64_t index = missing == "oldest" ? 0 : missing == "newest" ? closed.sealed - 1 : 4;
    closed.disk.RemoveFile(IndexPath(index));
  }
  const bool read_only = GENERATE(true, false);
  auto store = closed.Open(read_only);
  REQUIRE(store->recovery().notes.size() == 1);
  CHECK(absl::StrContains(store->recovery().notes[0], ".index"));
  CHECK(store->state() == StoreState::kHealthy);
  CHECK(ReadQueue(*store, "events").bodies.size() == kCount);
  Close(*store);
  if (read_only) return;
  for (uint64_t i = 0; i < closed.sealed; ++i) CHECK(closed.disk.FileExists(IndexPath(i)));
  CHECK(closed.Open()->recovery().notes.empty());
}

TEST_CASE("a process that died before it sealed left nothing out, and nothing is said of it") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "events", 0, 60, kBodyBytes);
  RunUntilIdle(*store, clock);
  AppendNumbered(*store, "events", 60, 30, kBodyBytes);
  Flush(*store);
  FaultFileSystem after(disk.ProcessDeath());
  disk.Kill();
  auto again = OpenStore(SmallOptions(after, clock));
  for (const std::string& note : again->recovery().notes) UNSCOPED_INFO(note);
  CHECK(again->recovery().notes.empty());
  CHECK(ReadQueue(*again, "events").bodies.size() == 90);
}

TEST_CASE("verify finds what is wrong with any index file, whether the open needed it or not") {
  Closed closed;
  const bool read_only = GENERATE(true, false);
  const uint64_t last = closed.sealed - 1;
  const uint64_t index = GENERATE_COPY(uint64_t{0}, uint64_t{3}, last);
  const auto harm = GENERATE(as<std::string>(), "flipped at its end", "flipped inside", "removed");
  CAPTURE(read_only, index, harm);
  if (harm == "removed") {
    closed.disk.RemoveFile(IndexPath(index));
  } else {
    closed.Flip(IndexPath(index), harm == "flipped inside" ? 150 : 1);
  }
  auto store = closed.Open(read_only);
  if (harm == "removed" && index == last) {
    // It may not have been written yet: a writer makes it, and who only reads tells of it.
    CHECK(Findings(*store) ==
          (read_only ? std::vector{IndexPath(index)} : std::vector<std::string>{}));
    CHECK_FALSE(store->recovery().notes.empty());
    return;
  }
  CHECK(Findings(*store) == std::vector<std::string>{IndexPath(index)});
  const auto report = store->Verify();
  CHECK(report->index_files == closed.sealed - (harm == "removed" ? 1 : 0));
}

TEST_CASE("verify finds that the newest segments are missing, or all of them") {
  Closed closed;
  const bool read_only = GENERATE(true, false);
  const bool all = GENERATE(true, false);
  CAPTURE(read_only, all);
  for (uint64_t i = all ? 0 : closed.sealed - 1; i <= closed.sealed; ++i) {
    closed.disk.RemoveFile(SegmentPath(i));
  }
  auto store = closed.Open(read_only);
  CHECK(store->state() == StoreState::kDegraded);
  CHECK_FALSE(Findings(*store).empty());
  CHECK(store->Info().topics.size() == 2);
}

TEST_CASE("a damaged slot of the superblock hides no front from the next open, in whatever life") {
  const int lives = GENERATE(1, 2, 3);
  const bool is_flushed = GENERATE(false, true);
  ManualClock clock;
  FaultFileSystem disk;
  int appended = 0;
  const auto append = [&](MessageStore& store, int count) {
    for (int i = 0; i < count; ++i) {
      Append(store, {.topic = "t", .queue_id = 0, .body = std::to_string(appended++)});
    }
  };
  for (int life = 1; life < lives; ++life) {
    auto store = OpenStore(SmallOptions(disk, clock));
    append(*store, 4);
    REQUIRE(store->Close().ok());
  }
  auto store = OpenStore(SmallOptions(disk, clock));
  append(*store, 10);
  if (is_flushed) REQUIRE(store->Flush().ok());
  append(*store, 5);
  const CrashImage death = disk.ProcessDeath();

  for (const size_t slot : {size_t{0}, size_t{1}}) {
    FaultFileSystem after(death);
    std::string bytes = after.ReadFile("/store/superblock");
    bytes[slot * 4096 + 100] = static_cast<char>(bytes[slot * 4096 + 100] ^ 1);
    after.WriteFile("/store/superblock", bytes);
    for (int open = 0; open < 2; ++open) {
      auto again = OpenStore(SmallOptions(after, clock));
      INFO("life " << lives << ", slot " << slot << ", open " << open);
      CHECK(again->Bounds("t", 0)->end == QueueOffset(static_cast<uint64_t>(appended)));
      CHECK(again->ReadLast("t", 0, 1)->messages()[0].body() == std::to_string(appended - 1));
      if (open == 0) CHECK(again->recovery().front_adopted);
      Append(*again, {.topic = "t", .queue_id = 1, .body = "more"});
      REQUIRE(again->Close().ok());
    }
  }
}

TEST_CASE("a dump shows damage where it lies") {
  Closed closed;
  auto store = closed.Open();
  const auto before = store->Dump(LogPosition(0), 10'000);
  REQUIRE(before.ok());
  const RecordInfo& victim = (*before)[30];
  REQUIRE(victim.type == "message");
  Close(*store);
  FlipBit(closed.disk, victim.position + 60);
  store = closed.Open(GENERATE(true, false));
  const auto after = store->Dump(LogPosition(0), 10'000);
  REQUIRE(after.ok());
  REQUIRE(after->size() == before->size());
  for (size_t i = 0; i < after->size(); ++i) {
    CHECK((*after)[i].position == (*before)[i].position);
    CHECK(((*after)[i].type == "damage") == (i == 30));
  }
  CHECK((*after)[30].bytes == victim.bytes);
  CHECK_FALSE((*after)[30].text.empty());
}

// Calls of the file system that an open of a closed store makes, which holds so many messages.
uint64_t CostOfOpen(size_t messages, uint64_t* of_indexes) {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "t", 0, messages, 400);
  Close(*store);
  const uint64_t before = disk.operations();
  disk.SetHook([&](const Operation& operation) {
    *of_indexes += absl::StrContains(operation.name, ".index");
  });
  store = OpenStore(SmallOptions(disk, clock));
  disk.SetHook(nullptr);
  return disk.operations() - before;
}

TEST_CASE("what an open costs does not grow with the number of sealed segments") {
  uint64_t of_few = 0;
  uint64_t of_many = 0;
  const uint64_t few = CostOfOpen(20 * 8, &of_few);
  const uint64_t many = CostOfOpen(200 * 8, &of_many);
  CAPTURE(few, many);
  CHECK(many <= few + 20);
  CHECK(of_many == of_few);
}

}  // namespace
}  // namespace weir::testing
