// Waiting for room and for durability, who may wait, and how a log ends.

#include "log/commit_log.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "log/small_log.h"

namespace weir::testing {
namespace {

constexpr size_t kBody = 900;

void WriteEverything(CommitLog& log) {
  while (log.WriteStep() == absl::ZeroDuration()) {
  }
}

// Appends without waiting until that is refused, and says why.
absl::Status AppendUntilRefused(CommitLog& log, bool writes = false) {
  for (int i = 0; i < 1000; ++i) {
    const auto place = TryClaim(log, kBody, log.DeadlineIn(absl::ZeroDuration()));
    if (!place.ok()) return place.status();
    PublishBody(log, *place, std::string(kBody, 'x'));
    if (writes) WriteEverything(log);
  }
  return absl::OkStatus();
}

TEST_CASE("without room a try is refused before anything is reserved, and the stall is counted") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  // Nothing behind an open claim can be written, so the front fills up.
  const Reservation open = Claim(*log, 100);

  const absl::Status refused = AppendUntilRefused(*log);

  CHECK(absl::IsDeadlineExceeded(refused));
  const LogPosition end = log->front().claimed_end();
  CHECK(end - open.position > log->front().ring_bytes() - 3 * SizeOf(kBody));
  CHECK(end - open.position <= log->front().ring_bytes());
  CHECK(log->counters().stalls_front_full == 1);
  CHECK(absl::IsDeadlineExceeded(TryClaim(*log, kBody, 0).status()));
  CHECK(log->counters().stalls_front_full == 2);
  CHECK(log->front().claimed_end() == end);

  PublishBody(*log, open, std::string(100, 'y'));
  WriteEverything(*log);
  CHECK(TryClaim(*log, kBody, log->DeadlineIn(absl::ZeroDuration())).ok());
}

TEST_CASE("an append waits for room until its deadline, and not before it gives up") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Claim(*log, 100);
  AppendUntilRefused(*log).IgnoreError();
  const int64_t start = clock.MonotonicNanos();
  const Deadline deadline = log->DeadlineIn(absl::Milliseconds(20));
  clock.AdvanceAtEveryLook(absl::Milliseconds(1));

  const auto claimed = TryClaim(*log, kBody, deadline);

  CHECK(absl::IsDeadlineExceeded(claimed.status()));
  CHECK(clock.MonotonicNanos() - start >= 20'000'000);
}

TEST_CASE("room that somebody else makes lets a waiting append go on before its deadline") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation open = Claim(*log, 100);
  AppendUntilRefused(*log).IgnoreError();

  absl::Status waited = absl::UnknownError("");
  std::thread producer([&] { waited = TryClaim(*log, kBody).status(); });
  PublishBody(*log, open, std::string(100, 'y'));
  producer.join();

  CHECK(waited.ok());
}

TEST_CASE("a segment that is not prepared is back-pressure of its own kind") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  int wakes = 0;
  log->SetWakeups({.writer = [] {}, .syncer = [] {}, .preparer = [&] { ++wakes; }});

  const absl::Status refused = AppendUntilRefused(*log, /*writes=*/true);
  const LogPosition end = log->front().claimed_end();

  CHECK(absl::IsDeadlineExceeded(refused));
  CHECK(end > log->segments().prepared_end() - SizeOf(kBody) - kRecordHeaderBytes);
  CHECK(log->counters().stalls_segment == 1);
  CHECK(log->counters().stalls_front_full == 0);
  CHECK(wakes >= 1);
  log->PrepareStep();
  CHECK(TryClaim(*log, kBody, 0).ok());
}

TEST_CASE("without space for a segment appends are refused, degraded, until there is space") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  disk.Inject(DiskFull({.kind = OperationKind::kCreate, .times = Fault::kForEver}));

  absl::Status refused;
  while (refused.ok()) {
    const auto place = TryClaim(*log, kBody);
    refused = place.status();
    if (place.ok()) PublishBody(*log, *place, std::string(kBody, 'x'));
  }

  CHECK(absl::IsResourceExhausted(refused));
  CHECK(log->health().state() == StoreState::kDegraded);
  disk.ClearFaults();
  CHECK(TryClaim(*log, kBody).ok());
  CHECK(log->health().state() == StoreState::kHealthy);
}

