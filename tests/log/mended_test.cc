// Ways to lose, double or invent a message that were once there.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "log/small_log.h"
#include "weir/commit_log.h"

namespace weir::testing {
namespace {

using Log = internal::CommitLog;

// A log whose processes die one after the other.
struct Lives {
  explicit Lives(const char* front_directory = "", uint64_t front_bytes = 16384) {
    options = SmallLog(*disk, clock);
    options.front_bytes = front_bytes;
    options.front_directory = front_directory;
    log = OpenLog(options);
  }
  void Die() {
    auto next = std::make_unique<FaultFileSystem>(disk->ProcessDeath());
    disk->Kill();
    log.reset();
    disk = std::move(next);
    options.file_system = disk.get();
  }
  void WriteAll() {
    while (log->WriteStep() == absl::ZeroDuration()) {
    }
  }

  std::unique_ptr<FaultFileSystem> disk = std::make_unique<FaultFileSystem>();
  ManualClock clock;
  StoreOptions options;
  std::unique_ptr<Log> log;
};

Words MissingFrom(const Words& all, const Words& seen) {
  Words missing;
  std::copy_if(all.begin(), all.end(), std::back_inserter(missing), [&](const std::string& body) {
    return std::find(seen.begin(), seen.end(), body) == seen.end();
  });
  return missing;
}

TEST_CASE("whole members of a torn group are not the log, in no later life") {
  Lives lives("private");
  Append(*lives.log, "first");
  SyncNow(*lives.log);
  const Words bodies = {std::string(400, 'a'), std::string(400, 'b'), std::string(400, 'c')};
  const Reservation group = AppendGroup(*lives.log, bodies);
  lives.log->WriteStep();
  lives.Die();
  // The process died inside the write: the last member is torn.
  Scribble(*lives.disk, group.end() - 448, std::string(448, '\0'));

  lives.log = OpenLog(lives.options);
  Append(*lives.log, "second");
  lives.WriteAll();
  lives.Die();
  lives.log = OpenLog(lives.options);

  CHECK(Bodies(*lives.log) == Words{"first", "second"});
  CHECK(lives.log->report().damage.empty());
}

TEST_CASE("of a torn pair of open records the second life is not read with the wrong seed") {
  Lives lives("private");
  Append(*lives.log, "one");
  lives.WriteAll();
  const LogPosition opens = lives.log->front().written_end();
  lives.Die();
  lives.log = OpenLog(lives.options);
  Append(*lives.log, "two");
  lives.WriteAll();
  lives.Die();
  Scribble(*lives.disk, SecondOpenCopy(opens, kSegment), std::string(256, '\0'));

  lives.log = OpenLog(lives.options);
  Append(*lives.log, "three");
  lives.WriteAll();
  lives.Die();
  lives.log = OpenLog(lives.options);

  CHECK(Bodies(*lives.log) == Words{"one", "three"});
  CHECK(lives.log->report().damage.empty());
  // Nor does who reads the log from its begin meet a third life that the first open record denies.
  CHECK(What(*lives.log) == Words{"message one", "open", "message three"});
}

TEST_CASE("a file that will be written again is not closed, whatever readers open") {
  Lives lives;
  Log& log = *lives.log;
  Words all;
  const auto append = [&] {
    all.push_back(Numbered(all.size(), 900));
    Append(log, all.back());
  };
  for (int i = 0; i < 80 * 3; ++i) {
    append();
    if (i % 3 == 2) SyncNow(log);
    if (i % 3 == 2) log.PrepareStep();
  }
  append();
  SyncNow(log);  // durable, in the middle of a segment
  const LogPosition active = log.segments().BeginOf(log.front().written_end());
  // Producers run ahead of the writer, and a reader opens every old file.
  for (int i = 0; i < 6; ++i) {
    while (log.PrepareStep() == absl::ZeroDuration()) {
    }
    if (i < 5) append();
  }
  for (const SegmentEntry& entry : log.segments().entries()) {
    if (entry.begin() < active) REQUIRE(log.segments().Find(entry.begin()).ok());
  }
  lives.disk->Inject(InputOutputError(
      {.kind = OperationKind::kWrite, .name_contains = SegmentFileName({active})}));
  REQUIRE(log.Flush(kNever).ok());
  REQUIRE(log.counters().replacements == 1);

  FaultFileSystem after(lives.disk->PowerLoss(LossPlan::LoseEverything()));
  lives.options.file_system = &after;
  CHECK(MissingFrom(all, Bodies(*OpenLog(lives.options))).empty());
}

TEST_CASE("an error that passes does not cost the front, and what only it holds") {
  Lives lives;
  Append(*lives.log, "acknowledged");
  lives.Die();
  lives.disk->Inject(TooManyOpenFiles({.kind = OperationKind::kOpenShared}));
  CHECK(absl::IsUnavailable(Log::Open(lives.options).status()));

  CHECK(Bodies(*OpenLog(lives.options)) == Words{"acknowledged"});
}

TEST_CASE("a write error that no replacement cures is told") {
  Lives lives;
  for (int i = 0; i < 4; ++i) lives.log->PrepareStep();
  for (size_t i = 0; i < 5; ++i) Append(*lives.log, Numbered(i, 900));  // in the front only
  lives.Die();
  Scribble(*lives.disk, LogPosition(kSegment), std::string(kSegmentHeaderBytes, '\1'));

  const auto opened = Log::Open(lives.options);
  const bool is_told = !opened.ok() || (*opened)->health().state() != StoreState::kHealthy;
  CHECK(is_told);
}

TEST_CASE("a segment whose header cannot be read is damage, and is kept") {
  Lives lives("private");
  for (size_t i = 0; i < 5; ++i) Append(*lives.log, Numbered(i, 900));
  SyncNow(*lives.log);
  for (size_t i = 5; i < 8; ++i) Append(*lives.log, Numbered(i, 900));
  lives.WriteAll();
  const LogPosition active = lives.log->segments().BeginOf(lives.log->front().written_end());
  lives.Die();
  Scribble(*lives.disk, active, std::string(kSegmentHeaderBytes, '\1'));

  lives.log = OpenLog(lives.options);
  CHECK_FALSE(lives.log->report().damage.empty());
  CHECK(lives.log->health().state() == StoreState::kDegraded);
}

TEST_CASE("a failed file that waits for space keeps its part of the front") {
  Lives lives("", 8192);
  Log& log = *lives.log;
  for (int i = 0; i < 3; ++i) log.PrepareStep();
  Words all;
  const auto try_append = [&] {
    const std::string body = Numbered(all.size(), 700);
    const auto place = TryClaim(log, body.size(), 0);
    if (!place.ok()) return false;
    PublishBody(log, *place, body);
    all.push_back(body);
    return true;
  };
  for (int i = 0; i < 3; ++i) REQUIRE(try_append());
  lives.disk->Inject(
      InputOutputError({.kind = OperationKind::kSync, .pages = PagesAfterFailure::kReverted}));
  lives.disk->Inject(DiskFull({.kind = OperationKind::kCreate, .times = Fault::kForEver}));
  log.RequestSync();
  log.SyncStep();
  for (int i = 0; i < 200 && try_append(); ++i) {
  }
  lives.disk->ClearFaults();
  for (int i = 0; i < 50; ++i) {
    lives.clock.Advance(absl::Seconds(1));
    log.PrepareStep();
    log.WriteStep();
    log.SyncStep();
  }
  CHECK(MissingFrom(all, Bodies(log)).empty());
}

TEST_CASE("Flush does not say OK to what was lost in it") {
  Lives lives("", 8192);
  Log& log = *lives.log;
  for (size_t i = 0; i < 13; ++i) {
    while (log.PrepareStep() == absl::ZeroDuration()) {
    }
    Append(log, Numbered(i, 700));
    log.WriteStep();
  }
  REQUIRE(log.front().front_begin() > log.front().durable_end());
  lives.disk->Inject(InputOutputError({.kind = OperationKind::kSync,
                                       .name_contains = SegmentFileName({LogPosition(0)}),
                                       .pages = PagesAfterFailure::kReverted}));

  CHECK(absl::IsDataLoss(log.Flush(kNever)));
  CHECK(Bodies(log).size() < 13);
}

TEST_CASE("a journal's third life reads its second") {
  FaultFileSystem disk;
  ManualClock clock;
  const StoreOptions options = SmallLog(disk, clock);
  LogPosition second;
  for (const char* const body : {"a", "b", "c"}) {
    auto journal = *weir::CommitLog::Open(options);
    const LogPosition position = journal->Append(body, {})->position;
    if (*body == 'b') second = position;
    if (*body == 'c') {
      const auto read = journal->Read(second, 10);
      REQUIRE(read.ok());
      CHECK(read->damage.empty());
      CHECK(read->entries.size() == 2);
    }
    REQUIRE(journal->Close().ok());
  }
}

TEST_CASE("a listener may call the store that tells it") {
  struct Calling final : StateListener {
    void OnState(StoreState, const std::string&) override {
      ++calls;
      if (journal != nullptr) journal->RunOnce();
    }
    weir::CommitLog* journal = nullptr;
    int calls = 0;
  };
  FaultFileSystem disk;
  ManualClock clock;
  Calling listener;
  StoreOptions options = SmallLog(disk, clock);
  options.state_listener = &listener;
  auto journal = *weir::CommitLog::Open(options);
  REQUIRE(journal->Append("a", {}).ok());
  disk.Inject(DiskFull({.kind = OperationKind::kWrite, .times = Fault::kForEver}));
  listener.journal = journal.get();
  clock.Advance(absl::Seconds(1));
  journal->RunOnce();  // or this never returns

  CHECK(listener.calls >= 1);
  disk.ClearFaults();
}

TEST_CASE("members of a group that was never published do not come to life without its header") {
  const auto word = GENERATE(-12, 12345678);  // somebody's stray write
  Lives lives;
  const Reservation group = ClaimGroup(*lives.log, {"first", "second"});
  Append(*lives.log, "behind");
  StoreWord(group.bytes, word);
  lives.Die();
  lives.log = OpenLog(lives.options);

  CHECK(lives.log->report().front_adopted);
  CHECK(Bodies(*lives.log) == Words{"behind"});
}

}  // namespace
}  // namespace weir::testing
