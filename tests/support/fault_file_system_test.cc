// The disk of the tests must itself be right: what it keeps and what it loses is what all other
// tests rest on.

#include "support/fault_file_system.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "support/loss_plan.h"

namespace weir::testing {
namespace {

std::unique_ptr<Directory> OpenStoreDirectory(FaultFileSystem& file_system) {
  auto directory = file_system.OpenDirectory("/store", /*create=*/true);
  REQUIRE(directory.ok());
  return *std::move(directory);
}

std::unique_ptr<File> Create(Directory& directory, absl::string_view name) {
  auto file = directory.Open(name, OpenMode::kCreate);
  REQUIRE(file.ok());
  return *std::move(file);
}

void Write(File& file, uint64_t offset, absl::string_view bytes) {
  REQUIRE(file.Write(offset, {bytes}).ok());
}

std::string ReadAll(File& file) {
  std::string bytes(1 << 16, '\0');
  const auto count = file.Read(0, absl::MakeSpan(bytes.data(), bytes.size()));
  REQUIRE(count.ok());
  bytes.resize(*count);
  return bytes;
}

// A file with `bytes` that survives everything.
std::unique_ptr<File> CreateSynced(Directory& directory, absl::string_view name,
                                   absl::string_view bytes) {
  std::unique_ptr<File> file = Create(directory, name);
  Write(*file, 0, bytes);
  REQUIRE(file->Sync().ok());
  REQUIRE(directory.Sync().ok());
  return file;
}

std::string Repeat(char byte, size_t count) { return std::string(count, byte); }

std::set<std::string> FilesAfter(const CrashImage& image, const std::string& directory) {
  const FaultFileSystem file_system(image);
  const std::vector<std::string> names = file_system.ListFiles(directory);
  return std::set<std::string>(names.begin(), names.end());
}

std::string ContentAfter(const CrashImage& image, const std::string& path) {
  return FaultFileSystem(image).ReadFile(path);
}

// --- Sync

TEST_CASE(
    "what was written and not synced is gone after a power loss, and what was synced is not") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", "old");

  Write(*file, 0, "new");

  CHECK(ReadAll(*file) == "new");
  CHECK(ContentAfter(file_system.ProcessDeath(), "/store/log") == "new");
  CHECK(ContentAfter(file_system.PowerLoss(LossPlan::LoseEverything()), "/store/log") == "old");
  CHECK(ContentAfter(file_system.PowerLoss(LossPlan::KeepEverything()), "/store/log") == "new");
  REQUIRE(file->Sync().ok());
  CHECK(ContentAfter(file_system.PowerLoss(LossPlan::LoseEverything()), "/store/log") == "new");
}

TEST_CASE("each unsynced sector is lost or kept by itself") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", Repeat('a', 1024));

  Write(*file, 0, Repeat('b', 1024));

  const std::string lost_first = ContentAfter(
      file_system.PowerLoss({.sectors = LossPlan::Sectors::kLoseOne, .which = 0}), "/store/log");
  CHECK(lost_first == Repeat('a', 512) + Repeat('b', 512));
  const std::string kept_first = ContentAfter(
      file_system.PowerLoss({.sectors = LossPlan::Sectors::kKeepOne, .which = 0}), "/store/log");
  CHECK(kept_first == Repeat('b', 512) + Repeat('a', 512));
}

TEST_CASE("a sector written twice since the last sync may come back in between") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", Repeat('a', 512));
  Write(*file, 0, Repeat('b', 512));
  Write(*file, 0, Repeat('c', 512));

  std::set<std::string> seen;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    seen.insert(
        ContentAfter(file_system.PowerLoss({.sectors = LossPlan::Sectors::kRandom, .seed = seed}),
                     "/store/log"));
  }

  CHECK(seen == std::set<std::string>{Repeat('a', 512), Repeat('b', 512), Repeat('c', 512)});
}