TEST_CASE("never more than unsynced_bytes_max is unsynced: then an append waits for a sync") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.unsynced_bytes_max = 20000;
  auto log = OpenLog(options);

  const absl::Status refused = AppendUntilRefused(*log, /*writes=*/true);
  const uint64_t unsynced = log->front().claimed_end() - log->front().durable_end();

  CHECK(absl::IsDeadlineExceeded(refused));
  CHECK(log->counters().stalls_unsynced == 1);
  CHECK(log->counters().stalls_front_full == 0);
  CHECK(unsynced <= 20000);
  CHECK(unsynced > 20000 - 3 * SizeOf(kBody));
  CHECK(log->counters().syncs == 0);

  // Who may wait makes the sync himself if there are no workers.
  CHECK(TryClaim(*log, kBody).ok());
  CHECK(log->counters().syncs == 1);
}

TEST_CASE("behind the reservation a passed deadline only lowers what was reached") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation place = Append(*log, "one");
  const auto wait = [&](Deadline deadline) {
    return log->WaitFor(place.position, place.end(), Durability::kDisk, deadline);
  };

  const auto tried = wait(log->DeadlineIn(absl::ZeroDuration()));
  REQUIRE(tried.ok());
  CHECK(*tried == Durability::kProcess);
  CHECK(log->counters().syncs == 0);

  const auto waited = wait(kNever);
  REQUIRE(waited.ok());
  CHECK(*waited == Durability::kDisk);
  CHECK(*wait(0) == Durability::kDisk);
}

TEST_CASE("with a private front a record has reached nothing before it is written") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.front_directory = "private";
  auto log = OpenLog(options);
  const Reservation place = Append(*log, "one");
  const auto wait = [&](Deadline deadline) {
    return *log->WaitFor(place.position, place.end(), Durability::kProcess, deadline);
  };

  CHECK(wait(0) == Durability::kNone);
  CHECK(log->ContiguousVisibleEnd() == place.position - kSegmentHeaderBytes);
  CHECK(wait(kNever) == Durability::kProcess);
  CHECK(log->front().written_end() == place.end());
  CHECK(log->counters().syncs == 0);
}

TEST_CASE("once somebody removed the front, a record waits for its write, and the log degrades") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  CHECK(log->ReachedAtOnce() == Durability::kProcess);
  REQUIRE(disk.RemoveShared("", FrontName(log->incarnation())).ok());
  clock.Advance(absl::Seconds(2));
  log->SyncStep();

  const Reservation place = Append(*log, "one");
  CHECK(log->health().Has(Condition::kFrontGone));
  CHECK(log->Reached(place.end()) == Durability::kNone);
  log->WriteStep();
  CHECK(log->Reached(place.end()) == Durability::kProcess);
}

TEST_CASE("a thread that holds a claim is refused every wait; another one is not") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation before = Append(*log, "one");
  const Reservation open = Claim(*log, 3);
  log->held_claims().Add({}, open.position, clock.MonotonicNanos());
  const auto wait = [&] {
    return log->WaitFor(before.position, before.end(), Durability::kDisk, kNever).status();
  };

  CHECK(absl::IsFailedPrecondition(wait()));
  CHECK(absl::IsFailedPrecondition(log->Flush(kNever)));
  CHECK(absl::IsFailedPrecondition(AppendUntilRefused(*log)));
  CHECK(log->counters().syncs == 0);
  absl::Status of_another = absl::UnknownError("");
  std::thread([&] { of_another = wait(); }).join();
  CHECK(of_another.ok());

  log->held_claims().Remove(open.position);
  PublishBody(*log, open, "two");
  CHECK(log->Flush(kNever).ok());
}

