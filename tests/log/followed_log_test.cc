// The log as another process reads it: beside a live writer, behind a dead one, without any. It
// never changes anything.

#include "log/followed_log.h"

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "log/followed.h"
#include "log/small_log.h"

namespace weir::testing {
namespace {

TEST_CASE("beside a live writer a record is seen as soon as it is published, before any write") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "before");
  auto reader = Follow(machine.following());
  CHECK(reader->has_writer());
  CHECK(reader->front_is_shared());

  Append(*writer, "after");

  REQUIRE(writer->front().written_end() < writer->front().claimed_end());
  CHECK(Seen(*reader) == Words{"before", "after"});
  CHECK(reader->durable_end() == LogPosition(0));
  SyncNow(*writer);
  CHECK(reader->durable_end() == writer->front().durable_end());
}

TEST_CASE(
    "beside a live writer the walk stops before an open claim and goes on when it is settled") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  auto reader = Follow(machine.following());
  Append(*writer, "one");
  const Reservation open = Claim(*writer, 3);
  Append(*writer, "three");

  CHECK(Seen(*reader) == Words{"one"});
  CHECK(reader->ContiguousVisibleEnd() == open.position);
  CHECK(reader->claimed_end() == writer->front().claimed_end());
  writer->Abandon(open);
  CHECK(Seen(*reader) == Words{"one", "void", "three"});
}

TEST_CASE("a front's header that somebody wrote over hangs no reader, and is read past by none") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  auto reader = Follow(machine.following());
  Append(*writer, "written");
  writer->WriteStep();
  const Reservation last = Append(*writer, "published");
  FrontHeader& header = HeaderOf(*writer);
  const uint64_t begin = header.front_begin;
  const uint64_t claimed = header.claimed_end;

  header.front_begin = last.end().value() + kSegment;
  CHECK(reader->ContiguousVisibleEnd() == last.position);
  std::string bytes(last.size, 'x');
  CHECK(reader->ReadBytes(last.position, absl::MakeSpan(bytes)).ok());
  CHECK(bytes == std::string(last.size, '\0'));  // as the file says
  header.front_begin = begin;
  // No record begins in a segment's header, so none ends there.
  header.claimed_end = kSegment + 8;
  CHECK(reader->ContiguousVisibleEnd() == last.end());
  header.claimed_end = claimed;

  CHECK(Seen(*reader) == Words{"written", "published"});
}

TEST_CASE("what left the front is read from the files, over any number of segments") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  auto reader = Follow(machine.following());
  Words expected;
  for (size_t i = 0; i < 100; ++i) {
    expected.push_back(Numbered(i, 500));
    Append(*writer, expected.back());
    if (i % 10 == 0) CHECK(Refreshed(*reader) == expected);
  }
  REQUIRE(writer->front().front_begin() > LogPosition(2 * kSegment));
  CHECK(Refreshed(*reader) == expected);
}

TEST_CASE("a reader of durable messages sees none that is not, beside whatever writer") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "durable");
  SyncNow(*writer);
  StoreOptions options = machine.following();
  options.visibility = Visibility::kOnDurable;
  auto reader = Follow(options);
  Append(*writer, "not yet");
  writer->WriteStep();

  CHECK(Seen(*reader) == Words{"durable"});
  SyncNow(*writer);
  CHECK(Seen(*reader) == Words{"durable", "not yet"});
}

TEST_CASE("a live writer with a private front is followed by what it has written") {
  Machine machine;
  StoreOptions options = machine.options();
  options.front_directory = "private";
  auto writer = OpenLog(options);
  Append(*writer, "one");
  writer->WriteStep();
  auto reader = Follow(machine.following());
  CHECK(reader->has_writer());
  CHECK_FALSE(reader->front_is_shared());
  CHECK(Seen(*reader) == Words{"one"});

  Append(*writer, "two");
  CHECK(Refreshed(*reader) == Words{"one"});
  Words expected = {"one", "two"};
  for (size_t i = 0; i < 30; ++i) {
    expected.push_back(Numbered(i, 500));
    Append(*writer, expected.back());
    while (writer->WriteStep() == absl::ZeroDuration()) {
    }
    REQUIRE(Refreshed(*reader) == expected);
  }
}