TEST_CASE("the last write can be torn at every sector") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", Repeat('a', 4096));

  Write(*file, 512, Repeat('b', 2048));

  for (size_t n = 0; n < 4; ++n) {
    const std::string torn = ContentAfter(
        file_system.PowerLoss({.sectors = LossPlan::Sectors::kTear, .which = n}), "/store/log");
    CHECK(torn == Repeat('a', 512) + Repeat('b', 512 * n) + Repeat('a', 4096 - 512 - 512 * n));
  }
}

TEST_CASE(
    "an unsynced size comes back old or new, and its extent as zeros, garbage or stale bytes") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto other = CreateSynced(*directory, "other", Repeat('x', 2048));
  const auto file = CreateSynced(*directory, "log", Repeat('a', 512));

  REQUIRE(file->Allocate(1024).ok());

  CHECK(ReadAll(*file) == Repeat('a', 512) + Repeat('\0', 512));
  CHECK(ContentAfter(file_system.PowerLoss({.sizes = LossPlan::Sizes::kOld}), "/store/log") ==
        Repeat('a', 512));
  CHECK(ContentAfter(file_system.PowerLoss({.sizes = LossPlan::Sizes::kNew}), "/store/log") ==
        Repeat('a', 512) + Repeat('\0', 512));
  CHECK(ContentAfter(file_system.PowerLoss(
                         {.sizes = LossPlan::Sizes::kNew, .extents = LossPlan::Extents::kStale}),
                     "/store/log") == Repeat('a', 512) + Repeat('x', 512));
  const std::string garbage =
      ContentAfter(file_system.PowerLoss(
                       {.sizes = LossPlan::Sizes::kNew, .extents = LossPlan::Extents::kGarbage}),
                   "/store/log");
  CHECK(garbage.substr(0, 512) == Repeat('a', 512));
  CHECK(garbage.substr(512) != Repeat('\0', 512));

  REQUIRE(file->Sync().ok());
  CHECK(ContentAfter(file_system.PowerLoss({.extents = LossPlan::Extents::kGarbage}),
                     "/store/log") == Repeat('a', 512) + Repeat('\0', 512));
}

TEST_CASE("bytes cut off come back if the cut was not synced") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", Repeat('a', 1024));

  REQUIRE(file->Truncate(100).ok());
  REQUIRE(file->Truncate(1024).ok());

  CHECK(ReadAll(*file) == Repeat('a', 100) + Repeat('\0', 924));
  CHECK(ContentAfter(file_system.PowerLoss(LossPlan::LoseEverything()), "/store/log") ==
        Repeat('a', 1024));
  CHECK(ContentAfter(file_system.PowerLoss(LossPlan::KeepEverything()), "/store/log") ==
        Repeat('a', 100) + Repeat('\0', 924));
}

// --- Failed syncs

TEST_CASE("a failed sync that kept its pages can be repeated") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", "old");
  file_system.Inject({.kind = OperationKind::kSync, .pages = PagesAfterFailure::kKept});

  Write(*file, 0, "new");
  CHECK(absl::IsDataLoss(file->Sync()));
  CHECK(file->Sync().ok());

  CHECK(ContentAfter(file_system.PowerLoss(LossPlan::LoseEverything()), "/store/log") == "new");
}

TEST_CASE("dropped pages are seen by readers, and a later sync says OK without writing them") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", Repeat('a', 1024));
  file_system.Inject({.kind = OperationKind::kSync, .pages = PagesAfterFailure::kDropped});

  Write(*file, 0, Repeat('b', 512));
  CHECK(absl::IsDataLoss(file->Sync()));
  Write(*file, 512, Repeat('c', 512));
  CHECK(file->Sync().ok());

  CHECK(ReadAll(*file) == Repeat('b', 512) + Repeat('c', 512));
  for (const LossPlan& plan : {LossPlan::LoseEverything(), LossPlan::KeepEverything()}) {
    CHECK(ContentAfter(file_system.PowerLoss(plan), "/store/log") ==
          Repeat('a', 512) + Repeat('c', 512));
  }
  Write(*file, 0, Repeat('b', 512));
  CHECK(file->Sync().ok());
  CHECK(ContentAfter(file_system.PowerLoss(LossPlan::LoseEverything()), "/store/log") ==
        Repeat('b', 512) + Repeat('c', 512));
}