TEST_CASE("a claim that is held for more than a second degrades the log and is named") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation open = Claim(*log, 3);
  const std::string name = absl::StrCat("claim at ", open.position.value());
  std::thread([&] { log->held_claims().Add({}, open.position, clock.MonotonicNanos()); }).join();

  clock.Advance(absl::Seconds(1));
  log->SyncStep();
  CHECK(log->health().state() == StoreState::kHealthy);
  clock.Advance(absl::Milliseconds(1));
  log->SyncStep();
  CHECK(log->health().state() == StoreState::kDegraded);
  CHECK(log->health().reason().find(name) != std::string::npos);
  const absl::Status flushed = log->Flush(log->DeadlineIn(absl::ZeroDuration()));
  CHECK(absl::IsDeadlineExceeded(flushed));
  CHECK(flushed.message().find(name) != absl::string_view::npos);

  log->held_claims().Remove(open.position);
  log->SyncStep();
  CHECK(log->health().state() == StoreState::kHealthy);
}

TEST_CASE("who finds no room behind a claim that is held is told of it") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation open = Claim(*log, 3);
  std::thread([&] { log->held_claims().Add({}, open.position, clock.MonotonicNanos()); }).join();
  absl::Status status;
  for (int i = 0; i < 100 && status.ok(); ++i) {
    const auto claimed = TryClaim(*log, 900, log->DeadlineIn(absl::ZeroDuration()));
    status = claimed.status();
    if (claimed.ok()) Publish(claimed->bytes, Fill(*log, claimed->bytes, claimed->position, "x"));
  }

  CHECK(absl::IsDeadlineExceeded(status));
  CHECK(status.message().find(absl::StrCat("claim at ", open.position.value())) !=
        absl::string_view::npos);
  log->held_claims().Remove(open.position);
}

TEST_CASE("without workers and without a single step, whoever waits does the work himself") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Words expected;
  for (size_t i = 0; i < 60; ++i) {
    expected.push_back(Numbered(i, kBody));
    const Reservation place = Append(*log, expected.back());
    if (i % 7 != 0) continue;
    const auto reached = log->WaitFor(place.position, place.end(), Durability::kDisk, kNever);
    REQUIRE(reached.ok());
    REQUIRE(*reached == Durability::kDisk);
  }
  CHECK(log->counters().syncs == 9);
  REQUIRE(log->Flush(kNever).ok());
  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  CHECK(Bodies(*OpenLog(SmallLog(after, clock))) == expected);

  const uint64_t syncs = log->counters().syncs;
  CHECK(log->Flush(0).ok());
  CHECK(log->counters().syncs == syncs);
}

TEST_CASE("whole segments below a position are dropped for good; the active one never is") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  std::vector<Reservation> places;
  for (size_t i = 0; i < 20; ++i) places.push_back(Append(*log, Numbered(i, kBody)));
  SyncNow(*log);

  REQUIRE(log->TrimTo(places[4].position).ok());
  const LogPosition begin = log->segments().begin();
  CHECK(begin == log->segments().BeginOf(places[4].position));
  CHECK(absl::IsOutOfRange(log->segments().Find(begin - 8).status()));

  // If the new begin cannot be made durable, nothing goes.
  disk.Inject(DiskFull({.kind = OperationKind::kWrite, .name_contains = "superblock", .times = 9}));
  CHECK_FALSE(log->TrimTo(places[12].position).ok());
  disk.ClearFaults();
  CHECK(log->segments().begin() == begin);

  Append(*log, "unsynced");
  REQUIRE(log->TrimTo(LogPosition(1'000'000)).ok());
  const LogPosition active = log->segments().BeginOf(places.back().position);
  CHECK(log->segments().begin() == active);
  REQUIRE(log->Close().ok());
  log = OpenLog(SmallLog(disk, clock));
  CHECK(log->report().damage.empty());
  CHECK(log->segments().begin() == active);
  CHECK(Bodies(*log).back() == "unsynced");
}

TEST_CASE("a close that meets an open claim says so and leaves the front for the next open") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  const Reservation open = Claim(*log, 10);
  Append(*log, "three");

  const absl::Status closed = log->Close();

  CHECK(absl::IsFailedPrecondition(closed));
  CHECK(closed.message().find(absl::StrCat(open.position.value())) != absl::string_view::npos);
  CHECK(disk.ListShared().size() == 2);
  CHECK(absl::IsUnavailable(CommitLog::Open(SmallLog(disk, clock)).status()));
  log.reset();
  auto again = OpenLog(SmallLog(disk, clock));
  CHECK(again->report().front_adopted);
  CHECK(What(*again) == Words{"message one", "void", "message three"});
}

