// Which fronts are taken, and what becomes of the claims in them.

#include "log/front_adoption.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/small_log.h"

namespace weir::testing {
namespace {

constexpr uint64_t kIncarnation = 0x1234;
constexpr size_t kRing = 16384;
constexpr char kName[] = "front";

FrontIdentity SomeIdentity() {
  FrontIdentity identity{.incarnation = kIncarnation,
                         .directory_device = 1,
                         .directory_inode = 2,
                         .lock_device = 3,
                         .lock_inode = 4,
                         .segment_bytes = kSegment,
                         .ring_bytes = kRing};
  identity.store.fill(5);
  identity.boot.fill(6);
  return identity;
}

// The shared front of a process that may die.
class Writer {
 public:
  explicit Writer(const FrontIdentity& identity = SomeIdentity()) {
    auto memory =
        disk.CreateShared("", kName, {.header_bytes = kFrontHeaderBytes, .ring_bytes = kRing});
    REQUIRE(memory.ok());
    WriteFrontIdentity(*reinterpret_cast<FrontHeader*>((*memory)->header()), identity);
    front = std::make_unique<Front>(*std::move(memory), kSegment, kIncarnation);
    front->Begin(LogPosition(kSegmentHeaderBytes));
    front->set_limit(LogPosition(kRing));
  }

  FrontHeader& header() { return *reinterpret_cast<FrontHeader*>(front->memory().header()); }

  Reservation Claim(uint32_t bytes) {
    Reservation place;
    const bool claimed = front->TryClaim(
        bytes, 77,
        [&](LogPosition, char* memory, int64_t time) { StampPlain(memory, bytes, time, 0); },
        &place);
    REQUIRE(claimed);
    return place;
  }
  Reservation Append(absl::string_view body) {
    const Reservation place = Claim(SizeOf(body.size()));
    char* const to = WriteParts(place.bytes, {}, 0, static_cast<uint32_t>(body.size()));
    std::memcpy(to, body.data(), body.size());
    Publish(place.bytes, Seal(place.bytes, place.position, kIncarnation));
    return place;
  }

  absl::Status Take(const FrontIdentity& identity = SomeIdentity()) {
    return TakeFront(disk, "", kName, identity).status();
  }
  uint64_t Settle() {
    damage.clear();
    return SettleClaims(*front, &damage);
  }

  // The types of the records from the written end on, each of which must verify.
  std::vector<RecordType> Types() {
    std::vector<RecordType> types;
    const LogPosition claimed = front->claimed_end();
    for (LogPosition at = front->written_end(); at < claimed;) {
      at = RecordStart(at, kSegment);
      if (at >= claimed) break;
      const RecordHeader record = LoadHeader(front->At(at));
      INFO("at " << at);
      REQUIRE(Verify(front->At(at), claimed - at, at, kIncarnation));
      types.push_back(record.type);
      at += record.bytes();
    }
    return types;
  }

