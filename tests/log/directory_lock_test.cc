#include "log/directory_lock.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "support/fault_file_system.h"
#include "support/temporary_directory.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

std::unique_ptr<Directory> OpenStore(FileSystem& file_system, const std::string& path = "/store") {
  auto directory = file_system.OpenDirectory(path, /*create=*/true);
  REQUIRE(directory.ok());
  return *std::move(directory);
}

std::unique_ptr<DirectoryLock> TakeLock(FileSystem& file_system, Directory& directory) {
  auto lock = DirectoryLock::Take(file_system, directory);
  INFO(lock.status());
  REQUIRE(lock.ok());
  return *std::move(lock);
}

TEST_CASE("a second writer is refused and told which process has the store, until that one ends") {
  FaultFileSystem first;
  first.SetProcessId(4711);
  const auto second = first.AnotherProcess();
  const auto directory = OpenStore(first);
  const auto directory_of_second = OpenStore(*second);
  auto lock = TakeLock(first, *directory);

  const absl::Status refused = DirectoryLock::Take(*second, *directory_of_second).status();
  CHECK(absl::IsUnavailable(refused));
  CHECK(refused.message().find("process 4711") != absl::string_view::npos);
  CHECK(absl::IsUnavailable(DirectoryLock::Take(first, *directory).status()));

  SECTION("it gives the lock back") { lock.reset(); }
  SECTION("it dies") { first.Kill(); }
  CHECK(DirectoryLock::Take(*second, *directory_of_second).ok());
}

TEST_CASE("the next writer's process stands in LOCK, however long the last one's was") {
  FaultFileSystem disk;
  const auto directory = OpenStore(disk);
  disk.SetProcessId(123456789);
  TakeLock(disk, *directory).reset();
  disk.SetProcessId(7);
  const auto lock = TakeLock(disk, *directory);

  CHECK(disk.ReadFile("/store/LOCK") == "7\n");
}

TEST_CASE(
    "who gives the store back takes its process out of LOCK, so it never stands for the next") {
  FaultFileSystem disk;
  disk.SetProcessId(7);
  const auto directory = OpenStore(disk);
  auto lock = TakeLock(disk, *directory);
  CHECK(disk.ReadFile("/store/LOCK") == "7\n");

  SECTION("in the process that took it") {
    lock.reset();
    CHECK(disk.ReadFile("/store/LOCK").empty());
  }
  SECTION("and not in a forked child, which has a copy") {
    disk.SetProcessId(8);
    lock.reset();
    CHECK(disk.ReadFile("/store/LOCK") == "7\n");
  }
}

TEST_CASE("who is refused before the holder wrote its process waits for it") {
  FaultFileSystem disk;
  const auto rival = disk.AnotherProcess();
  const auto directory = OpenStore(disk);
  auto lock = OpenStore(*rival)->Open("LOCK", OpenMode::kCreate);
  REQUIRE(lock.ok());
  REQUIRE((*lock)->TryLock().ok());
  int looks = 0;
  disk.SetHook([&](const Operation& operation) {
    if (operation.kind != OperationKind::kRead || ++looks != 3) return;
    CHECK((*lock)->Write(0, {absl::string_view("99\n")}).ok());
  });

  const absl::Status refused = DirectoryLock::Take(disk, *directory).status();

  disk.SetHook(nullptr);
  CHECK(absl::IsUnavailable(refused));
  CHECK(refused.message().find("process 99") != absl::string_view::npos);
}

TEST_CASE("a lock is taken although nobody can say so in the file") {
  FaultFileSystem disk;
  const auto directory = OpenStore(disk);
  disk.Inject(DiskFull({.kind = OperationKind::kWrite}));
  const auto lock = TakeLock(disk, *directory);

  const absl::Status refused = DirectoryLock::Take(disk, *directory).status();
  CHECK(absl::IsUnavailable(refused));
  CHECK(refused.message().find("process unknown") != absl::string_view::npos);
}

TEST_CASE("whether a writer is there can be asked without a trace") {
  FaultFileSystem disk;
  const auto directory = OpenStore(disk);
  CHECK(*DirectoryLock::IsHeld(*directory) == false);
  CHECK(disk.ListFiles("/store").empty());

  auto lock = TakeLock(disk, *directory);
  CHECK(*DirectoryLock::IsHeld(*directory));
  CHECK(*DirectoryLock::IsHeld(*OpenStore(*disk.AnotherProcess())));
  lock.reset();
  CHECK(*DirectoryLock::IsHeld(*directory) == false);
  // Who asked holds nothing.
  CHECK(DirectoryLock::Take(disk, *directory).ok());

  disk.Inject(InputOutputError({.kind = OperationKind::kLock}));
  CHECK(absl::IsDataLoss(DirectoryLock::IsHeld(*directory).status()));
  disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen}));
  CHECK(absl::IsUnavailable(DirectoryLock::IsHeld(*directory).status()));
}

TEST_CASE("a LOCK that a copy of the store shares is refused, and the refusal holds nothing") {
  FaultFileSystem disk;
  const auto directory = OpenStore(disk);
  TakeLock(disk, *directory).reset();
  disk.MakeDirectory("/copy");
  disk.LinkFile("/store/LOCK", "/copy/LOCK");

  const absl::Status refused = DirectoryLock::Take(disk, *directory).status();
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(refused.message().find("hard link") != absl::string_view::npos);
  disk.RemoveFile("/copy/LOCK");
  const auto lock = TakeLock(disk, *directory);
  CHECK(lock->status().links == 1);
  CHECK(lock->status().inode != 0);
}

TEST_CASE("of two who make LOCK at the same time one gets it, and the other is told so") {
  FaultFileSystem disk;
  const auto rival = disk.AnotherProcess();
  rival->SetProcessId(99);
  const auto directory = OpenStore(disk);
  const auto directory_of_rival = OpenStore(*rival);
  std::unique_ptr<DirectoryLock> rivals;
  // The rival is faster between the look for LOCK and its creation.
  bool is_first = true;
  disk.SetHook([&](const Operation& operation) {
    if (operation.kind != OperationKind::kCreate || !std::exchange(is_first, false)) return;
    auto taken = DirectoryLock::Take(*rival, *directory_of_rival);
    if (taken.ok()) rivals = *std::move(taken);
  });

  const absl::Status refused = DirectoryLock::Take(disk, *directory).status();

  disk.SetHook(nullptr);
  REQUIRE(rivals != nullptr);
  CHECK(absl::IsUnavailable(refused));
  CHECK(refused.message().find("process 99") != absl::string_view::npos);
}

TEST_CASE("on a real disk the same holds between two objects of one process") {
  const TemporaryDirectory temporary;
  FileSystem& posix = *FileSystem::Posix();
  const auto directory = OpenStore(posix, temporary.path());
  auto lock = TakeLock(posix, *directory);

  const absl::Status refused = DirectoryLock::Take(posix, *directory).status();
  CHECK(absl::IsUnavailable(refused));
  CHECK(refused.message().find(std::to_string(posix.ProcessId())) != absl::string_view::npos);
  CHECK(*DirectoryLock::IsHeld(*directory));
  lock.reset();
  CHECK(*DirectoryLock::IsHeld(*directory) == false);
  CHECK(DirectoryLock::Take(posix, *directory).ok());
}

}  // namespace
}  // namespace weir::testing
