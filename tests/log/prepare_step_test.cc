// The step that prepares segments, where there may be no more files or where none can be made; and
// the look whether the shared front is still there.

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "log/small_log.h"

namespace weir::testing {
namespace {

constexpr absl::Duration kLater = absl::Milliseconds(20);

// A log that may have no more files than it has.
struct Full {
  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<CommitLog> log = OpenLog(SmallLog(disk, clock));
  int asked = 0;

  Full() {
    Append(*log, "one");
    log->segments().set_files_max(1);
    REQUIRE(log->segments().IsFull());
  }
  void MakeSpaceWith(absl::Status answer) {
    log->SetSpaceMaker([this, answer] {
      ++asked;
      return answer;
    });
  }
  bool HasNoSpace() const { return log->health().Has(Condition::kNoSpaceAhead); }
};

TEST_CASE("where there may be no more files and nobody makes space, that is why none is prepared") {
  Full full;
  CHECK(full.log->PrepareStep() == kLater);
  CHECK(full.HasNoSpace());
  CHECK(absl::StrContains(full.log->health().reason(), "no more files"));
  full.log->segments().set_files_max(0);
  CHECK(full.log->PrepareStep() == absl::ZeroDuration());
  CHECK_FALSE(full.HasNoSpace());
}

TEST_CASE("who makes space and cannot is quoted; who can in part is asked again") {
  Full full;
  full.MakeSpaceWith(absl::ResourceExhaustedError("all of it is read"));
  CHECK(full.log->PrepareStep() == kLater);
  CHECK(absl::StrContains(full.log->health().reason(), "all of it is read"));
  full.MakeSpaceWith(absl::OkStatus());
  CHECK(full.log->PrepareStep() == kLater);
  CHECK(full.log->PrepareStep() == kLater);
  CHECK(full.asked == 3);
  CHECK(full.log->segments().prepared_end() == LogPosition(kSegment));
}

TEST_CASE("nothing is prepared in a log that was stopped while space was made for it") {
  Full full;
  full.log->SetSpaceMaker([&] {
    full.log->Stop();
    return absl::OkStatus();
  });
  CHECK(full.log->PrepareStep() == absl::Seconds(1));
  CHECK_FALSE(full.HasNoSpace());
  CHECK(full.log->PrepareStep() == absl::Seconds(1));
  CHECK(full.log->segments().prepared_end() == LogPosition(kSegment));
}

TEST_CASE("who only tries, and who holds a claim, has nothing dropped for him") {
  Full full;
  full.MakeSpaceWith(absl::OkStatus());
  for (;;) {
    const auto place = TryClaim(*full.log, 700, /*deadline=*/0);
    if (!place.ok()) {
      CHECK(absl::IsDeadlineExceeded(place.status()));
      break;
    }
    PublishBody(*full.log, *place, std::string(700, 'x'));
  }
  CHECK(full.asked == 0);
  const Reservation open = [&] {
    full.log->segments().set_files_max(0);
    const Reservation claimed = Claim(*full.log, 100);
    full.log->segments().set_files_max(full.log->segments().entries().size());
    return claimed;
  }();
  full.log->held_claims().Add({}, open.position, full.clock.MonotonicNanos());
  for (absl::Status refused; refused.ok() || !absl::IsFailedPrecondition(refused);) {
    const auto place = TryClaim(*full.log, 700);
    refused = place.status();
    if (place.ok()) PublishBody(*full.log, *place, std::string(700, 'x'));
  }
  CHECK(full.asked == 0);
  full.log->held_claims().Remove(open.position);
  full.log->Abandon(open);
}

TEST_CASE("what is refused is refused whatever room there is, until that is taken back") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  log->Refuse(absl::OkStatus());
  CHECK(log->health().state() == StoreState::kHealthy);
  log->Refuse(absl::ResourceExhaustedError("the budget is spent"));
  const absl::Status refused = TryClaim(*log, 10).status();
  CHECK(absl::IsResourceExhausted(refused));
  CHECK(absl::StrContains(refused.message(), "the budget is spent"));
  log->Refuse(absl::OkStatus());
  Append(*log, "two");
  CHECK(Bodies(*log) == Words{"one", "two"});
}

TEST_CASE(
    "a segment that cannot be made today is a reason to wait; one that never can ends writing") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  disk.Inject(TooManyOpenFiles({.kind = OperationKind::kCreate}));
  CHECK(log->PrepareStep() == kLater);
  CHECK(log->health().Has(Condition::kNoSpaceAhead));
  CHECK_FALSE(log->health().Has(Condition::kFailed));
  log->PrepareStep();
  CHECK_FALSE(log->health().Has(Condition::kNoSpaceAhead));

  disk.Inject(InputOutputError({.kind = OperationKind::kCreate, .times = Fault::kForEver}));
  log->PrepareStep();
  CHECK(log->health().Has(Condition::kFailed));
  CHECK(absl::StrContains(log->health().reason(), "Input/output error"));
  CHECK(log->PrepareStep() == absl::Seconds(1));
  const auto refused = TryClaim(*log, 100, /*deadline=*/0);
  CHECK_FALSE(refused.ok());
  // What had its place is written all the same.
  log->WriteStep();
  CHECK(log->front().written_end() == log->front().claimed_end());
  CHECK(log->SyncStep() == absl::Seconds(1));
}

TEST_CASE("a front of which nobody can say today whether it is there counts as there") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  clock.Advance(absl::Seconds(2));
  disk.Inject(TooManyOpenFiles({.kind = OperationKind::kStatShared}));
  log->SyncStep();
  CHECK(disk.failures() == 1);
  CHECK_FALSE(log->health().Has(Condition::kFrontGone));
  CHECK(log->ReachedAtOnce() == Durability::kProcess);
}

TEST_CASE(
    "a record is given room at the end of a segment if it fills it or leaves room for another") {
  for (const uint64_t left : {uint64_t{0}, uint64_t{8}, uint64_t{kRecordHeaderBytes}}) {
    CAPTURE(left);
    FaultFileSystem disk;
    ManualClock clock;
    StoreOptions options = SmallLog(disk, clock);
    options.unsynced_bytes_max = 1024;  // each asks for room anew
    auto log = OpenLog(options);
    while (log->front().claimed_end().value() < kSegment - 900) {
      Append(*log, std::string(400, 'x'));
      SyncNow(*log);
    }
    const uint64_t room = kSegment - log->front().claimed_end().value();
    size_t bytes = 0;
    while (SizeOf(bytes) + left < room) ++bytes;
    const Reservation last = Append(*log, std::string(bytes, 'y'));
    CHECK((last.position < LogPosition(kSegment)) == (left != 8));
    SyncNow(*log);
    CHECK(log->health().state() == StoreState::kHealthy);
  }
}

}  // namespace
}  // namespace weir::testing
