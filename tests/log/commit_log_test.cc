// Waiting for room and for durability, who may wait, and how a log ends.

#include "log/commit_log.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>
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

}  // namespace
}  // namespace weir::testing