TEST_CASE("reverted pages show what the disk holds") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", "old");
  file_system.Inject({.kind = OperationKind::kSync, .pages = PagesAfterFailure::kReverted});

  Write(*file, 0, "new");
  CHECK_FALSE(file->Sync().ok());

  CHECK(ReadAll(*file) == "old");
}

// --- Directories

TEST_CASE("a rename without a directory sync may be lost, but the file never is") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  CreateSynced(*directory, "before", "x");

  REQUIRE(directory->Rename("before", "after").ok());

  CHECK(FilesAfter(file_system.ProcessDeath(), "/store") == std::set<std::string>{"after"});
  CHECK(FilesAfter(file_system.PowerLoss({.directory_operations = 0}), "/store") ==
        std::set<std::string>{"before"});
  CHECK(FilesAfter(file_system.PowerLoss({.directory_operations = 1}), "/store") ==
        std::set<std::string>{"after"});
  REQUIRE(directory->Sync().ok());
  CHECK(FilesAfter(file_system.PowerLoss({.directory_operations = 0}), "/store") ==
        std::set<std::string>{"after"});
}

TEST_CASE("a synced file whose directory was not synced may have no name") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = Create(*directory, "log");
  Write(*file, 0, "bytes");
  REQUIRE(file->Sync().ok());

  CHECK(FilesAfter(file_system.PowerLoss(LossPlan::LoseEverything()), "/store").empty());
  CHECK(ContentAfter(file_system.PowerLoss({.directory_operations = 1}), "/store/log") == "bytes");
}

TEST_CASE("what was never created cannot be renamed, in any subset of pending operations") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  Create(*directory, "a");
  REQUIRE(directory->Rename("a", "b").ok());
  Create(*directory, "a");
  REQUIRE(directory->Remove("b").ok());

  std::set<std::set<std::string>> seen;
  for (uint64_t mask = 0; mask < 16; ++mask) {
    seen.insert(FilesAfter(file_system.PowerLoss({.directory_operations = mask}), "/store"));
  }

  CHECK(seen == std::set<std::set<std::string>>{{}, {"a"}, {"b"}, {"a", "b"}});
}

TEST_CASE("a moved file is in the source, in the target or in both, and needs both syncs") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  auto quarantine = directory->Subdirectory("quarantine", /*create=*/true);
  REQUIRE(quarantine.ok());
  CreateSynced(*directory, "log", "x");

  REQUIRE(directory->MoveTo("log", **quarantine, "log.1").ok());

  const auto places = [&file_system](uint64_t mask) {
    const CrashImage image = file_system.PowerLoss({.directory_operations = mask});
    return FilesAfter(image, "/store").size() * 10 + FilesAfter(image, "/store/quarantine").size();
  };
  std::set<size_t> seen;
  for (uint64_t mask = 0; mask < 4; ++mask) seen.insert(places(mask));
  CHECK(seen == std::set<size_t>{10, 11, 1});

  SECTION("the sync of the source alone does not lose it") {
    REQUIRE(directory->Sync().ok());
    CHECK(places(0) == 10);
    REQUIRE((*quarantine)->Sync().ok());
    CHECK(places(0) == 1);
  }
  SECTION("the sync of the target alone leaves it in both") {
    REQUIRE((*quarantine)->Sync().ok());
    CHECK(places(0) == 11);
    REQUIRE(directory->Sync().ok());
    CHECK(places(0) == 1);
  }
}

