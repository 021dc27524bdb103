// What who only reads sees if the front, the directory or a call is not what it should be.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "log/followed.h"
#include "log/record_reader.h"

namespace weir::testing {
namespace {

// What a read of one position finds by way of the front, which is not verified.
Found InFront(FollowedLog& log, LogPosition position) {
  ReadMemory memory;
  const char* record = nullptr;
  return log.NewFrontReader()->Copy(position, memory, &record);
}

TEST_CASE("of a live writer's front a record is copied that is published, and no other") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  const Reservation one = Append(*writer, "one");
  const Reservation two = Append(*writer, "two");
  const Reservation open = Claim(*writer, 10);
  auto reader = Follow(machine.following());

  CHECK(InFront(*reader, one.position) == Found::kRecord);
  CHECK(InFront(*reader, open.position) == Found::kUnpublished);
  CHECK(InFront(*reader, open.end()) == Found::kUnpublished);
  writer->WriteStep();
  for (const int32_t word : {0, -64, 1 << 20}) {
    CAPTURE(word);
    Publish(two.bytes, word);
    CHECK(InFront(*reader, two.position) == Found::kDamaged);
  }
  HeaderOf(*writer).front_begin = two.position.value();
  CHECK(InFront(*reader, one.position) == Found::kNotHere);
  HeaderOf(*writer).front_begin = one.position.value();
  PublishBody(*writer, open, "0123456789");
}

TEST_CASE("without a front nothing is copied from one, and all is as the files say") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  const Reservation one = Append(*writer, "one");
  REQUIRE(writer->Close().ok());
  auto reader = Follow(machine.following());
  CHECK(InFront(*reader, one.position) == Found::kNotHere);
  CHECK(reader->NewFrontReader()->CurrentIncarnation() == 0);
  CHECK(reader->NewFrontReader()->IncarnationAt(one.position) == writer->incarnation());
  CHECK(reader->NewFrontReader()->IncarnationAt(LogPosition(9 * kSegment)) == 0);
  CHECK(reader->claimed_end() == reader->written_end());
}

TEST_CASE("without LOCK nobody can tell whose front it is, and the files are read without it") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "written");
  writer->WriteStep();
  Append(*writer, "in the front only");
  FaultFileSystem after(machine.disk.ProcessDeath());
  machine.disk.Kill();
  after.RemoveFile(absl::StrCat("/store/", kLockFileName));

  auto reader = Follow(In(after, machine.options()));

  CHECK(Seen(*reader) == Words{"written"});
  CHECK(reader->report().possible_loss);
}

TEST_CASE("a front without a ring is none") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "written");
  writer->WriteStep();
  FaultFileSystem after(machine.disk.ProcessDeath());
  machine.disk.Kill();
  const std::string name = FrontName(writer->incarnation());
  REQUIRE(after.RemoveShared("", name).ok());
  REQUIRE(after.CreateShared("", name, {.header_bytes = kFrontHeaderBytes, .ring_bytes = 0}).ok());

  auto reader = Follow(In(after, machine.options()));

  CHECK(Seen(*reader) == Words{"written"});
  REQUIRE(reader->report().notes.size() == 1);
  CHECK(absl::StrContains(reader->report().notes[0], "no ring"));
}

TEST_CASE("beside a live writer whose front is gone its files are followed, and that is no loss") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "written");
  writer->WriteStep();
  REQUIRE(machine.disk.RemoveShared("", FrontName(writer->incarnation())).ok());
  auto reader = Follow(machine.following());
  CHECK(reader->has_writer());
  CHECK_FALSE(reader->report().possible_loss);
  Append(*writer, "and more");
  writer->WriteStep();
  CHECK(Refreshed(*reader) == Words{"written", "and more"});
}

TEST_CASE("without the writer's doorbell a reader looks from time to time") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  machine.disk.Inject(
      TooManyOpenFiles({.kind = OperationKind::kOpenShared, .name_contains = "bell", .times = 9}));
  auto reader = Follow(machine.following());
  REQUIRE(machine.disk.failures() > 0);
  Append(*writer, "one");
  CHECK(Seen(*reader) == Words{"one"});
}

TEST_CASE("a claim that somebody wrote over in a dead writer's front is damage to who reads") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "before");
  const Reservation claim = Claim(*writer, 100);
  Append(*writer, "behind");
  Publish(claim.bytes, -12);
  FaultFileSystem after(machine.disk.ProcessDeath());
  machine.disk.Kill();

  auto reader = Follow(In(after, machine.options()));

  REQUIRE(reader->report().damage.size() == 1);
  CHECK(reader->report().damage[0].begin == claim.position);
  const Words seen = Seen(*reader);
  CHECK(seen.front() == "before");
  CHECK(seen.back() == "behind");
}

TEST_CASE("a writer that came while a reader judges the front of the last is followed") {
  const bool fails = GENERATE(false, true);
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "one");
  machine.disk.Kill();
  const auto process = machine.other->AnotherProcess();
  std::unique_ptr<CommitLog> next;
  bool is_first = true;
  machine.other->SetHook([&](const Operation& operation) {
    // The first is the reader's own doorbells.
    if (operation.kind != OperationKind::kCreatePrivate || std::exchange(is_first, false)) return;
    machine.other->SetHook(nullptr);
    next = OpenLog(In(*process, machine.options()));
    if (!fails) return;
    machine.other->Inject(
        TooManyOpenFiles({.kind = OperationKind::kOpen, .name_contains = "superblock"}));
  });
  auto opened = FollowedLog::Open(machine.following());
  machine.other->SetHook(nullptr);
  REQUIRE(next != nullptr);
  CHECK(opened.ok() != fails);
  if (fails) CHECK(absl::IsUnavailable(opened.status()));
  if (fails) opened = FollowedLog::Open(machine.following());
  REQUIRE(opened.ok());
  CHECK((*opened)->has_writer());
  Append(*next, "two");
  CHECK(Refreshed(**opened) == Words{"one", "two"});
}