TEST_CASE("after a close appends and waits are refused, and what was reached is still told") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation place = Append(*log, "one");
  REQUIRE(log->Close().ok());

  CHECK(absl::IsFailedPrecondition(TryClaim(*log, 3).status()));
  const auto reached = log->WaitFor(place.position, place.end(), Durability::kDisk, kNever);
  REQUIRE(reached.ok());
  CHECK(*reached == Durability::kDisk);
  CHECK(log->health().state() == StoreState::kClosed);
  CHECK(disk.ListShared().empty());
}

// --- With workers, whose part the test plays

// How often each was woken.
struct Wakes {
  int writer = 0;
  int syncer = 0;
  int preparer = 0;
  int callbacks = 0;

  void ComeFrom(CommitLog& log) {
    log.SetWakeups({.writer = [this] { ++writer; },
                    .syncer = [this] { ++syncer; },
                    .preparer = [this] { ++preparer; },
                    .callbacks = [this] { ++callbacks; }});
  }
};

// The front is full before the files that are prepared are.
StoreOptions SmallFront(StoreOptions options) {
  options.front_bytes = 8192;
  return options;
}

StoreOptions Private(StoreOptions options) {
  options.front_directory = "private";
  return options;
}

TEST_CASE("who waits until a deadline leaves the work to the workers, and wakes them once") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(Private(SmallLog(disk, clock)));
  Wakes wakes;
  wakes.ComeFrom(*log);
  const Reservation place = Append(*log, "one");
  clock.AdvanceAtEveryLook(absl::Milliseconds(10));
  const auto wait = [&](Durability wanted) {
    const auto reached =
        log->WaitFor(place.position, place.end(), wanted, log->DeadlineIn(absl::Milliseconds(15)));
    REQUIRE(reached.ok());
    return *reached;
  };

  CHECK(wait(Durability::kProcess) == Durability::kNone);
  CHECK(wakes.writer >= 1);
  CHECK(wakes.syncer == 0);
  for (int times = 0; times < 2; ++times) CHECK(wait(Durability::kDisk) == Durability::kNone);
  CHECK(wakes.syncer == 1);
  CHECK(log->counters().writes == 0);
  log->SyncStep();
  CHECK(wait(Durability::kDisk) == Durability::kDisk);
}

TEST_CASE("who waits without a deadline on a full disk rests, and goes on when there is space") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Wakes wakes;
  wakes.ComeFrom(*log);
  const Reservation place = Append(*log, "one");
  disk.Inject(DiskFull({.kind = OperationKind::kWrite, .times = 2}));

  const auto reached = log->WaitFor(place.position, place.end(), Durability::kDisk, kNever);

  REQUIRE(reached.ok());
  CHECK(*reached == Durability::kDisk);
  CHECK(disk.failures() == 2);
}

TEST_CASE("who has no room until a deadline leaves that to the workers, and is told why not") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Wakes wakes;
  wakes.ComeFrom(*log);
  while (log->PrepareStep() == absl::ZeroDuration()) {
  }
  Claim(*log, 100);  // in the way of everything
  REQUIRE(absl::IsDeadlineExceeded(AppendUntilRefused(*log)));
  const int woken = wakes.writer;
  clock.AdvanceAtEveryLook(absl::Milliseconds(10));
  const auto deadline = [&] { return log->DeadlineIn(absl::Milliseconds(100)); };

  CHECK(absl::IsDeadlineExceeded(TryClaim(*log, kBody, deadline()).status()));
  CHECK(wakes.writer > woken);
  log->health().Raise(Condition::kNoSpaceAhead, "no space for the next segment");
  CHECK(absl::IsResourceExhausted(TryClaim(*log, kBody, deadline()).status()));
}