TEST_CASE("nothing is replaced, and only regular files are opened") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  CreateSynced(*directory, "a", "1");
  CreateSynced(*directory, "b", "2");
  file_system.PlantSpecialFile("/store/fifo");
  file_system.MakeDirectory("/store/inside");

  CHECK(absl::IsAlreadyExists(directory->Rename("a", "b")));
  CHECK(absl::IsAlreadyExists(directory->Open("a", OpenMode::kCreate).status()));
  CHECK(absl::IsNotFound(directory->Open("c", OpenMode::kRead).status()));
  CHECK(absl::IsNotFound(directory->Remove("c")));
  CHECK(absl::IsFailedPrecondition(directory->Open("fifo", OpenMode::kRead).status()));
  CHECK(absl::IsFailedPrecondition(directory->Open("inside", OpenMode::kRead).status()));
  CHECK(absl::IsNotFound(file_system.OpenDirectory("/missing/store", true).status()));
  CHECK(FilesAfter(file_system.ProcessDeath(), "/store") == std::set<std::string>{"a", "b"});
}

TEST_CASE("an unlinked file lives as long as it is open") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  auto file = CreateSynced(*directory, "log", "bytes");

  REQUIRE(directory->Remove("log").ok());
  REQUIRE(directory->Sync().ok());

  CHECK(ReadAll(*file) == "bytes");
  CHECK(file->Stat()->links == 0);
  file_system.WriteFile("/store/other", "x");
  file_system.LinkFile("/store/other", "/store/second");
  CHECK((*directory->Open("other", OpenMode::kRead))->Stat()->links == 2);
}

// --- Faults

TEST_CASE("the n-th call of a kind fails, once or for ever") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = Create(*directory, "log");

  file_system.Inject(DiskFull({.kind = OperationKind::kWrite, .nth = 2}));
  CHECK(file->Write(0, {"1"}).ok());
  CHECK(absl::IsResourceExhausted(file->Write(0, {"2"})));
  CHECK(file->Write(0, {"3"}).ok());

  file_system.Inject(InputOutputError({.name_contains = "log", .times = Fault::kForEver}));
  CHECK(absl::IsDataLoss(file->Write(0, {"4"})));
  CHECK(absl::IsDataLoss(file->Stat().status()));
  CHECK(directory->List().ok());
  CHECK(file_system.failures() == 3);
  file_system.ClearFaults();
  CHECK(file->Stat().ok());
}

TEST_CASE("a failed write leaves as many sectors as it is told") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", Repeat('a', 1536));
  file_system.Inject({.kind = OperationKind::kWrite, .sectors_written = 1});

  CHECK_FALSE(file->Write(512, {Repeat('b', 300), Repeat('b', 724)}).ok());

  CHECK(ReadAll(*file) == Repeat('a', 512) + Repeat('b', 512) + Repeat('a', 512));
}

TEST_CASE("a full disk takes what fits, and takes more when there is more space") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = Create(*directory, "log");
  file_system.SetCapacity(2 * 4096);

  CHECK(file->Allocate(4096).ok());
  CHECK(absl::IsResourceExhausted(file->Allocate(3 * 4096)));
  CHECK(absl::IsResourceExhausted(file->Write(0, {Repeat('a', 3 * 4096)})));
  CHECK(file->Stat()->size == 2 * 4096);
  CHECK(file->Write(0, {Repeat('b', 2 * 4096)}).ok());

  file_system.SetCapacity(3 * 4096);
  CHECK(file->Allocate(3 * 4096).ok());
  CHECK(file_system.used_bytes() == 3 * 4096);
}

TEST_CASE("the hook sees each call before it happens and can end the process there") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", "old");
  std::vector<std::string> calls;
  CrashImage image;
  file_system.SetHook([&](const Operation& operation) {
    calls.push_back(std::string(OperationKindName(operation.kind)));
    if (operation.kind != OperationKind::kWrite) return;
    image = file_system.Freeze().ProcessDeathInWrite(operation, 2);
    file_system.Kill();
  });

  CHECK(file->Stat().ok());
  CHECK(absl::IsUnavailable(file->Write(0, {"n", "e", "w"})));
  CHECK(absl::IsUnavailable(file->Stat().status()));
  CHECK(absl::IsUnavailable(directory->List().status()));

  CHECK(calls == std::vector<std::string>{"stat", "write"});
  CHECK(ContentAfter(file_system.ProcessDeath(), "/store/log") == "old");
  CHECK(ContentAfter(image, "/store/log") == "ned");
}