  FaultFileSystem disk;
  std::unique_ptr<Front> front;
  std::vector<DamagedRange> damage;
};

TEST_CASE("a front that belongs here is taken, and then it is locked") {
  Writer writer;
  writer.Append("one");

  auto taken = TakeFront(writer.disk, "", kName, SomeIdentity());

  REQUIRE(taken.ok());
  CHECK(absl::IsUnavailable(writer.Take()));
  taken = absl::UnknownError("");
  CHECK(writer.Take().ok());
  CHECK(absl::IsNotFound(TakeFront(writer.disk, "", "other", SomeIdentity()).status()));
}

TEST_CASE("a front of which anything is somebody else's is left alone, whatever it is") {
  const std::vector<std::pair<std::string, FrontIdentity>> others = [] {
    std::vector<std::pair<std::string, FrontIdentity>> all;
    const auto add = [&](const std::string& what, auto change) {
      FrontIdentity identity = SomeIdentity();
      change(identity);
      all.emplace_back(what, identity);
    };
    add("store", [](FrontIdentity& identity) { identity.store[15] = 9; });
    add("incarnation", [](FrontIdentity& identity) { ++identity.incarnation; });
    add("boot", [](FrontIdentity& identity) { identity.boot[0] = 9; });
    add("device of the directory", [](FrontIdentity& identity) { ++identity.directory_device; });
    add("inode of the directory", [](FrontIdentity& identity) { ++identity.directory_inode; });
    add("device of LOCK", [](FrontIdentity& identity) { ++identity.lock_device; });
    add("inode of LOCK", [](FrontIdentity& identity) { ++identity.lock_inode; });
    add("size of segments", [](FrontIdentity& identity) { identity.segment_bytes *= 2; });
    add("size of the ring", [](FrontIdentity& identity) { identity.ring_bytes *= 2; });
    return all;
  }();
  for (const auto& [what, identity] : others) {
    Writer writer(identity);
    INFO(what);
    CHECK_FALSE(writer.Take().ok());
    // Nobody holds it, so its owner may still come.
    WriteFrontIdentity(writer.header(), SomeIdentity());
    CHECK(writer.Take().ok());
  }
}

TEST_CASE("a front without a whole header is left alone") {
  Writer writer;
  SECTION("no magic: its owner died while it made it") { writer.header().magic = 0; }
  SECTION("another version") { ++writer.header().version; }
  SECTION("a checksum that does not hold") { writer.header().checksum ^= 1; }

  CHECK_FALSE(writer.Take().ok());
}

TEST_CASE("ends that contradict each other are not believed") {
  Writer writer;
  for (int i = 0; i < 5; ++i) writer.Append(std::string(500, 'x'));
  writer.front->set_written_end(writer.front->claimed_end());
  REQUIRE(writer.Take().ok());
  FrontHeader& header = writer.header();

  SECTION("begin behind written") { header.front_begin = header.written_end + 8; }
  SECTION("written behind claimed") { header.written_end = header.claimed_end + 8; }
  SECTION("durable behind written") { header.durable_end = header.written_end + 8; }
  SECTION("more claimed than the ring holds") {
    header.claimed_end = header.front_begin + kRing + 8;
  }
  SECTION("a claimed end between two records") { header.claimed_end += 4; }
  SECTION("a written end between two records") { header.written_end -= 4; }

  CHECK(absl::IsDataLoss(writer.Take()));
}

TEST_CASE("open claims become voids that keep their length and stamp; records stay as they are") {
  Writer writer;
  writer.Append("one");
  const Reservation open = writer.Claim(SizeOf(100));
  std::memcpy(open.bytes + kRecordHeaderBytes, "secret", 6);
  Store<uint32_t>(open.bytes + record_field::kQueueNumber, 3);
  Store<uint64_t>(open.bytes + record_field::kQueueOffset, 44);
  const Reservation last = writer.Append("three");
  const std::string before(last.bytes, last.size);

  CHECK(writer.Settle() == 1);

  CHECK(writer.Types() ==
        std::vector{RecordType::kMessage, RecordType::kVoid, RecordType::kMessage});
  const RecordHeader header = LoadHeader(open.bytes);
  CHECK(header.bytes() == open.size);
  CHECK(header.queue_number == 3);
  CHECK(header.queue_offset == 44);
  CHECK(absl::string_view(open.bytes, open.size).find("secret") == absl::string_view::npos);
  CHECK(absl::string_view(last.bytes, last.size) == before);
  CHECK(writer.damage.empty());
  CHECK(writer.Settle() == 0);
}

TEST_CASE("claims on both sides of a segment's border are found") {
  Writer writer;
  while (writer.front->claimed_end() < LogPosition(kSegment - 600)) writer.Append("xxxxxxxxxxxx");
  const Reservation before = writer.Claim(SizeOf(300));
  const Reservation behind = writer.Claim(SizeOf(700));
  REQUIRE(before.end() < LogPosition(kSegment));
  REQUIRE(behind.position == LogPosition(kSegment + kSegmentHeaderBytes));

  CHECK(writer.Settle() == 2);

  const std::vector<RecordType> types = writer.Types();
  REQUIRE(types.size() > 3);
  CHECK(std::vector(types.end() - 3, types.end()) ==
        std::vector{RecordType::kVoid, RecordType::kFiller, RecordType::kVoid});
}

TEST_CASE("a claim whose length was overwritten is covered as lost, and what is before it stays") {
  const auto word = GENERATE(-12, -44, -4100, 0, 20, 1 << 30);
  Writer writer;
  const Reservation good = writer.Append("one");
  const Reservation bad = writer.Claim(SizeOf(100));
  StoreWord(bad.bytes, word);

  CHECK(writer.Settle() == 0);

  INFO("word " << word);
  CHECK(writer.Types() == std::vector{RecordType::kMessage, RecordType::kFiller});
  const RecordHeader filler = LoadHeader(bad.bytes);
  CHECK((filler.flags & kIsLost) != 0);
  CHECK(filler.bytes() == bad.size);
  REQUIRE(writer.damage.size() == 1);
  CHECK(writer.damage[0].begin == bad.position);
  CHECK(writer.damage[0].end == bad.end());
  CHECK(good.end() == bad.position);
}

TEST_CASE("records that were published behind an overwritten claim are not lost with it") {
  const auto word = GENERATE(-12, 0, 20, 1 << 30, -56, 56, 400);
  Writer writer;
  writer.Append("one");
  const Reservation bad = writer.Claim(SizeOf(100));
  const Reservation next = writer.Append("three");
  writer.Claim(SizeOf(10));
  StoreWord(bad.bytes, word);

  CHECK(writer.Settle() == 1);

  INFO("word " << word);
  CHECK(writer.Types() == std::vector{RecordType::kMessage, RecordType::kFiller,
                                      RecordType::kMessage, RecordType::kVoid});
  REQUIRE(writer.damage.size() == 1);
  CHECK(writer.damage[0].end == next.position);
}

TEST_CASE("an overwritten claim costs nothing of the next segment") {
  Writer writer;
  writer.Append("one");
  const Reservation bad = writer.Claim(SizeOf(100));
  while (writer.front->claimed_end() < LogPosition(kSegment)) {
    writer.Append(std::string(200, 'x'));
  }
  const Reservation next = writer.Append("in the next segment");
  REQUIRE(next.position > LogPosition(kSegment));
  StoreWord(bad.bytes, -7);

  writer.Settle();

  const std::vector<RecordType> types = writer.Types();
  CHECK(types[1] == RecordType::kFiller);
  CHECK(types.back() == RecordType::kMessage);
  REQUIRE(writer.damage.size() == 1);
  CHECK(writer.damage[0].begin == bad.position);
  CHECK(writer.damage[0].end <= LogPosition(kSegment));
}

TEST_CASE("a claimed group whose members do not add up is covered as a whole, not walked") {
  Writer writer;
  writer.Append("one");
  const uint32_t bytes = kRecordHeaderBytes + 2 * SizeOf(10);
  const Reservation group = writer.Claim(bytes);
  WriteStamp(group.bytes, {.bytes = bytes, .type = RecordType::kGroup});
  StampPlain(group.bytes + kRecordHeaderBytes, SizeOf(10), 77, 6);
  StampPlain(group.bytes + kRecordHeaderBytes + SizeOf(10), SizeOf(10), 77, 14);
  const Reservation behind = writer.Append("behind");
  SECTION("whole: every member becomes a void") {
    CHECK(writer.Settle() == 1);
    CHECK(LoadHeader(group.bytes + kRecordHeaderBytes).type == RecordType::kVoid);
    CHECK(LoadHeader(group.bytes + kRecordHeaderBytes + SizeOf(10)).type == RecordType::kVoid);
    CHECK(writer.damage.empty());
  }
  SECTION("a member that reaches over the end") {
    StoreWord(group.bytes + kRecordHeaderBytes + SizeOf(10), -4096);
    CHECK(writer.Settle() == 0);
    CHECK(writer.damage.size() == 1);
    CHECK(LoadHeader(group.bytes).type == RecordType::kFiller);
  }
  CHECK(LoadHeader(group.bytes).bytes() == bytes);
  CHECK(LoadHeader(behind.bytes).type == RecordType::kMessage);
  CHECK(writer.Types().back() == RecordType::kMessage);
}

TEST_CASE("a published record of which only the length was overwritten is whole again") {
  Writer writer;
  const auto is_first = GENERATE(true, false);
  if (!is_first) writer.Append("one");
  const Reservation hurt = writer.Append("two, of some length");
  writer.Append("three");
  StoreWord(hurt.bytes, GENERATE(-64, 0, 48, 56, 1 << 20));

  CHECK(writer.Settle() == 0);

  CHECK(writer.damage.empty());
  CHECK(LoadWord(hurt.bytes) == static_cast<int32_t>(hurt.size));
  CHECK(writer.Types() == std::vector<RecordType>(is_first ? 2 : 3, RecordType::kMessage));
}

TEST_CASE(
    "a published group of which only the length was overwritten is whole, also before claims") {
  Writer writer;
  writer.Append("one");
  const uint32_t bytes = kRecordHeaderBytes + 2 * SizeOf(10);
  const Reservation group = writer.Claim(bytes);
  for (const uint32_t at : {kRecordHeaderBytes, kRecordHeaderBytes + SizeOf(10)}) {
    char* const member = group.bytes + at;
    StampPlain(member, SizeOf(10), 77, at / kRecordAlignment);
    std::memset(WriteParts(member, {}, 0, 10), 'x', 10);
    Publish(member, Seal(member, group.position + at, kIncarnation));
  }
  WriteStamp(group.bytes, {.bytes = bytes, .type = RecordType::kGroup});
  Publish(group.bytes, Seal(group.bytes, group.position, kIncarnation));
  writer.Claim(SizeOf(50));
  StoreWord(group.bytes, GENERATE(-64, 0, 56, 1 << 20));

  CHECK(writer.Settle() == 1);

  CHECK(writer.damage.empty());
  CHECK(writer.Types() == std::vector{RecordType::kMessage, RecordType::kGroup, RecordType::kVoid});
}

TEST_CASE("a published record whose body was overwritten stays for the writer to report") {
  Writer writer;
  writer.Append("one");
  const Reservation hurt = writer.Append("two");
  const Reservation open = writer.Claim(SizeOf(20));
  hurt.bytes[kRecordHeaderBytes] ^= 1;
  const std::string before(hurt.bytes, hurt.size);

  CHECK(writer.Settle() == 1);

  CHECK(writer.damage.empty());
  CHECK(absl::string_view(hurt.bytes, hurt.size) == before);
  CHECK(LoadHeader(open.bytes).type == RecordType::kVoid);
}

TEST_CASE("a written end in the middle of a record costs nothing") {
  Writer writer;
  const Reservation first = writer.Append("one, which is written");
  const Reservation second = writer.Append("two");
  writer.front->set_written_end(first.position + 16);
  const std::string before(first.bytes, first.size);

  CHECK(writer.Settle() == 0);

  CHECK(absl::string_view(first.bytes, first.size) == before);
  CHECK(writer.front->written_end() == second.position);
  CHECK(writer.Types() == std::vector{RecordType::kMessage});
  CHECK(writer.damage.empty());
}

TEST_CASE("a written end just before a border costs nothing of the next segment") {
  Writer writer;
  while (writer.front->claimed_end() < LogPosition(kSegment)) {
    writer.Append(std::string(200, 'x'));
  }
  const Reservation open = writer.Claim(SizeOf(50));
  writer.Append("behind it");
  REQUIRE(open.position > LogPosition(kSegment));
  const LogPosition overwritten(kSegment - GENERATE(uint64_t{8}, uint64_t{40}));
  writer.front->set_written_end(overwritten);
  const bool is_whole = GENERATE(true, false);
  // What ends the segment, so that nobody knows where it begins and ends.
  if (!is_whole) std::memset(writer.front->At(LogPosition(kSegment - 400)), 0x11, 400);

  CHECK(writer.Settle() == 1);

  CHECK(writer.front->written_end() == LogPosition(kSegment));
  CHECK(writer.Types().back() == RecordType::kMessage);
  CHECK(LoadHeader(open.bytes).type == RecordType::kVoid);
  REQUIRE(writer.damage.size() == (is_whole ? 0 : 1));
  if (is_whole) return;
  CHECK(writer.damage[0].begin == overwritten);
  CHECK(writer.damage[0].end == LogPosition(kSegment));
}

}  // namespace
}  // namespace weir::testing