TEST_CASE("behind a dead writer its front is settled in a copy; on the machine nothing changes") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "written");
  writer->WriteStep();
  const Reservation open = Claim(*writer, 20);
  const Reservation last = Append(*writer, "in the front only");
  FaultFileSystem after(machine.disk.ProcessDeath());
  machine.disk.Kill();
  const ImageHash before = after.Freeze().Hash();

  auto reader = Follow(In(after, machine.options()));

  CHECK_FALSE(reader->has_writer());
  CHECK(Seen(*reader) == Words{"written", "void", "in the front only"});
  CHECK(reader->report().front_adopted);
  CHECK(reader->report().voided_claims == 1);
  CHECK(reader->report().end == last.end());
  CHECK(Refreshed(*reader).size() == 3);
  CHECK(after.Freeze().Hash() == before);
  // What it saw is what an open makes of it.
  auto next = OpenLog(In(after, machine.options()));
  CHECK(What(*next) == Words{"message written", "void", "message in the front only"});
  CHECK(open.position < last.position);
}

TEST_CASE("a writer that dies under its reader takes nothing away from it") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  auto reader = Follow(machine.following());
  Words expected;
  for (size_t i = 0; i < 40; ++i) {
    expected.push_back(Numbered(i, 500));
    Append(*writer, expected.back());
  }
  CHECK(Refreshed(*reader) == expected);

  machine.disk.Kill();

  CHECK(Refreshed(*reader) == expected);
  CHECK_FALSE(reader->has_writer());
  CHECK(reader->front_is_shared());
}

TEST_CASE("what a reader has seen does not go back while it finds out that the writer has closed") {
  Machine machine;
  StoreOptions options = machine.options();
  options.visibility = GENERATE(Visibility::kOnAppend, Visibility::kOnDurable);
  auto writer = OpenLog(options);
  Append(*writer, "before");
  StoreOptions following = machine.following();
  following.visibility = options.visibility;
  auto reader = Follow(following);
  for (int i = 0; i < 20; ++i) Append(*writer, std::string(500, 'x'));
  SyncNow(*writer);
  const LogPosition seen = reader->ContiguousVisibleEnd();
  REQUIRE(seen == writer->front().claimed_end());
  REQUIRE(writer->Close().ok());

  size_t looks = 0;
  machine.disk.SetHook([&](const Operation&) {
    ++looks;
    CHECK(reader->ContiguousVisibleEnd() >= seen);
  });
  REQUIRE(reader->Refresh().ok());
  machine.disk.SetHook(nullptr);
  CHECK(looks > 5);
  CHECK(reader->ContiguousVisibleEnd() == seen);
}

TEST_CASE("writers come and go under one reader, which misses nothing and sees nothing twice") {
  Machine machine;
  StoreOptions options = machine.options();
  OpenLog(options)->Close().IgnoreError();
  auto reader = Follow(machine.following());
  CHECK_FALSE(reader->has_writer());
  CHECK(Seen(*reader).empty());

  Words expected;
  for (int life = 0; life < 6; ++life) {
    const auto process = machine.disk.AnotherProcess();
    options.file_system = process.get();
    options.front_directory = life % 3 == 2 ? "private" : "";
    auto writer = OpenLog(options);
    CHECK(Refreshed(*reader) == expected);
    CHECK(reader->has_writer());
    for (int i = 0; i < 4; ++i) {
      expected.push_back(absl::StrCat("life ", life, " message ", i, std::string(300, 'x')));
      Append(*writer, expected.back());
    }
    writer->WriteStep();
    writer->WriteStep();
    INFO("life " << life);
    CHECK(Refreshed(*reader) == expected);
    if (life % 2 == 0) {
      CHECK(writer->Close().ok());
    } else {
      process->Kill();
    }
    CHECK(Refreshed(*reader) == expected);
    CHECK_FALSE(reader->has_writer());
  }
}

TEST_CASE("what a look misses that meets an error, the next one finds, whichever call it was") {
  const std::string front_directory = GENERATE(as<std::string>(), "", "private");
  const bool has_next_writer = GENERATE(false, true);
  uint64_t met = 0;
  for (uint64_t nth = 1;; ++nth) {
    CAPTURE(front_directory, has_next_writer, nth);
    Machine machine;
    StoreOptions options = machine.options();
    options.front_directory = front_directory;
    auto writer = OpenLog(options);
    auto reader = Follow(machine.following());
    Words expected;
    for (size_t i = 0; i < 10; ++i) {
      expected.push_back(absl::StrCat("message ", i));
      Append(*writer, expected.back());
    }
    writer->WriteStep();
    machine.disk.Kill();
    const auto next = machine.other->AnotherProcess();
    options.file_system = next.get();
    std::unique_ptr<CommitLog> next_writer;
    if (has_next_writer) {
      next_writer = OpenLog(options);
      expected.push_back("of the next writer");
      Append(*next_writer, expected.back());
      next_writer->WriteStep();
    }

    machine.other->Inject(TooManyOpenFiles({.nth = nth}));
    const uint64_t failures = machine.other->failures();
    const absl::Status refreshed = reader->Refresh();
    if (machine.other->failures() == failures) break;
    machine.other->ClearFaults();
    if (!refreshed.ok()) ++met;

    CHECK(Refreshed(*reader) == expected);
    CHECK(reader->has_writer() == has_next_writer);
  }
  CHECK(met >= 3);
}

