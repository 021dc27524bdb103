// The superblock's file: which slot is written and which one counts, and what happens when the
// disk fails.

#include "log/superblock_file.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/promise.h"
#include "format/file_names.h"
#include "support/fault_file_system.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr char kPath[] = "/store/superblock";

// A directory with the first superblock of a store.
class Disk {
 public:
  Disk() {
    auto opened = files.OpenDirectory("/store", /*create=*/true);
    REQUIRE(opened.ok());
    directory = *std::move(opened);
    Superblock first;
    first.store.fill(7);
    first.segment_bytes = 4096;
    first.prepared_end = LogPosition(4096);
    auto created = SuperblockFile::Create(*directory, first);
    REQUIRE(created.ok());
    superblock = *std::move(created);
  }

  absl::Status SetDurableEnd(uint64_t end) {
    return superblock->Update([&](Superblock& block) { block.durable_end = LogPosition(end); });
  }

  absl::StatusOr<std::unique_ptr<SuperblockFile>> Load() {
    return SuperblockFile::Load(*directory, OpenMode::kReadWrite);
  }
  Superblock Loaded() {
    const auto loaded = Load();
    INFO(loaded.status());
    REQUIRE(loaded.ok());
    REQUIRE(*loaded != nullptr);
    return (*loaded)->current();
  }
  void Overwrite(const std::string& path, size_t at, absl::string_view bytes) {
    std::string content = files.ReadFile(path);
    content.replace(at, bytes.size(), bytes.data(), bytes.size());
    files.WriteFile(path, content);
  }

  FaultFileSystem files;
  std::unique_ptr<Directory> directory;
  std::unique_ptr<SuperblockFile> superblock;
};

Fault NoSync() {
  return InputOutputError({.kind = OperationKind::kSync, .name_contains = "superblock"});
}

TEST_CASE("a directory without a superblock gives none, and that is no error") {
  FaultFileSystem files;
  auto directory = files.OpenDirectory("/store", /*create=*/true);
  REQUIRE(directory.ok());

  const auto loaded = SuperblockFile::Load(**directory, OpenMode::kRead);

  REQUIRE(loaded.ok());
  CHECK(*loaded == nullptr);
}

TEST_CASE("updates go to the two slots in turn, and leave the other slot alone") {
  Disk disk;
  std::vector<uint64_t> offsets;
  disk.files.SetHook([&](const Operation& operation) {
    if (operation.kind == OperationKind::kWrite) offsets.push_back(operation.offset);
  });
  for (uint64_t i = 1; i <= 4; ++i) REQUIRE(disk.SetDurableEnd(i * 8).ok());
  disk.files.SetHook(nullptr);

  CHECK(offsets == std::vector<uint64_t>{kSuperblockSlotBytes, 0, kSuperblockSlotBytes, 0});
  const std::string before = disk.files.ReadFile(kPath);
  REQUIRE(disk.SetDurableEnd(104).ok());
  const std::string after = disk.files.ReadFile(kPath);
  CHECK(after.substr(0, kSuperblockSlotBytes) == before.substr(0, kSuperblockSlotBytes));
  CHECK(after.substr(kSuperblockSlotBytes) != before.substr(kSuperblockSlotBytes));
  CHECK(disk.Loaded() == disk.superblock->current());
  CHECK(disk.Loaded().durable_end == LogPosition(104));
}

TEST_CASE("an update is on the disk when it returns, and the first superblock is too") {
  Disk disk;
  const auto after_power_loss = [&] {
    FaultFileSystem after(disk.files.PowerLoss(LossPlan::LoseEverything()));
    auto directory = after.OpenDirectory("/store", /*create=*/false);
    REQUIRE(directory.ok());
    auto loaded = SuperblockFile::Load(**directory, OpenMode::kRead);
    REQUIRE(loaded.ok());
    REQUIRE(*loaded != nullptr);
    return (*loaded)->current();
  };

  CHECK(after_power_loss() == disk.superblock->current());
  REQUIRE(disk.SetDurableEnd(64).ok());
  CHECK(after_power_loss() == disk.superblock->current());
}

