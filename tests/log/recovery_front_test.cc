// What recovery makes of the front of a dead process, of a front that is gone, and of one that is
// somebody else's.

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "format/front_layout.h"
#include "log/recovery.h"
#include "log/small_log.h"

namespace weir::testing {
namespace {

// A log whose process has died.
class Death {
 public:
  explicit Death(FaultFileSystem& disk) : after(disk.ProcessDeath()) { disk.Kill(); }
  FaultFileSystem after;
};

TEST_CASE("a killed process loses nothing: its front is adopted and the log goes on behind it") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  log->WriteStep();
  const Reservation last = Append(*log, "two");

  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().front_adopted);
  CHECK_FALSE(again->report().was_clean);
  CHECK_FALSE(again->report().possible_loss);
  CHECK(again->report().damage.empty());
  CHECK(again->report().end == last.end());
  CHECK(again->health().state() == StoreState::kHealthy);
  CHECK(Bodies(*again) == Words{"one", "two"});
  CHECK(Append(*again, "three").position == last.end());
}

TEST_CASE("records in front and file from several segments survive a kill") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Words expected;
  // Three fronts full, nothing ever synced.
  for (size_t i = 0; i < 90; ++i) {
    expected.push_back(Numbered(i, 500));
    Append(*log, expected.back());
  }
  REQUIRE(log->counters().syncs == 0);

  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().front_adopted);
  CHECK(again->report().damage.empty());
  CHECK(Bodies(*again) == expected);
}

TEST_CASE("a claim that died unpublished becomes a void, and what stands behind it stays") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  const Reservation claim = Claim(*log, 100);
  std::memcpy(claim.bytes + kRecordHeaderBytes, "half a bo", 9);
  Append(*log, "three");

  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().voided_claims == 1);
  CHECK(again->report().damage.empty());
  CHECK(What(*again) == Words{"message one", "void", "message three"});
}

TEST_CASE("of an adopted front what is overwritten comes from the file, and the other way round") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation one = Append(*log, "one");
  const Reservation two = Append(*log, "two");
  log->WriteStep();
  Append(*log, "three");
  one.bytes[kRecordHeaderBytes] ^= 1;
  Damage(disk, two.position);

  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().front_adopted);
  CHECK(again->report().damage.empty());
  CHECK(Bodies(*again) == Words{"one", "two", "three"});
  // And the disk has it now.
  Death later(death.after);
  CHECK(Bodies(*OpenLog(SmallLog(later.after, clock))) == Words{"one", "two", "three"});
}

TEST_CASE("the file that an adopted front goes on in gets a new header if it has lost its own") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  Append(*log, "two");
  log->WriteStep();
  Append(*log, "three");
  Scribble(disk, LogPosition(0), std::string(kSegmentHeaderBytes, 'x'));

  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().front_adopted);
  REQUIRE(again->report().damage.size() == 1);
  CHECK(again->report().damage[0].end == LogPosition(kSegmentHeaderBytes));
  CHECK(Bodies(*again) == Words{"one", "two", "three"});
  Append(*again, "four");
  SyncNow(*again);
  FaultFileSystem dark(death.after.PowerLoss(LossPlan::LoseEverything()));
  death.after.Kill();
  auto last = OpenLog(SmallLog(dark, clock));
  CHECK(Bodies(*last) == Words{"one", "two", "three", "four"});
  CHECK(last->report().damage.empty());
}

TEST_CASE("a file of another byte order is not what a dead process lost, and nobody replaces it") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  log->WriteStep();
  const std::string header = disk.ReadFile(FileOf(LogPosition(0))).substr(0, kSegmentHeaderBytes);
  std::string reversed = header;
  for (const size_t copy : {size_t{0}, size_t{kSegmentHeaderCopyBytes}}) {
    std::reverse(reversed.begin() + static_cast<ptrdiff_t>(copy),
                 reversed.begin() + static_cast<ptrdiff_t>(copy + 8));
  }
  Scribble(disk, LogPosition(0), reversed);

  Death death(disk);
  const std::string before = death.after.ReadFile(FileOf(LogPosition(0)));
  CommitLog::Open(SmallLog(death.after, clock)).status().IgnoreError();

  CHECK(death.after.ReadFile(FileOf(LogPosition(0))) == before);
  CHECK_FALSE(death.after.FileExists(FileOf(LogPosition(0)) + ".1"));
}

