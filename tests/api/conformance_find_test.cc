// What a message store must do, as its users know it from RocketMQ: finding messages by time and by
// key.

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/small_store.h"
#include "format/key_table.h"
#include "format/superblock.h"

namespace weir::testing {
namespace {

const absl::Time kStart = absl::FromUnixNanos(ManualClock::kDefaultWallNanos);

uint64_t OffsetAt(MessageStore& store, absl::Time time, Boundary boundary, uint32_t queue_id = 0) {
  const absl::StatusOr<QueueOffset> offset = store.OffsetForTime("t", queue_id, time, boundary);
  INFO(offset.status());
  REQUIRE(offset.ok());
  return offset->value();
}
uint64_t Lower(MessageStore& store, absl::Time time, uint32_t queue_id = 0) {
  return OffsetAt(store, time, Boundary::kLower, queue_id);
}
uint64_t Upper(MessageStore& store, absl::Time time, uint32_t queue_id = 0) {
  return OffsetAt(store, time, Boundary::kUpper, queue_id);
}

FindResult Find(MessageStore& store, absl::string_view key, const FindOptions& options = {}) {
  absl::StatusOr<FindResult> found = store.FindByKey("t", key, options);
  INFO(found.status());
  REQUIRE(found.ok());
  return *std::move(found);
}
// All pages, as bodies; nothing may be damaged.
Words AllWith(MessageStore& store, absl::string_view key, FindOptions options = {}) {
  Words bodies;
  for (;;) {
    const FindResult found = Find(store, key, options);
    CHECK(found.damage().empty());
    for (const MessageView& message : found) bodies.emplace_back(message.body());
    if (found.is_done()) return bodies;
    options.cursor = found.next();
  }
}

// Groups of three messages, ten seconds apart, those of a group at one time; so many that most of
// them are in sealed segments.
std::unique_ptr<MessageStore> GroupsOfThree(FaultFileSystem& disk, ManualClock& clock,
                                            size_t groups) {
  auto store = OpenStore(SmallOptions(disk, clock));
  for (size_t i = 0; i < groups; ++i) {
    AppendNumbered(*store, "t", 3 * i, 3, 200);
    Append(*store, {.topic = "t", .queue_id = 1, .body = "in another queue"});
    clock.Advance(absl::Seconds(10));
  }
  clock.Advance(-absl::Seconds(10));
  Flush(*store);
  RunUntilIdle(*store, clock);
  return store;
}

TEST_CASE("a time that messages have is the first of them, or the last", "[c37]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = GroupsOfThree(disk, clock, 40);
  for (uint64_t group = 0; group < 40; ++group) {
    const absl::Time time = kStart + absl::Seconds(10 * group);
    CAPTURE(group);
    CHECK(Lower(*store, time) == 3 * group);
    CHECK(Upper(*store, time) == 3 * group + 2);
    CHECK(Lower(*store, time, 1) == group);
    CHECK(Upper(*store, time, 1) == group);
  }
}

TEST_CASE("a time between messages is the next later one, or the last earlier one", "[c38]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = GroupsOfThree(disk, clock, 40);
  for (uint64_t group = 0; group + 1 < 40; ++group) {
    for (const absl::Duration behind :
         {absl::Nanoseconds(1), absl::Seconds(5), absl::Seconds(10) - absl::Nanoseconds(1)}) {
      const absl::Time time = kStart + absl::Seconds(10 * group) + behind;
      CAPTURE(group, behind);
      CHECK(Lower(*store, time) == 3 * group + 3);
      CHECK(Upper(*store, time) == 3 * group + 2);
    }
  }
  SECTION("before all messages: the first, and 0") {
    const absl::Time before = kStart - absl::Nanoseconds(1);
    CHECK(Lower(*store, before) == 0);
    CHECK(Upper(*store, before) == 0);
  }
  SECTION("behind all messages: the end, and the last") {
    const absl::Time behind = kStart + absl::Seconds(390) + absl::Nanoseconds(1);
    CHECK(Lower(*store, behind) == 120);
    CHECK(Upper(*store, behind) == 119);
  }
}

TEST_CASE("however far off the clock is that asks, the answer is in the queue", "[c39]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = GroupsOfThree(disk, clock, 10);
  for (const absl::Duration skew : {absl::Milliseconds(1), absl::Hours(1), absl::Hours(24 * 365),
                                    absl::Hours(24 * 365 * 300), absl::InfiniteDuration()}) {
    CAPTURE(skew);
    CHECK(Lower(*store, kStart - skew) == 0);
    CHECK(Upper(*store, kStart - skew) == 0);
    CHECK(Lower(*store, kStart + absl::Seconds(90) + skew) == 30);
    CHECK(Upper(*store, kStart + absl::Seconds(90) + skew) == 29);
  }
  // A clock that went back while messages were appended.
  clock.Advance(-absl::Hours(24));
  AppendNumbered(*store, "t", 30, 3, 200);
  CHECK(Lower(*store, kStart + absl::Seconds(90)) == 27);
  CHECK(Upper(*store, kStart + absl::Seconds(90)) >= 32);
  CHECK(Upper(*store, kStart + absl::Seconds(89)) == 26);
}

TEST_CASE("what is not there has no time, and says so", "[c40]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = GroupsOfThree(disk, clock, 10);
  REQUIRE(store->CreateTopic("empty", 1).ok());
  CHECK(absl::IsNotFound(store->OffsetForTime("none", 0, kStart, Boundary::kLower).status()));
  CHECK(absl::IsNotFound(store->OffsetForTime("t", 2, kStart, Boundary::kUpper).status()));
  CHECK(absl::IsNotFound(store->BoundsInTime("none", 0).status()));
  CHECK(absl::IsNotFound(store->BoundsInTime("t", 2).status()));
  CHECK(absl::IsNotFound(store->BoundsInTime("empty", 0).status()));
  CHECK(*store->OffsetForTime("empty", 0, kStart, Boundary::kLower) == QueueOffset(0));
  CHECK(*store->OffsetForTime("empty", 0, kStart, Boundary::kUpper) == QueueOffset(0));
  CHECK(Read(*store, "t", 0, 30).empty());

  const auto bounds = store->BoundsInTime("t", 0);
  REQUIRE(bounds.ok());
  CHECK(bounds->earliest == kStart);
  CHECK(bounds->latest == kStart + absl::Seconds(90));
  const auto of_store = store->BoundsInTime();
  REQUIRE(of_store.ok());
  CHECK(of_store->earliest == kStart);
  CHECK(of_store->latest == kStart + absl::Seconds(90));
}

TEST_CASE(
    "a key gives exactly its messages of the time that is asked for, however many files it fills",
    "[c41]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  std::map<std::string, std::vector<std::pair<int, std::string>>> expected;  // second, body
  for (int second = 0; second < 300; ++second) {
    const std::string one = absl::StrCat("key", second % 7);
    const std::string two = absl::StrCat("key", second % 31 + 10);
    const std::string body = Numbered(static_cast<size_t>(second), 150);
    Append(*store, {.topic = "t", .keys = {one, two}, .body = body});
    Append(*store, {.topic = "u", .keys = {one}, .body = "of another topic"});
    expected[one].emplace_back(second, body);
    expected[two].emplace_back(second, body);
    clock.Advance(absl::Seconds(1));
    if (second % 50 == 0) RunUntilIdle(*store, clock);
    if (second % 50 == 0) clock.Advance(-absl::Seconds(1));  // which went by in there
  }
  for (const auto& [key, messages] : expected) {
    for (const auto& [from, to] : std::vector<std::pair<int, int>>{
             {0, 299}, {-5, 400}, {50, 50}, {70, 141}, {142, 142}, {290, 1000}, {-9, -1}}) {
      Words bodies;
      for (const auto& [second, body] : messages) {
        if (second >= from && second <= to) bodies.push_back(body);
      }
      CAPTURE(key, from, to);
      const FindOptions options{.from = kStart + absl::Seconds(from),
                                .to = kStart + absl::Seconds(to),
                                .limit = 5,
                                .newest_first = false};
      CHECK(AllWith(*store, key, options) == bodies);
      std::reverse(bodies.begin(), bodies.end());
      CHECK(AllWith(*store, key, {.from = options.from, .to = options.to, .limit = 3}) == bodies);
    }
  }
  CHECK(AllWith(*store, "key").empty());
  CHECK(AllWith(*store, "key100").empty());
}

TEST_CASE("a closed store answers every question with a status", "[c42]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = GroupsOfThree(disk, clock, 4);
  const MessageId id = *store->IdOf(Read(*store, "t", 0, 0)[0].position());
  Close(*store);
  CHECK(absl::IsFailedPrecondition(store->FindByKey("t", "k").status()));
  CHECK(absl::IsFailedPrecondition(store->FindById(id).status()));
  CHECK(absl::IsFailedPrecondition(store->IdOf(id.position).status()));
  CHECK(
      absl::IsFailedPrecondition(store->OffsetForTime("t", 0, kStart, Boundary::kLower).status()));
  CHECK(absl::IsFailedPrecondition(store->PositionForTime(kStart).status()));
  CHECK(absl::IsFailedPrecondition(store->BoundsInTime("t", 0).status()));
  CHECK(absl::IsFailedPrecondition(store->BoundsInTime().status()));
}

// Two keys that have one hash in this store, for the first topic of it.
std::pair<std::string, std::string> CollidingKeys(const FaultFileSystem& disk) {
  const auto superblock = internal::DecodeSuperblock(disk.ReadFile("/store/superblock"));
  REQUIRE(superblock.ok());
  std::unordered_map<uint32_t, int> seen;
  for (int i = 0; i < 2'000'000; ++i) {
    const std::string key = absl::StrCat("key", i);
    const auto [at, is_new] =
        seen.emplace(internal::KeyHash(superblock->hash_seed, /*first_queue=*/0, key), i);
    if (!is_new) return {absl::StrCat("key", at->second), key};
  }
  FAIL("among two million keys there are no two of one hash");
  return {};
}

TEST_CASE("keys of one hash never give each other's messages, and take no place in the limit",
          "[c43]") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  REQUIRE(store->CreateTopic("t", 2).ok());
  const auto [one, two] = CollidingKeys(disk);
  Words ones;
  Words twos;
  for (size_t i = 0; i < 120; ++i) {
    const std::string body = Numbered(i, 100);
    const bool is_one = i % 4 == 0;
    Append(*store, {.topic = "t", .keys = {is_one ? one : two}, .body = body});
    (is_one ? ones : twos).push_back(body);
  }
  const bool is_sealed = GENERATE(false, true);
  if (is_sealed) {
    Flush(*store);
    RunUntilIdle(*store, clock);
  }
  // Of the first ten candidates most are the other key's.
  const FindResult first = Find(*store, one, {.limit = 10, .newest_first = false});
  REQUIRE(first.size() == 10);
  for (size_t i = 0; i < 10; ++i) CHECK(first[i].body() == ones[i]);
  CHECK(AllWith(*store, one, {.limit = 4, .newest_first = false}) == ones);
  CHECK(AllWith(*store, two, {.limit = 7, .newest_first = false}) == twos);
  std::reverse(ones.begin(), ones.end());
  CHECK(AllWith(*store, one, {.limit = 4}) == ones);
}

TEST_CASE("every key is found after the process was killed, again and again", "[c44]") {
  ManualClock clock;
  auto disk = std::make_unique<FaultFileSystem>();
  std::map<std::string, Words> expected;
  size_t appended = 0;
  for (int life = 0; life < 6; ++life) {
    auto store = OpenStore(SmallOptions(*disk, clock));
    for (const auto& [key, bodies] : expected) {
      CAPTURE(life, key);
      CHECK(AllWith(*store, key, {.limit = 9, .newest_first = false}) == bodies);
    }
    for (int i = 0; i < 40; ++i, ++appended) {
      const std::string key = absl::StrCat("key", appended % 9);
      const std::string own = absl::StrCat("own", appended);
      const std::string body = Numbered(appended, 150);
      Append(*store, {.topic = "t", .keys = {key, own}, .body = body});
      expected[key].push_back(body);
      expected[own].push_back(body);
      if (life % 2 == 1 && i == 20) RunUntilIdle(*store, clock);
    }
    if (life % 3 == 2) Find(*store, "key1");
    auto next = std::make_unique<FaultFileSystem>(disk->ProcessDeath());
    disk->Kill();
    store.reset();
    disk = std::move(next);
  }
  // A process that only reads, beside nobody and beside a writer.
  StoreOptions reading = SmallOptions(*disk, clock);
  reading.read_only = true;
  auto reader = OpenStore(reading);
  auto writer = OpenStore(SmallOptions(*disk, clock));
  Append(*writer, {.topic = "t", .keys = {"key1"}, .body = "the newest"});
  expected["key1"].push_back("the newest");
  clock.Advance(absl::Seconds(1));
  for (const auto& [key, bodies] : expected) {
    CAPTURE(key);
    CHECK(AllWith(*reader, key, {.limit = 9, .newest_first = false}) == bodies);
  }
}

TEST_CASE("without its index files a store finds the same keys and times", "[c54]") {
  FaultFileSystem disk;
  ManualClock clock;
  std::map<std::string, Words> found;
  std::vector<uint64_t> offsets;
  const auto ask = [&](MessageStore& store, auto&& answer) {
    for (int i = 0; i < 15; ++i) {
      const std::string key = absl::StrCat("key", i);
      answer(key, AllWith(store, key));
    }
    std::vector<uint64_t> now;
    for (int half = -2; half < 330; ++half) {
      now.push_back(Lower(store, kStart + absl::Milliseconds(500) * half));
      now.push_back(Upper(store, kStart + absl::Milliseconds(500) * half));
    }
    return now;
  };
  {
    auto store = OpenStore(SmallOptions(disk, clock));
    for (size_t i = 0; i < 160; ++i) {
      const std::string body = Numbered(i, 150);
      Append(*store, {.topic = "t",
                      .queue_id = static_cast<uint32_t>(i % 2),
                      .keys = {absl::StrCat("key", i % 13)},
                      .body = body});
      clock.Advance(absl::Seconds(1));
    }
    offsets = ask(*store, [&](const std::string& key, Words words) { found[key] = words; });
    Close(*store);
  }
  size_t index_files = 0;
  for (const std::string& name : disk.ListFiles("/store")) {
    if (name.find(".index") == std::string::npos) continue;
    const std::string path = "/store/" + name;
    std::string bytes = disk.ReadFile(path);
    switch (++index_files % 3) {
      case 0:
        disk.RemoveFile(path);
        break;
      case 1:
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
        disk.WriteFile(path, bytes);
        break;
      default:
        break;
    }
  }
  REQUIRE(index_files >= 8);
  auto store = OpenStore(SmallOptions(disk, clock));
  CHECK(ask(*store, [&](const std::string& key, const Words& words) {
          CHECK(words == found[key]);
        }) == offsets);
}

}  // namespace
}  // namespace weir::testing