TEST_CASE("whatever a power loss leaves of an update, the old or the new superblock is whole") {
  Disk disk;
  REQUIRE(disk.SetDurableEnd(8).ok());
  const Superblock old = disk.superblock->current();
  std::vector<CrashImage> moments;
  disk.files.SetHook([&](const Operation& operation) {
    if (operation.kind == OperationKind::kSync) moments.push_back(disk.files.Freeze());
  });
  REQUIRE(disk.SetDurableEnd(16).ok());
  disk.files.SetHook(nullptr);
  REQUIRE(moments.size() == 1);

  int seen_old = 0;
  int seen_new = 0;
  for (const LossPlan& plan : moments[0].LossPlans({.seed = 5})) {
    FaultFileSystem after(moments[0].PowerLoss(plan));
    auto directory = after.OpenDirectory("/store", /*create=*/false);
    REQUIRE(directory.ok());
    const auto loaded = SuperblockFile::Load(**directory, OpenMode::kRead);
    INFO(plan.ToString() << ": " << loaded.status());
    REQUIRE(loaded.ok());
    const Superblock found = (*loaded)->current();
    CHECK((found == old || found == disk.superblock->current()));
    ++(found == old ? seen_old : seen_new);
  }
  CHECK(seen_old > 0);
  CHECK(seen_new > 0);
}

TEST_CASE("a torn slot leaves the older one; without a whole slot the store does not open") {
  Disk disk;
  REQUIRE(disk.SetDurableEnd(8).ok());   // slot 1
  REQUIRE(disk.SetDurableEnd(16).ok());  // slot 0
  disk.Overwrite(kPath, 512, std::string(512, '\xAA'));

  CHECK(disk.Loaded().durable_end == LogPosition(8));
  disk.Overwrite(kPath, kSuperblockSlotBytes + 512, std::string(512, '\xAA'));
  CHECK(absl::IsDataLoss(disk.Load().status()));
}

TEST_CASE("an update after a torn slot goes into the torn slot, never over the last whole one") {
  Disk disk;
  REQUIRE(disk.SetDurableEnd(8).ok());
  REQUIRE(disk.SetDurableEnd(16).ok());
  disk.Overwrite(kPath, 512, std::string(512, '\xAA'));
  const auto loaded = disk.Load();
  REQUIRE(loaded.ok());
  const std::string whole = disk.files.ReadFile(kPath).substr(kSuperblockSlotBytes);

  REQUIRE((*loaded)->Update([](Superblock& block) { block.epoch = 3; }).ok());

  CHECK(disk.files.ReadFile(kPath).substr(kSuperblockSlotBytes) == whole);
  CHECK(disk.Loaded().epoch == 3);
  CHECK(disk.Loaded().durable_end == LogPosition(8));
}

TEST_CASE("the newer of two generations counts, and the file that failed need not go away") {
  Disk disk;
  REQUIRE(disk.SetDurableEnd(8).ok());
  disk.files.Inject(NoSync());
  // The first removal makes room for the new file, the second is that of the file that failed.
  disk.files.Inject(InputOutputError({.kind = OperationKind::kRemove, .nth = 2}));

  REQUIRE(disk.SetDurableEnd(16).ok());
  REQUIRE(disk.files.ListFiles("/store").size() == 2);
  CHECK(disk.Loaded().durable_end == LogPosition(16));
  REQUIRE(disk.SetDurableEnd(24).ok());
  REQUIRE(disk.SetDurableEnd(32).ok());
  CHECK(disk.Loaded().durable_end == LogPosition(32));
  // Whoever loads it goes on in the newest file.
  auto loaded = disk.Load();
  REQUIRE(loaded.ok());
  disk.files.Inject(NoSync());
  REQUIRE((*loaded)->Update([](Superblock& block) { block.epoch = 9; }).ok());
  CHECK(disk.files.FileExists("/store/superblock.2"));
  CHECK(disk.Loaded().epoch == 9);
}

TEST_CASE("who loads a superblock that is written anew meanwhile finds the new file") {
  Disk disk;
  REQUIRE(disk.SetDurableEnd(8).ok());
  const std::unique_ptr<FaultFileSystem> other = disk.files.AnotherProcess();
  const auto directory = other->OpenDirectory("/store", /*create=*/false);
  REQUIRE(directory.ok());
  int left = 2;
  disk.files.SetHook([&](const Operation& operation) {
    if (operation.kind != OperationKind::kOpen || left == 0) return;
    --left;
    disk.files.Inject(NoSync());
    REQUIRE(disk.SetDurableEnd(16).ok());
  });

  const auto loaded = SuperblockFile::Load(**directory, OpenMode::kRead);

  REQUIRE(disk.files.FileExists("/store/superblock.2"));
  INFO(loaded.status());
  REQUIRE(loaded.ok());
  CHECK((*loaded)->current().durable_end == LogPosition(16));
}