TEST_CASE("a group that died unpublished is voided as a whole") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  ClaimGroup(*log, {"first", "second"});
  Append(*log, "behind");

  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().voided_claims == 1);
  CHECK(again->report().damage.empty());
  CHECK(Bodies(*again) == Words{"behind"});
}

TEST_CASE("voids and records of an adopted front are on the disk before the store is served") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  Claim(*log, 10);
  Append(*log, "three");

  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));
  FaultFileSystem dark(death.after.PowerLoss(LossPlan::LoseEverything()));
  death.after.Kill();
  auto last = OpenLog(SmallLog(dark, clock));

  CHECK(Bodies(*last) == Words{"one", "three"});
  CHECK(last->report().damage.empty());
}

TEST_CASE("a process that dies right after its recovery loses nothing either") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");

  Death first(disk);
  auto second_log = OpenLog(SmallLog(first.after, clock));
  Append(*second_log, "two");
  Death second(first.after);
  auto third_log = OpenLog(SmallLog(second.after, clock));

  CHECK(third_log->report().front_adopted);
  CHECK(Bodies(*third_log) == Words{"one", "two"});
}

TEST_CASE("a record that went bad in its file above the durable end is damage; others stay") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation first = Append(*log, Numbered(0, 500));
  const Reservation second = Append(*log, Numbered(1, 500));
  for (size_t i = 2; i < 60; ++i) Append(*log, Numbered(i, 500));
  REQUIRE(log->front().front_begin() > second.end());
  REQUIRE(log->counters().syncs == 0);

  Death death(disk);
  Damage(death.after, first.position);
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().front_adopted);
  REQUIRE(again->report().damage.size() == 1);
  CHECK(again->report().damage[0].begin == first.position);
  CHECK(again->report().damage[0].end == second.position);
  CHECK(again->health().state() == StoreState::kDegraded);
  const Words bodies = Bodies(*again);
  REQUIRE(bodies.size() == 59);
  CHECK(bodies[0] == Numbered(1, 500));
}

TEST_CASE("a file that lost what the front still has is mended from the front") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation first = Append(*log, "one");
  Append(*log, "two");
  log->WriteStep();

  Death death(disk);
  Damage(death.after, first.position);
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().damage.empty());
  CHECK(Bodies(*again) == Words{"one", "two"});
  const absl::Status closed = again->Close();
  INFO(closed);
  CHECK(closed.ok());
  CHECK(Bodies(*OpenLog(SmallLog(death.after, clock))) == Words{"one", "two"});
}

TEST_CASE("if the front of this boot is gone, the open reports possible loss and goes on") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "written");
  log->WriteStep();
  Append(*log, "in the front only");

  Death death(disk);
  for (const std::string& name : death.after.ListShared()) {
    REQUIRE(death.after.RemoveShared("", name).ok());
  }
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().possible_loss);
  CHECK_FALSE(again->report().front_adopted);
  CHECK_FALSE(again->report().notes.empty());
  CHECK(again->report().damage.empty());
  CHECK(Bodies(*again) == Words{"written"});
}

TEST_CASE("a front whose ends contradict each other is left alone and reported") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "written");
  log->WriteStep();
  Append(*log, "in the front only");

  Death death(disk);
  const std::string name = FrontName(log->incarnation());
  {
    auto memory = death.after.OpenShared("", name, kFrontHeaderBytes, OpenMode::kReadWrite);
    REQUIRE(memory.ok());
    auto& header = *reinterpret_cast<FrontHeader*>((*memory)->header());
    header.written_end.store(header.claimed_end.load() + 8);
  }
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().possible_loss);
  CHECK_FALSE(again->report().front_adopted);
  CHECK(Bodies(*again) == Words{"written"});
}