TEST_CASE("a store that has only its first superblock left is read as any other") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.front_directory = "private";
  auto log = OpenLog(options);
  Append(*log, "one");
  log->WriteStep();
  FaultFileSystem after(disk.ProcessDeath());
  disk.Kill();
  // What every later one would say, the first does not know; its number is 0.
  std::string bytes = after.ReadFile("/store/superblock");
  bytes[kSuperblockSlotBytes + 100] ^= 1;
  after.WriteFile("/store/superblock", bytes);
  CHECK(Seen(*Follow(In(after, options))) == Words{"one"});
}

TEST_CASE("if the front of a dead writer is gone, the files are there and the loss is told") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "written");
  writer->WriteStep();
  Append(*writer, "in the front only");
  FaultFileSystem after(machine.disk.ProcessDeath());
  machine.disk.Kill();
  for (const std::string& name : after.ListShared()) REQUIRE(after.RemoveShared("", name).ok());

  auto reader = Follow(In(after, machine.options()));

  CHECK(Seen(*reader) == Words{"written"});
  CHECK(reader->report().possible_loss);
  CHECK_FALSE(reader->report().notes.empty());
}

TEST_CASE("a dead writer's front whose ends contradict each other is left alone, as an open does") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "written");
  writer->WriteStep();
  Append(*writer, "in the front only");
  auto& header = *reinterpret_cast<FrontHeader*>(writer->front().memory().header());
  header.written_end.store(header.claimed_end.load() + 8);
  FaultFileSystem after(machine.disk.ProcessDeath());
  machine.disk.Kill();

  auto reader = Follow(In(after, machine.options()));

  CHECK(Seen(*reader) == Words{"written"});
  CHECK_FALSE(reader->front_is_shared());
  CHECK(reader->report().possible_loss);
}

TEST_CASE("behind a power loss a reader sees what an open will see, and cuts nothing") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  Append(*writer, "one");
  SyncNow(*writer);
  const Reservation hole = Append(*writer, "two");
  Append(*writer, "three");
  writer->WriteStep();
  FaultFileSystem after(machine.disk.PowerLoss(LossPlan::KeepEverything()));
  machine.disk.Kill();
  Damage(after, hole.position);
  const ImageHash before = after.Freeze().Hash();

  auto reader = Follow(In(after, machine.options()));

  CHECK(Seen(*reader) == Words{"one"});
  CHECK(reader->report().end == hole.position);
  CHECK(reader->report().dropped_bytes > 0);
  CHECK(after.Freeze().Hash() == before);
  auto next = OpenLog(In(after, machine.options()));
  CHECK(Bodies(*next) == Words{"one"});
  Append(*next, "four");
  next->WriteStep();
  CHECK(Refreshed(*reader) == Words{"one", "four"});
}

TEST_CASE("a reader goes on in the file that took over from one whose sync failed") {
  Machine machine;
  StoreOptions options = machine.options();
  options.segment_bytes = 65536;
  options.front_bytes = 8192;
  auto writer = OpenLog(options);
  Words expected;
  const auto append_some = [&] {
    for (int i = 0; i < 20; ++i) {
      expected.push_back(Numbered(expected.size(), 700));
      Append(*writer, expected.back());
    }
  };
  append_some();
  auto reader = Follow(In(*machine.other, options));
  CHECK(Seen(*reader) == expected);  // the reader has the file open now
  machine.disk.Inject(InputOutputError({.kind = OperationKind::kSync, .name_contains = "0000"}));
  SyncNow(*writer);
  REQUIRE(writer->counters().replacements == 1);

  append_some();

  CHECK(Refreshed(*reader) == expected);
}

// A log in one segment, larger than its front, whose file the writer replaces whenever the reader
// is about to open it, so many times. In front of the last time, `meanwhile` happens.
class Replacing {
 public:
  Replacing(int times, std::function<void()> meanwhile) : left_(times) {
    StoreOptions options = machine.options();
    options.segment_bytes = 65536;
    options.front_bytes = 8192;
    writer = OpenLog(options);
    for (size_t i = 0; i < 20; ++i) {
      expected.push_back(Numbered(i, 700));
      Append(*writer, expected.back());
    }
    SyncNow(*writer);
    reader = Follow(In(*machine.other, options));
    machine.disk.SetHook([this, meanwhile](const Operation& operation) {
      const bool is_opened = operation.kind == OperationKind::kOpen &&
                             absl::StartsWith(operation.name, "00000000000000000000");
      if (!is_opened || left_ == 0) return;
      if (--left_ == 0) meanwhile();
      machine.disk.Inject(
          InputOutputError({.kind = OperationKind::kSync, .name_contains = "0000"}));
      expected.push_back("more");
      Append(*writer, "more");
      SyncNow(*writer);
    });
  }