TEST_CASE("a reader that slept through the end of one writer finds the front of the next") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  auto reader = Follow(machine.following());
  Append(*writer, "one");
  REQUIRE(writer->Close().ok());
  const auto process = machine.disk.AnotherProcess();
  auto next = OpenLog(In(*process, machine.options()));
  Append(*next, "two");
  CHECK(Refreshed(*reader) == Words{"one", "two"});
  CHECK(reader->front_is_shared());
}

// Appends until the segment that the log is in is full to its last byte.
void FillSegment(CommitLog& log) {
  const auto left = [&] { return kSegment - log.front().claimed_end().value() % kSegment; };
  while (left() >= SizeOf(700) + SizeOf(100)) Append(log, std::string(700, 'x'));
  size_t bytes = 0;
  while (SizeOf(bytes) < left()) ++bytes;
  REQUIRE(SizeOf(bytes) == left());
  Append(log, std::string(bytes, 'y'));
}

TEST_CASE("a log that ends with the last byte of its segment is followed up to there") {
  Machine machine;
  StoreOptions options = machine.options();
  options.front_directory = GENERATE(as<std::string>(), "", "private");
  auto writer = OpenLog(options);
  Append(*writer, "one");
  auto reader = Follow(In(*machine.other, options));
  FillSegment(*writer);
  REQUIRE(writer->front().claimed_end() == LogPosition(kSegment));
  REQUIRE(writer->segments().prepared_end() == LogPosition(kSegment));
  while (writer->WriteStep() == absl::ZeroDuration()) {
  }
  CHECK(Refreshed(*reader).size() >= 3);
  CHECK(reader->ContiguousVisibleEnd() == LogPosition(kSegment));
}

TEST_CASE("a mark tells a reader of a later sync than the superblock does") {
  Machine machine;
  StoreOptions options = machine.options();
  options.front_directory = "private";
  auto writer = OpenLog(options);
  for (const char* const body : {"one", "two", "three"}) {
    machine.clock.Advance(absl::Seconds(1));
    Append(*writer, body);
    SyncNow(*writer);
  }
  FaultFileSystem after(machine.disk.ProcessDeath());
  machine.disk.Kill();
  auto reader = Follow(In(after, options));
  CHECK(Seen(*reader) == Words{"one", "two", "three"});
  CHECK(reader->report().last_sync != absl::InfinitePast());
}

TEST_CASE("a second look at what is damaged changes nothing; one that the device refuses says so") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "one");
  REQUIRE(writer->Close().ok());
  auto reader = Follow(machine.following());
  CHECK(*reader->LookAgain());
  machine.other->Inject(TooManyOpenFiles({.kind = OperationKind::kOpen}));
  CHECK(absl::IsUnavailable(reader->LookAgain().status()));
  const std::string whole = machine.disk.ReadFile("/store/superblock");
  machine.disk.WriteFile("/store/superblock", std::string(whole.size(), '#'));
  CHECK_FALSE(*reader->LookAgain());
  CHECK(Seen(*reader) == Words{"one"});
  machine.disk.WriteFile("/store/superblock", whole);
  CHECK(*reader->LookAgain());
}

TEST_CASE(
    "whatever stands in the place of a superblock, and whichever call fails, no store is it") {
  FaultFileSystem disk;
  ManualClock clock;
  const auto open = [&] { return FollowedLog::Open(SmallLog(disk, clock)).status(); };
  disk.MakeDirectory("/store");
  disk.WriteFile("/store/somebody's", "x");
  CHECK(absl::IsNotFound(open()));
  for (uint64_t nth = 1;; ++nth) {
    const uint64_t before = disk.failures();
    disk.Inject(TooManyOpenFiles({.nth = nth}));
    const absl::Status status = open();
    const bool was_met = disk.failures() > before;
    disk.ClearFaults();
    CHECK((was_met ? absl::IsUnavailable(status) : absl::IsNotFound(status)));
    if (!was_met) break;
  }
  disk.PlantSpecialFile("/store/superblock");
  CHECK_FALSE(open().ok());
  CHECK_FALSE(absl::IsNotFound(open()));
}

TEST_CASE("bytes that no file has, and bytes that cannot be read, are told to who reads them") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  const Reservation one = Append(*writer, Numbered(1, 200));
  while (writer->WriteStep() == absl::ZeroDuration()) {
  }
  const Reservation two = Append(*writer, Numbered(2, 200));
  auto reader = Follow(machine.following());
  std::string bytes;
  const auto read = [&](LogPosition at, LogPosition end) {
    bytes.resize(end - at);
    return reader->ReadBytes(at, absl::MakeSpan(bytes));
  };
  const std::string both(one.bytes, two.end() - one.position);
  CHECK(read(one.position, two.end()).ok());
  CHECK(bytes == both);
  // One part of it is in the file only, the other in the front only.
  FrontHeader& header = HeaderOf(*writer);
  const uint64_t begin = header.front_begin;
  header.front_begin = two.position.value();
  CHECK(read(one.position, two.end()).ok());
  CHECK(bytes == both);
  machine.other->Inject(InputOutputError({.kind = OperationKind::kRead}));
  CHECK(absl::IsDataLoss(read(one.position, two.end())));
  header.front_begin = begin;

  REQUIRE(writer->Close().ok());
  REQUIRE(reader->Refresh().ok());
  CHECK(absl::IsNotFound(read(LogPosition(90 * kSegment), LogPosition(90 * kSegment + 8))));
}

}  // namespace
}  // namespace weir::testing