TEST_CASE("a durable end that somebody lowered in a dead process's front ends no writing") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  for (size_t i = 0; i < 90; ++i) {
    Append(*log, Numbered(i, 300));
    if (i % 10 == 0) SyncNow(*log);
  }
  REQUIRE(log->front().durable_end() > LogPosition(5 * kSegment));

  Death death(disk);
  {
    auto memory = death.after.OpenShared("", FrontName(log->incarnation()), kFrontHeaderBytes,
                                         OpenMode::kReadWrite);
    REQUIRE(memory.ok());
    auto& header = *reinterpret_cast<FrontHeader*>((*memory)->header());
    header.durable_end.store(header.durable_end.load() - 4 * kSegment);
  }
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().front_adopted);
  CHECK(again->health().state() == StoreState::kHealthy);
  Append(*again, "goes on");
  SyncNow(*again);
  CHECK(Bodies(*again).size() == 91);
}

TEST_CASE(
    "what was recovered behind a place that somebody overwrote survives the next power loss") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  const Reservation bad = Append(*log, "two");
  Append(*log, "three");
  bad.bytes[kRecordHeaderBytes] ^= 1;

  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));
  REQUIRE(again->health().state() == StoreState::kDegraded);
  REQUIRE(Bodies(*again) == Words{"one", "three"});
  FaultFileSystem dark(death.after.PowerLoss(LossPlan::LoseEverything()));
  death.after.Kill();
  auto last = OpenLog(SmallLog(dark, clock));

  CHECK(last->report().dropped_records == 0);
  CHECK(Bodies(*last) == Words{"one", "three"});
}

TEST_CASE("a front that ends inside a segment's header is left alone: no append goes over it") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  while (log->PrepareStep() == absl::ZeroDuration()) {
  }
  // Three records fill a segment.
  Words expected;
  for (size_t i = 0; i < 3; ++i) {
    expected.push_back(Numbered(i, 1024 - kRecordHeaderBytes));
    Append(*log, expected.back());
  }
  REQUIRE(log->front().claimed_end() == LogPosition(kSegment));
  while (log->WriteStep() == absl::ZeroDuration()) {
  }
  auto& header = *reinterpret_cast<FrontHeader*>(log->front().memory().header());
  header.claimed_end.store(kSegment + 8);

  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));
  CHECK_FALSE(again->report().front_adopted);
  expected.emplace_back("four");
  Append(*again, "four");
  SyncNow(*again);

  Death later(death.after);
  auto last = OpenLog(SmallLog(later.after, clock));
  CHECK(last->report().damage.empty());
  CHECK(Bodies(*last) == expected);
}

TEST_CASE("a front that begins inside a segment's header is adopted like any other") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const auto begin = [&] { return log->front().front_begin().value() % kSegment; };
  Words expected;
  while (begin() == 0 || begin() >= kSegmentHeaderBytes) {
    REQUIRE(expected.size() < 1000);
    expected.push_back(Numbered(expected.size(), 200));
    Append(*log, expected.back());
    while (log->WriteStep() == absl::ZeroDuration()) {
    }
  }
  expected.emplace_back("only in the front");
  Append(*log, expected.back());

  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));
  CHECK(again->report().front_adopted);
  CHECK(Bodies(*again) == expected);
}

TEST_CASE("a record that was overwritten with its length is lost; the rest is served") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  const Reservation bad = Append(*log, "two");
  StoreWord(bad.bytes, 12345678);
  bad.bytes[kRecordHeaderBytes] ^= 1;

  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));

  CHECK(again->report().front_adopted);
  CHECK(again->health().state() == StoreState::kDegraded);
  CHECK(Bodies(*again) == Words{"one"});
  Append(*again, "three");
  CHECK(Bodies(*again) == Words{"one", "three"});
}