// --- Processes and shared memory

TEST_CASE("shared memory survives the process and not the power; its ring never wraps") {
  FaultFileSystem file_system;
  auto memory = file_system.CreateShared("", "front", {.header_bytes = 4096, .ring_bytes = 4096});
  REQUIRE(memory.ok());

  (*memory)->header()[5] = 'h';
  std::memcpy((*memory)->ring() + 4092, "wrapping", 8);
  CHECK(std::memcmp((*memory)->ring(), "ping", 4) == 0);

  FaultFileSystem after_kill(file_system.ProcessDeath());
  std::memcpy((*memory)->ring(), "late", 4);
  auto again = after_kill.OpenShared("", "front", 4096, OpenMode::kReadWrite);
  REQUIRE(again.ok());
  CHECK((*again)->header()[5] == 'h');
  CHECK(std::memcmp((*again)->ring() + 4092, "wrapping", 8) == 0);
  CHECK(after_kill.BootId() == file_system.BootId());

  FaultFileSystem after_cut(file_system.PowerLoss(LossPlan::KeepEverything()));
  CHECK(absl::IsNotFound(after_cut.OpenShared("", "front", 4096, OpenMode::kRead).status()));
  CHECK(after_cut.BootId() != file_system.BootId());
  CHECK(after_cut.BootId().size() == 16);
}

TEST_CASE("shared memory lives on without its name; a used name is not given twice") {
  FaultFileSystem file_system;
  auto memory = file_system.CreateShared("/front", "a", {.header_bytes = 4096});
  REQUIRE(memory.ok());
  CHECK((*memory)->is_shared());
  CHECK((*memory)->ring_bytes() == 0);
  CHECK(absl::IsAlreadyExists(
      file_system.CreateShared("/front", "a", {.header_bytes = 4096}).status()));
  CHECK(file_system.CreateShared("", "a", {.header_bytes = 4096}).ok());

  CHECK(*(*memory)->IsLinked());
  REQUIRE(file_system.RemoveShared("/front", "a").ok());
  CHECK_FALSE(*(*memory)->IsLinked());
  (*memory)->header()[0] = 'x';
  CHECK(file_system.ListShared("/front").empty());
  CHECK(absl::IsNotFound(file_system.RemoveShared("/front", "a")));

  file_system.SetSharedCapacity(8192);
  CHECK(absl::IsResourceExhausted(
      file_system.CreateShared("", "b", {.header_bytes = 4096, .ring_bytes = 8192}).status()));
}

TEST_CASE("a lock belongs to one open object and ends with it or with its process") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  auto file = CreateSynced(*directory, "LOCK", "");
  auto second = directory->Open("LOCK", OpenMode::kReadWrite);
  REQUIRE(second.ok());

  CHECK((*second)->ProbeLock().ok());
  CHECK(file->TryLock().ok());
  CHECK(absl::IsUnavailable((*second)->TryLock()));
  CHECK(absl::IsUnavailable((*second)->ProbeLock()));
  file.reset();
  CHECK((*second)->TryLock().ok());

  const auto other = file_system.AnotherProcess();
  CHECK(other->ProcessId() != file_system.ProcessId());
  auto elsewhere = (*other->OpenDirectory("/store", false))->Open("LOCK", OpenMode::kReadWrite);
  REQUIRE(elsewhere.ok());
  CHECK(absl::IsUnavailable((*elsewhere)->TryLock()));
  file_system.Kill();
  CHECK((*elsewhere)->TryLock().ok());
}

