// Segments made ahead of their use: whole, durable, recycled where that is safe, and after any
// failure made again.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/segments_ahead.h"

namespace weir::testing {
namespace {

TEST_CASE(
    "segments are made up to the end that is wanted, one by one, and no power loss undoes it") {
  const bool zero = GENERATE(false, true);
  Ahead ahead;
  ahead.PrepareAll(3, zero);

  CHECK(ahead.segments.prepared_end() == Ahead::Begin(3));
  CHECK(ahead.segments.prepared_count() == 3);
  CHECK(ahead.segments.entries().size() == 3);
  CHECK(*ahead.Prepare(3, zero) == false);
  CHECK(ahead.Files() == std::vector<std::string>{Ahead::Name(0), Ahead::Name(1), Ahead::Name(2)});
  const CrashImage after = ahead.store.disk.PowerLoss(LossPlan::LoseEverything());
  for (const uint64_t number : {0u, 1u, 2u}) CHECK(IsWhole(after, number));
  CHECK(ScanAll(**ahead.segments.Find(Ahead::Begin(1)), Ahead::Begin(2)) == Words{"invalid"});
}

TEST_CASE("a segment is in the list only when it would survive") {
  Ahead ahead;
  std::vector<uint64_t> listed_too_early;
  ahead.store.disk.SetHook([&](const Operation&) {
    const CrashImage image = ahead.store.disk.PowerLoss(LossPlan::LoseEverything());
    const uint64_t listed = ahead.segments.prepared_end().value() / kSegment;
    for (uint64_t number = 0; number < listed; ++number) {
      if (!IsWhole(image, number)) listed_too_early.push_back(number);
    }
  });
  ahead.PrepareAll(2);
  ahead.PrepareAll(4, /*zero=*/true);
  ahead.store.disk.SetHook(nullptr);

  CHECK(listed_too_early.empty());
}

TEST_CASE("a step writes a bounded piece of zeros") {
  constexpr uint64_t kLarge = uint64_t{4} << 20;
  Ahead ahead(kLarge);
  uint64_t written = 0;
  ahead.store.disk.SetHook([&](const Operation& operation) {
    for (const absl::string_view piece : operation.pieces) written += piece.size();
  });
  for (bool more = true; more;) {
    written = 0;
    const auto prepared = ahead.segments.Prepare(LogPosition(2 * kLarge), kIncarnation, true);
    REQUIRE(prepared.ok());
    more = *prepared;
    CHECK(written <= (uint64_t{1} << 20) + kSegmentHeaderBytes);
  }
  ahead.store.disk.SetHook(nullptr);

  CHECK(ahead.segments.prepared_end() == LogPosition(2 * kLarge));
}

TEST_CASE("whatever call fails, the next try makes the segment and leaves nothing else behind") {
  const bool zero = GENERATE(false, true);
  const bool recycles = GENERATE(false, true);
  bool any_failed = true;
  for (uint64_t nth = 1; any_failed; ++nth) {
    INFO("call " << nth << " fails");
    REQUIRE(nth < 100);
    Ahead ahead;
    SegmentBytes old(0);
    old.Message("old");
    if (recycles) ahead.store.Put(old);
    ahead.Load(1);
    ahead.store.disk.Inject(DiskFull({.nth = nth}));
    absl::Status status;
    for (int tries = 0; tries < 20; ++tries) {
      const auto more = ahead.segments.Prepare(Ahead::Begin(1), kIncarnation, zero);
      if (!more.ok()) status = more.status();
      if (more.ok() && !*more) break;
    }
    any_failed = ahead.store.disk.failures() > 0;
    ahead.store.disk.ClearFaults();

    REQUIRE(ahead.segments.prepared_end() == Ahead::Begin(1));
    CHECK(ahead.Files() == std::vector<std::string>{Ahead::Name(0)});
    CHECK(IsWhole(ahead.store.disk.PowerLoss(LossPlan::LoseEverything()), 0));
    CHECK((status.ok() || absl::IsResourceExhausted(status)));
  }
}

TEST_CASE("a file below the log's begin is used again, and its old records verify nowhere") {
  Ahead ahead;
  for (const uint64_t number : {0u, 1u}) {
    SegmentBytes old(number);
    for (int i = 0; i < 20; ++i) old.Message("old");
    old.Fill();
    ahead.store.Put(old);
  }
  ahead.Load(1);
  const uint64_t inode = ahead.Inode(0);
  ahead.PrepareAll(3);

  CHECK(ahead.segments.recycled_count() == 1);
  CHECK(ahead.Inode(2) == inode);
  CHECK(ahead.Files() == std::vector<std::string>{Ahead::Name(1), Ahead::Name(2)});
  const auto file = ahead.segments.Find(Ahead::Begin(2));
  REQUIRE(file.ok());
  CHECK((*file)->Stat()->size == kSegment);
  SegmentScanner scanner = ScannerOf(**file, Ahead::Begin(3), Groups::kMembers);
  CHECK(ScanAll(scanner) == Words{"invalid"});
}

TEST_CASE("a file that is used again has lost its old name for good before its bytes change") {
  Ahead ahead;
  SegmentBytes old(0);
  old.Message("old");
  old.Fill();
  ahead.store.Put(old);
  ahead.store.Put(SegmentBytes(1));
  ahead.Load(1);
  std::vector<CrashImage> moments;
  ahead.store.disk.SetHook([&](const Operation&) { moments.push_back(ahead.store.disk.Freeze()); });
  ahead.PrepareAll(3);
  ahead.store.disk.SetHook(nullptr);
  REQUIRE(ahead.segments.recycled_count() == 1);

  // All that was written reaches the disk, and no name that is not synced.
  for (const CrashImage& moment : moments) {
    LossPlan plan = LossPlan::KeepEverything();
    plan.directory_operations = 0;
    const FaultFileSystem after(moment.PowerLoss(plan));
    if (!after.FileExists(Ahead::Path(0))) continue;
    CHECK(after.ReadFile(Ahead::Path(0)) == old.bytes());
  }
}

TEST_CASE("a spare that could not be used for once is used later") {
  for (const OperationKind kind : {OperationKind::kOpen, OperationKind::kRename}) {
    Ahead ahead;
    ahead.store.Put(SegmentBytes(0));
    ahead.store.Put(SegmentBytes(1));
    ahead.Load(1);
    ahead.store.disk.Inject(TooManyOpenFiles({.kind = kind}));
    while (ahead.segments.prepared_end() < Ahead::Begin(4)) {
      ahead.Prepare(4).status().IgnoreError();
    }
    CHECK_FALSE(ahead.store.disk.FileExists(Ahead::Path(0)));
  }
}

TEST_CASE("a file that somebody linked keeps its bytes for him") {
  Ahead ahead;
  SegmentBytes old(0);
  old.Message("old");
  ahead.store.Put(old);
  ahead.store.disk.MakeDirectory("/copy");
  ahead.store.disk.LinkFile(Ahead::Path(0), "/copy/kept");
  ahead.store.Put(SegmentBytes(1));
  ahead.Load(1);
  ahead.PrepareAll(3);

  CHECK(ahead.segments.recycled_count() == 0);
  CHECK(ahead.store.disk.ReadFile("/copy/kept") == old.bytes());
  CHECK(ahead.Files() == std::vector<std::string>{Ahead::Name(1), Ahead::Name(2)});
}

TEST_CASE("a dropped file that somebody reads is not used again before he is done") {
  Ahead ahead;
  SegmentBytes old(0);
  old.Message("old");
  ahead.store.Put(old);
  ahead.store.Put(SegmentBytes(1));
  ahead.Load();
  auto read = *ahead.segments.Find(LogPosition(0));
  ahead.segments.DropBelow(Ahead::Begin(1));

  ahead.PrepareAll(3);
  CHECK(ahead.segments.recycled_count() == 0);
  CHECK(ScanAll(*read, old.end()) == Words{"message old"});
  read.reset();
  ahead.PrepareAll(4);
  CHECK(ahead.segments.recycled_count() == 1);
  CHECK_FALSE(ahead.store.disk.FileExists(Ahead::Path(0)));
}

TEST_CASE("a spare of another length becomes exactly as long as a segment") {
  for (const size_t bytes : {size_t{10}, size_t{3 * kSegment}}) {
    Ahead ahead;
    ahead.store.disk.WriteFile("/store/spare", std::string(bytes, 'x'));
    ahead.segments.AddSpare("spare");
    ahead.PrepareAll(1);
    CHECK(ahead.segments.recycled_count() == 1);
    CHECK(ahead.Files() == std::vector<std::string>{Ahead::Name(0)});
    CHECK((*ahead.segments.Find(LogPosition(0)))->Stat()->size == kSegment);
  }
}

TEST_CASE("behind a cut a segment is made whose header names where the log before it ends") {
  Ahead ahead;
  ahead.PrepareAll(1);
  const LogPosition cut(2000);
  REQUIRE(ahead.segments.Create(Ahead::Begin(2), cut, 77, GENERATE(false, true)).ok());
  ahead.segments.SetCut(cut, Ahead::Begin(2));
  CHECK(ahead.segments.EntryAt(cut)->end() == cut);
  CHECK(ahead.segments.GoOn(cut)->begin() == Ahead::Begin(2));
  CHECK(ahead.segments.prepared_end() == Ahead::Begin(3));

  // The next open sees the same.
  FaultFileSystem after(ahead.store.disk.PowerLoss(LossPlan::LoseEverything()));
  const auto directory = after.OpenDirectory("/store", false);
  REQUIRE(directory.ok());
  Segments again(directory->get(), OpenMode::kRead, SampleStore(), kSegment, &ahead.cache);
  std::vector<DamagedRange> missing;
  REQUIRE(again.Load(LogPosition(0), LogPosition(0), &missing).ok());
  CHECK(missing.empty());
  CHECK(again.EntryAt(cut)->end() == cut);
  CHECK((*again.Find(Ahead::Begin(2)))->header().incarnation == 77);
}

TEST_CASE("at the end only the segments up to the log's end stay, and nothing half made") {
  Ahead ahead;
  ahead.store.disk.WriteFile("/store/spare", "x");
  ahead.segments.AddSpare("spare");
  ahead.store.disk.WriteFile("/store/another", "x");
  ahead.segments.AddSpare("another");
  ahead.PrepareAll(4);
  REQUIRE(*ahead.Prepare(5, /*zero=*/true));  // begun

  REQUIRE(ahead.segments.RemovePrepared(Ahead::Begin(1) + 100).ok());
  CHECK(ahead.Files() == std::vector<std::string>{Ahead::Name(0), Ahead::Name(1)});
  CHECK(ahead.segments.prepared_end() == Ahead::Begin(2));
  // One that begins exactly there stays too.
  ahead.PrepareAll(4);
  REQUIRE(ahead.segments.RemovePrepared(Ahead::Begin(2)).ok());
  CHECK(ahead.segments.prepared_end() == Ahead::Begin(3));
}

TEST_CASE("a segment that was begun and is not the next one any more is not finished") {
  Ahead ahead;
  ahead.PrepareAll(2);
  REQUIRE(*ahead.Prepare(3, /*zero=*/true));  // begun
  ahead.segments.TakeFrom(Ahead::Begin(1));

  ahead.PrepareAll(2);
  CHECK(ahead.segments.prepared_end() == Ahead::Begin(2));
  CHECK(ahead.segments.entries().size() == 2);
  CHECK(IsWhole(ahead.store.disk.PowerLoss(LossPlan::LoseEverything()), 1));
}

TEST_CASE("what is taken out of the list is named, and made anew when it is wanted again") {
  Ahead ahead;
  ahead.PrepareAll(4);
  const std::vector<SegmentName> taken = ahead.segments.TakeFrom(Ahead::Begin(2));
  CHECK(taken == std::vector<SegmentName>{{Ahead::Begin(2)}, {Ahead::Begin(3)}});
  CHECK(ahead.segments.prepared_end() == Ahead::Begin(2));
  CHECK(absl::IsNotFound(ahead.segments.Find(Ahead::Begin(3)).status()));

  ahead.PrepareAll(4);
  CHECK(ahead.Files().size() == 4);
  CHECK(ahead.segments.Find(Ahead::Begin(3)).ok());
}

}  // namespace
}  // namespace weir::testing