TEST_CASE("a copied store is a store of its own: neither takes the front of the other") {
  FaultFileSystem disk;
  ManualClock clock;
  auto original = OpenLog(SmallLog(disk, clock));
  Append(*original, "both");
  original->WriteStep();
  disk.MakeDirectory("/copy");
  for (const std::string& file : disk.ListFiles("/store")) {
    disk.WriteFile("/copy/" + file, disk.ReadFile("/store/" + file));
  }
  Append(*original, "in the original's front");

  auto other = disk.AnotherProcess();
  StoreOptions options = SmallLog(*other, clock);
  options.directory = "/copy";
  auto copy = OpenLog(options);

  CHECK_FALSE(copy->report().front_adopted);
  CHECK_FALSE(copy->report().notes.empty());
  CHECK(copy->incarnation() != original->incarnation());
  Append(*copy, "only the copy");
  Append(*original, "only the original");
  SyncNow(*copy);
  SyncNow(*original);
  CHECK(Bodies(*copy) == Words{"both", "only the copy"});
  CHECK(Bodies(*original) == Words{"both", "in the original's front", "only the original"});
  CHECK(copy->Close().ok());

  // The original dies, and its front is still there for it.
  Append(*original, "last");
  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));
  CHECK(again->report().front_adopted);
  CHECK(Bodies(*again).back() == "last");
}

TEST_CASE("a store and its copy never go on under one incarnation, though both heard the same") {
  FaultFileSystem disk;
  ManualClock clock;
  auto original = OpenLog(SmallLog(disk, clock));
  Append(*original, "both");
  REQUIRE(original->Close().ok());
  disk.MakeDirectory("/copy");
  for (const std::string& file : disk.ListFiles("/store")) {
    disk.WriteFile("/copy/" + file, disk.ReadFile("/store/" + file));
  }
  original = OpenLog(SmallLog(disk, clock));
  Append(*original, "only the original");

  auto other = disk.AnotherProcess();
  StoreOptions options = SmallLog(*other, clock);
  options.directory = "/copy";
  auto copy = OpenLog(options);

  CHECK(copy->incarnation() != original->incarnation());
  // Fronts are named by it: else the copy would have taken the original's away.
  Death death(disk);
  auto again = OpenLog(SmallLog(death.after, clock));
  CHECK(again->report().front_adopted);
  CHECK(Bodies(*again) == Words{"both", "only the original"});
}

TEST_CASE("after a power loss a front that came back in a named directory is not adopted") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.front_directory = "/fronts";
  auto log = OpenLog(options);
  Append(*log, "synced");
  SyncNow(*log);
  Append(*log, "in the front only");

  LossPlan plan = LossPlan::LoseEverything();
  plan.keeps_named_shared_memory = true;
  FaultFileSystem after(disk.PowerLoss(plan));
  disk.Kill();
  options.file_system = &after;
  auto again = OpenLog(options);

  CHECK_FALSE(again->report().front_adopted);
  CHECK(Bodies(*again) == Words{"synced"});
}

TEST_CASE("the front of a store that was closed is gone, and nothing is missed") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  REQUIRE(log->Close().ok());
  log.reset();
  CHECK(disk.ListShared().empty());

  auto again = OpenLog(SmallLog(disk, clock));

  CHECK(again->report().was_clean);
  CHECK_FALSE(again->report().possible_loss);
  CHECK(Bodies(*again) == Words{"one"});
}

TEST_CASE("without room for a shared front a private one serves, and the open says so") {
  FaultFileSystem disk;
  ManualClock clock;
  disk.SetSharedCapacity(0);

  auto log = OpenLog(SmallLog(disk, clock));

  CHECK_FALSE(log->front().is_shared());
  CHECK_FALSE(log->report().notes.empty());
  Append(*log, "one");
  SyncNow(*log);
  CHECK(Bodies(*log) == Words{"one"});
}

}  // namespace
}  // namespace weir::testing