TEST_CASE("a dead process no longer writes into the memory that others find") {
  FaultFileSystem file_system;
  auto memory = file_system.CreateShared("", "front", {.header_bytes = 4096, .ring_bytes = 4096});
  REQUIRE(memory.ok());
  (*memory)->ring()[0] = 'a';
  const auto other = file_system.AnotherProcess();

  file_system.Kill();
  (*memory)->ring()[0] = 'z';

  auto found = other->OpenShared("", "front", 4096, OpenMode::kReadWrite);
  REQUIRE(found.ok());
  CHECK((*found)->ring()[0] == 'a');
}

// --- Images

TEST_CASE(
    "images are values: what happens later does not reach them, and their hashes tell them apart") {
  FaultFileSystem file_system(3);
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", Repeat('a', 8192));
  const CrashImage before = file_system.Freeze();
  const ImageHash hash_before = before.Hash();

  Write(*file, 5000, "b");
  const CrashImage after = file_system.Freeze();

  CHECK(before.Hash() == hash_before);
  CHECK(after.Hash() != hash_before);
  CHECK(after.PowerLoss(LossPlan::LoseEverything()).Hash() ==
        before.PowerLoss(LossPlan::LoseEverything()).Hash());
  CHECK(after.PowerLoss(LossPlan::KeepEverything()).Hash() != after.Hash());  // another boot
  Write(*file, 5000, "a");
  CHECK(file_system.Freeze().Hash() == hash_before);
}

TEST_CASE("the plans of a moment are the same for the same seed and reach many distinct states") {
  FaultFileSystem file_system(4);
  const auto directory = OpenStoreDirectory(file_system);
  const auto file = CreateSynced(*directory, "log", Repeat('a', 4096));
  Create(*directory, "next");
  REQUIRE(directory->Rename("next", "other").ok());
  Write(*file, 0, Repeat('b', 4096));
  Write(*file, 1024, Repeat('c', 1024));
  const CrashImage moment = file_system.Freeze();

  std::set<ImageHash> hashes;
  std::vector<std::string> texts;
  for (const LossPlan& plan : moment.LossPlans({.seed = 9})) {
    hashes.insert(moment.PowerLoss(plan).Hash());
    texts.push_back(plan.ToString());
  }

  CHECK(hashes.size() >= 25);
  size_t i = 0;
  for (const LossPlan& plan : moment.LossPlans({.seed = 9})) CHECK(plan.ToString() == texts[i++]);
  CHECK(i == texts.size());
  REQUIRE(file->Sync().ok());
  REQUIRE(directory->Sync().ok());
  CHECK(file_system.Freeze().LossPlans({.seed = 9}).size() == 1);
}

TEST_CASE("random bits come from the seed and differ in each process") {
  FaultFileSystem a(7);
  FaultFileSystem b(7);
  FaultFileSystem c(8);
  const uint64_t first = a.RandomBits();
  CHECK(first == b.RandomBits());
  CHECK(first != c.RandomBits());
  FaultFileSystem later(a.ProcessDeath());
  CHECK(first != later.RandomBits());
  CHECK(first != a.AnotherProcess()->RandomBits());
}

TEST_CASE("threads may use the disk at the same time") {
  FaultFileSystem file_system;
  const auto directory = OpenStoreDirectory(file_system);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&directory, t] {
      auto file = directory->Open(std::to_string(t), OpenMode::kCreate);
      for (uint64_t i = 0; i < 100; ++i) {
        (*file)->Write(i * 100, {"bytes"}).IgnoreError();
        (*file)->Sync().IgnoreError();
        directory->Sync().IgnoreError();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  const CrashImage image = file_system.PowerLoss(LossPlan::LoseEverything());
  for (int t = 0; t < 4; ++t) {
    CHECK(ContentAfter(image, "/store/" + std::to_string(t)).size() == 99 * 100 + 5);
  }
}

}  // namespace
}  // namespace weir::testing