TEST_CASE("after a failed sync the superblock survives a power loss, and the old file is left") {
  const auto pages =
      GENERATE(PagesAfterFailure::kKept, PagesAfterFailure::kDropped, PagesAfterFailure::kReverted);
  INFO("pages " << static_cast<int>(pages));
  Disk disk;
  Fault fault = NoSync();
  fault.pages = pages;
  disk.files.Inject(fault);
  REQUIRE(disk.SetDurableEnd(8).ok());
  int touched = 0;
  disk.files.SetHook([&](const Operation& operation) {
    // The new file is still called as it was created.
    if (operation.kind == OperationKind::kSync || operation.kind == OperationKind::kWrite) {
      CHECK(operation.name == "superblock.1.tmp");
      ++touched;
    }
  });
  REQUIRE(disk.SetDurableEnd(16).ok());
  REQUIRE(disk.SetDurableEnd(24).ok());
  disk.files.SetHook(nullptr);
  CHECK(touched == 4);

  FaultFileSystem after(disk.files.PowerLoss(LossPlan::LoseEverything()));
  auto directory = after.OpenDirectory("/store", /*create=*/false);
  REQUIRE(directory.ok());
  const auto loaded = SuperblockFile::Load(**directory, OpenMode::kRead);
  REQUIRE(loaded.ok());
  CHECK((*loaded)->current().durable_end == LogPosition(24));
}

TEST_CASE("if no new file can be made either, nothing has changed, and the next update may work") {
  Disk disk;
  REQUIRE(disk.SetDurableEnd(8).ok());
  const Superblock before = disk.superblock->current();
  disk.files.Inject(NoSync());
  disk.files.Inject(DiskFull({.kind = OperationKind::kAllocate}));

  CHECK(absl::IsResourceExhausted(disk.SetDurableEnd(16)));
  // But for its number: what is written next must beat whatever the failed try has left.
  Superblock after = disk.superblock->current();
  CHECK(after.sequence >= before.sequence);
  after.sequence = before.sequence;
  CHECK(after == before);

  disk.files.ClearFaults();
  REQUIRE(disk.SetDurableEnd(24).ok());
  CHECK(disk.superblock->current().durable_end == LogPosition(24));
  CHECK(disk.Loaded().durable_end == LogPosition(24));
  CHECK(disk.files.ListFiles("/store") == std::vector<std::string>{"superblock.1"});
}

TEST_CASE("an update that failed never comes back, although its file could not be removed") {
  Disk disk;
  disk.files.Inject(NoSync());
  disk.files.Inject(DiskFull({.kind = OperationKind::kAllocate}));
  REQUIRE_FALSE(disk.SetDurableEnd(8).ok());
  disk.files.ClearFaults();
  disk.files.Inject(InputOutputError({.kind = OperationKind::kRemove, .nth = 2}));

  REQUIRE(disk.superblock->Update([](Superblock& block) { block.epoch = 1; }).ok());

  REQUIRE(disk.files.ListFiles("/store").size() == 2);
  CHECK(disk.Loaded() == disk.superblock->current());
  CHECK(disk.Loaded().epoch == 1);
  CHECK(disk.Loaded().durable_end == LogPosition(0));
}

TEST_CASE("a new file whose name could not be made durable is made again by the next update") {
  Disk disk;
  disk.files.Inject(NoSync());
  disk.files.Inject(DiskFull({.kind = OperationKind::kSyncDirectory}));
  REQUIRE(absl::IsResourceExhausted(disk.SetDurableEnd(8)));

  CHECK(disk.SetDurableEnd(16).ok());

  CHECK(disk.Loaded() == disk.superblock->current());
  CHECK(disk.Loaded().durable_end == LogPosition(16));
}

TEST_CASE("a newer format is refused, although an older generation could be read") {
  Disk disk;
  std::string slot = EncodeSuperblock(disk.superblock->current());
  slot[8] = 2;  // the version, behind the magic
  slot.resize(slot.size() - 8);
  const uint64_t magic = Load<uint64_t>(slot.data());
  const uint64_t checksum = Checksum(slot, magic);
  slot.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  disk.files.WriteFile("/store/superblock.1", slot);

  const auto loaded = disk.Load();

  CHECK(absl::IsInvalidArgument(loaded.status()));
  CHECK(loaded.status().message().find("superblock.1") != absl::string_view::npos);
  CHECK(loaded.status().message().find("format 2") != absl::string_view::npos);
}