TEST_CASE("an error of the writer wakes the syncer, who replaces the file") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Wakes wakes;
  wakes.ComeFrom(*log);
  Append(*log, "one");
  disk.Inject(InputOutputError({.kind = OperationKind::kWrite}));

  log->RequestWrite();
  CHECK(wakes.writer >= 1);
  CHECK(log->WriteStep() > absl::ZeroDuration());
  CHECK(wakes.syncer >= 1);
  log->RequestSync();
  log->SyncStep();
  CHECK(log->counters().replacements == 1);
  CHECK(Bodies(*log) == Words{"one"});
}

// --- Callbacks

void Link(CommitLog& log, const Reservation& place, Durability durability, AppendCallback done) {
  auto completion = std::make_unique<Completion>();
  completion->receipt.position = place.position;
  completion->receipt.end = place.end();
  completion->durability = durability;
  completion->done = std::move(done);
  MutexLock lock(log.front().append_lock());
  log.completions().Link(completion.release());
}

TEST_CASE("a callback that is not due asks the workers for what it waits for, and only for that") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(Private(SmallLog(disk, clock)));
  Wakes wakes;
  wakes.ComeFrom(*log);
  const Reservation place = Append(*log, "one");
  int called = 0;
  const auto count = [&](const absl::Status& status, const Receipt&) {
    CHECK(status.ok());
    ++called;
  };

  Link(*log, place, Durability::kProcess, count);
  log->CallbackStep();
  CHECK(wakes.syncer == 0);
  log->WriteStep();
  log->CallbackStep();
  CHECK(called == 1);
  const int woken = wakes.syncer;
  Link(*log, place, Durability::kDisk, count);
  log->CallbackStep();
  log->CallbackStep();
  CHECK(wakes.syncer == woken + 1);
  log->SyncStep();
  log->CallbackStep();
  CHECK(called == 2);
}

TEST_CASE("who waits inside a callback is answered at once") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation place = Append(*log, "one");
  absl::StatusOr<Durability> reached = absl::UnknownError("");
  absl::Status room;
  Link(*log, place, Durability::kProcess, [&](const absl::Status&, const Receipt&) {
    reached = log->WaitFor(place.position, place.end(), Durability::kDisk, kNever);
    const Reservation open = Claim(*log, 3);
    room = AppendUntilRefused(*log);
    if (absl::IsDeadlineExceeded(room)) room = log->MakeRoom(SizeOf(kBody), kNever);
    log->Abandon(open);
  });

  log->CallbackStep();

  REQUIRE(reached.ok());
  CHECK(*reached == Durability::kProcess);
  CHECK(absl::IsDeadlineExceeded(room));
  CHECK(log->counters().syncs == 0);
}

TEST_CASE("a callback is told that its record is lost") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation good = Append(*log, "good");
  const Reservation bad = Append(*log, "bad");
  bad.bytes[kRecordHeaderBytes] ^= 1;  // a stray write of the host
  std::vector<absl::Status> told;
  const auto note = [&](const absl::Status& status, const Receipt&) { told.push_back(status); };
  Link(*log, good, Durability::kDisk, note);
  Link(*log, bad, Durability::kDisk, note);

  log->RequestSync();
  while (log->SyncStep() == absl::ZeroDuration()) {
  }
  log->CallbackStep();

  REQUIRE(told.size() == 2);
  CHECK(told[0].ok());
  CHECK(absl::IsDataLoss(told[1]));
  // As is who waits for what it seemed to have reached at once.
  const auto waited = log->WaitFor(bad.position, bad.end(), Durability::kProcess, kNever);
  CHECK(absl::IsDataLoss(waited.status()));
}

TEST_CASE("a step calls so many callbacks, and says that there are more") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation place = Append(*log, "one");
  size_t called = 0;
  for (int i = 0; i < 5000; ++i) {
    Link(*log, place, Durability::kProcess, [&](const absl::Status&, const Receipt&) { ++called; });
  }

  CHECK(log->CallbackStep() == absl::ZeroDuration());
  CHECK(called < 5000);
  CHECK(log->CallbackStep() > absl::ZeroDuration());
  CHECK(called == 5000);
}

// --- Room