  Machine machine;
  std::unique_ptr<CommitLog> writer;
  std::unique_ptr<FollowedLog> reader;
  Words expected;

 private:
  int left_;
};

TEST_CASE("a file that is replaced each time a reader is about to open it is no damage") {
  Replacing replacing(3, [] {});

  const Words seen = Seen(*replacing.reader);

  REQUIRE(replacing.writer->counters().replacements == 3);
  CHECK(seen == Words(replacing.expected.begin(), replacing.expected.begin() + 20));
  CHECK(Refreshed(*replacing.reader) == replacing.expected);
  CHECK(replacing.reader->health().state() == StoreState::kHealthy);
}

TEST_CASE(
    "a reader whose file was replaced and who cannot look for the new one is told of no damage") {
  FaultFileSystem* disk = nullptr;
  Replacing replacing(1, [&] {
    disk->Inject(TooManyOpenFiles(
        {.kind = OperationKind::kOpen, .name_contains = "superblock", .times = Fault::kForEver}));
  });
  disk = &replacing.machine.disk;
  LogScanner scanner(*replacing.reader, LogPosition(0), replacing.reader->ContiguousVisibleEnd());
  ScannedRecord record;
  DamagedRange damage;

  const auto step = scanner.Next(&record, &damage);

  REQUIRE(replacing.writer->counters().replacements == 1);
  CHECK(absl::IsUnavailable(step.status()));
  replacing.machine.disk.ClearFaults();
  CHECK(Refreshed(*replacing.reader) == replacing.expected);
}

TEST_CASE("segments that the writer drops are gone for the reader, and that is no damage") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  for (size_t i = 0; i < 20; ++i) Append(*writer, Numbered(i, 900));
  SyncNow(*writer);
  auto reader = Follow(machine.following());
  REQUIRE(Seen(*reader).size() == 20);

  REQUIRE(writer->TrimTo(LogPosition(2 * kSegment)).ok());
  const Words left = Refreshed(*reader);

  CHECK(reader->segments().begin() == LogPosition(2 * kSegment));
  CHECK(left == Bodies(*writer));
  CHECK(absl::IsOutOfRange(reader->segments().Find(LogPosition(kSegment)).status()));
  CHECK(reader->health().state() == StoreState::kHealthy);
}

TEST_CASE("segments that are dropped while a reader opens are none that are missing") {
  Machine machine;
  auto writer = OpenLog(machine.options());
  for (size_t i = 0; i < 20; ++i) Append(*writer, Numbered(i, 900));
  SyncNow(*writer);
  // Behind the superblock, which counts them still, and before the files are listed.
  bool has_asked = false;
  bool is_counted = false;
  bool is_dropped = false;
  machine.disk.SetHook([&](const Operation& operation) {
    has_asked |= operation.kind == OperationKind::kLock;  // whether there is a writer
    is_counted |= has_asked && operation.kind == OperationKind::kRead;
    if (operation.kind != OperationKind::kList || !is_counted) return;
    if (std::exchange(is_dropped, true)) return;
    CHECK(writer->TrimTo(LogPosition(2 * kSegment)).ok());
    CHECK(writer->segments().RemoveSpares(0).ok());
  });
  auto reader = Follow(machine.following());
  machine.disk.SetHook(nullptr);

  REQUIRE(is_dropped);
  CHECK(reader->report().damage.empty());
  CHECK(reader->health().state() == StoreState::kHealthy);
  CHECK(Seen(*reader) == Bodies(*writer));
}

TEST_CASE("what is not a store is not followed, and not made one") {
  Machine machine;
  const auto open = [&] { return FollowedLog::Open(machine.following()).status(); };
  CHECK(absl::IsNotFound(open()));
  machine.disk.MakeDirectory("/store");
  CHECK(absl::IsNotFound(open()));
  machine.disk.WriteFile("/store/" + SegmentFileName({}), "x");
  CHECK(absl::IsDataLoss(open()));
  CHECK(machine.disk.ListFiles("/store").size() == 1);
}

}  // namespace
}  // namespace weir::testing