TEST_CASE("something else under the superblock's name is not taken for a missing superblock") {
  FaultFileSystem files;
  auto directory = files.OpenDirectory("/store", /*create=*/true);
  REQUIRE(directory.ok());
  CHECK(SuperblockFile::CheckNotPlanted(**directory).ok());
  files.PlantSpecialFile(kPath);

  CHECK(absl::IsFailedPrecondition(SuperblockFile::CheckNotPlanted(**directory)));
}

TEST_CASE("a superblock that nobody could read again is not written, and the last one stands") {
  Disk disk;
  REQUIRE(disk.SetDurableEnd(64).ok());
  const std::string before = disk.files.ReadFile(kPath);

  // Behind everything that was prepared; at no border of records; another store's.
  CHECK(absl::IsInternal(disk.SetDurableEnd(8192)));
  CHECK(absl::IsInternal(disk.SetDurableEnd(65)));
  CHECK(absl::IsInternal(disk.superblock->Update([](Superblock& block) { block.store.fill(8); })));
  ForgetBroken();

  CHECK(disk.files.ReadFile(kPath) == before);
  CHECK(disk.superblock->current().durable_end == LogPosition(64));
  CHECK(disk.Loaded() == disk.superblock->current());
  CHECK(disk.SetDurableEnd(128).ok());
}

TEST_CASE("who died inside an update and a power loss inside the next one leave a whole slot") {
  for (const bool loses_pages : {false, true}) {
    Disk disk;
    for (uint64_t i = 1; i <= 3; ++i) REQUIRE(disk.SetDurableEnd(i * 8).ok());
    // His write is in the page cache, and his sync, if he came so far, has failed.
    CrashImage died;
    disk.files.SetHook([&](const Operation& operation) {
      if (operation.kind == OperationKind::kSync) died = disk.files.ProcessDeath();
    });
    REQUIRE(disk.SetDurableEnd(32).ok());
    disk.files.SetHook(nullptr);
    FaultFileSystem files(died);
    if (loses_pages) {
      // The kernel takes the pages for clean from then on.
      files.Inject({.kind = OperationKind::kSync, .pages = PagesAfterFailure::kDropped});
      auto directory = files.OpenDirectory("/store", /*create=*/false);
      REQUIRE(directory.ok());
      auto file = (*directory)->Open("superblock", OpenMode::kReadWrite);
      REQUIRE(file.ok());
      REQUIRE_FALSE((*file)->Sync().ok());
    }

    auto directory = files.OpenDirectory("/store", /*create=*/false);
    REQUIRE(directory.ok());
    auto next = SuperblockFile::Load(**directory, OpenMode::kReadWrite);
    REQUIRE(next.ok());
    CHECK((*next)->current().durable_end == LogPosition(32));
    std::vector<CrashImage> moments;
    files.SetHook([&](const Operation&) { moments.push_back(files.Freeze()); });
    REQUIRE((*next)->Update([](Superblock& block) { block.durable_end = LogPosition(40); }).ok());
    files.SetHook(nullptr);
    for (const CrashImage& moment : moments) {
      for (const LossPlan& plan : moment.LossPlans({.seed = 1, .random_plans = 64})) {
        FaultFileSystem after(moment.PowerLoss(plan));
        auto left = after.OpenDirectory("/store", /*create=*/false);
        REQUIRE(left.ok());
        const auto loaded = SuperblockFile::Load(**left, OpenMode::kRead);
        INFO(plan.ToString() << (loses_pages ? ", the sync failed" : ""));
        REQUIRE(loaded.ok());
        CHECK((*loaded)->current().durable_end >= LogPosition(24));
      }
    }
  }
}

TEST_CASE("a superblock that was given back is neither written nor looked at") {
  Disk disk;
  const std::string before = disk.files.ReadFile(kPath);

  disk.superblock->Release();

  CHECK(absl::IsFailedPrecondition(disk.SetDurableEnd(64)));
  CHECK(absl::IsFailedPrecondition(disk.superblock->Stat().status()));
  CHECK(disk.files.ReadFile(kPath) == before);
}

}  // namespace
}  // namespace weir::testing