TEST_CASE("what is longer than any record is refused, and changes nothing") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  CHECK(absl::IsInvalidArgument(log->MakeRoom(log->group_bytes_max() + 8, kNever)));
  CHECK(log->MakeRoom(log->group_bytes_max(), kNever).ok());
}

TEST_CASE("a reader that stays where it is keeps the room behind it, and that is counted") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  while (log->PrepareStep() == absl::ZeroDuration()) {
  }
  {
    const ReaderSlots::Guard reader(log->front().reader_slots());
    REQUIRE(absl::IsDeadlineExceeded(AppendUntilRefused(*log, /*writes=*/true)));
    CHECK(log->counters().stalls_reader >= 1);
  }
  CHECK(TryClaim(*log, kBody, log->DeadlineIn(absl::ZeroDuration())).ok());
}

TEST_CASE("who is refused for a full disk tries once more, and is refused for what is left") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallFront(SmallLog(disk, clock)));
  while (log->PrepareStep() == absl::ZeroDuration()) {
  }
  disk.Inject(DiskFull({.kind = OperationKind::kWrite, .times = Fault::kForEver}));
  absl::Status refused;
  for (int i = 0; i < 1000 && refused.ok(); ++i) {
    const auto place = TryClaim(*log, kBody);
    refused = place.status();
    if (place.ok()) PublishBody(*log, *place, std::string(kBody, 'x'));
  }
  REQUIRE(absl::IsResourceExhausted(refused));
  disk.ClearFaults();

  log->health().Raise(Condition::kNoSpaceAhead, "no space for the next segment");
  CHECK(absl::IsResourceExhausted(TryClaim(*log, kBody).status()));
  CHECK(log->counters().syncs == 1);  // so the disk is not full any more
  log->health().Clear(Condition::kNoSpaceAhead);
  CHECK(TryClaim(*log, kBody).ok());
}

TEST_CASE("a full disk that has space again is found out by whoever needs room") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallFront(SmallLog(disk, clock)));
  while (log->PrepareStep() == absl::ZeroDuration()) {
  }
  Append(*log, "one");
  disk.Inject(DiskFull({.kind = OperationKind::kWrite}));
  CHECK(log->WriteStep() > absl::ZeroDuration());
  REQUIRE(absl::IsResourceExhausted(log->health().WhyNoAppend()));
  absl::Status claimed;
  for (int i = 0; i < 40 && claimed.ok(); ++i) {
    const auto place = TryClaim(*log, kBody);
    claimed = place.status();
    if (place.ok()) PublishBody(*log, *place, std::string(kBody, 'x'));
  }

  CHECK(claimed.ok());
  CHECK(log->health().state() == StoreState::kHealthy);
}

TEST_CASE("a wait for ever may be named in numbers as well") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  CHECK(log->DeadlineIn(absl::InfiniteDuration()) == kNever);
  CHECK(log->DeadlineIn(absl::Hours(24 * 365 * 300)) == kNever);
  CHECK(log->DeadlineIn(absl::Hours(1)) < kNever);
}

TEST_CASE("a wait for what is not durable ends when the log is stopped") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation place = Append(*log, "one");
  log->Stop();
  const auto waited = log->WaitFor(place.position, place.end(), Durability::kDisk, kNever);
  CHECK(absl::IsFailedPrecondition(waited.status()));
}

TEST_CASE("bytes of a segment that is missing are not there") {
  FaultFileSystem disk;
  ManualClock clock;
  {
    auto log = OpenLog(SmallLog(disk, clock));
    for (size_t i = 0; i < 12; ++i) Append(*log, Numbered(i, kBody));
    REQUIRE(log->Close().ok());
  }
  disk.RemoveFile(FileOf(LogPosition(kSegment)));
  auto log = OpenLog(SmallLog(disk, clock));
  std::string bytes(8, '\0');
  CHECK(absl::IsNotFound(log->ReadBytes(LogPosition(kSegment + 2048), absl::MakeSpan(bytes))));
  CHECK(log->ReadBytes(LogPosition(kSegmentHeaderBytes), absl::MakeSpan(bytes)).ok());
}

}  // namespace
}  // namespace weir::testing
