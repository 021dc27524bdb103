#include "io/posix_file_system.h"

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <string>

#include "io/child_process.h"
#include "io/scratch_directory.h"

namespace weir::internal {
namespace {

using absl::StatusCode;

TEST_CASE("shared memory is made, found and removed by name in the default place") {
  FileSystem& fs = *FileSystem::Posix();
  const std::string name = "weir-test-" + std::to_string(fs.RandomBits());
  auto memory = fs.CreateShared("", name, {.header_bytes = 4096, .ring_bytes = 4096});
  REQUIRE(memory.ok());
  CHECK(std::filesystem::exists("/dev/shm/" + name));
  (*memory)->ring()[1] = 'x';

  const auto again = fs.OpenShared("", name, 4096, OpenMode::kRead);
  REQUIRE(again.ok());
  CHECK((*again)->ring()[4097] == 'x');
  CHECK(fs.RemoveShared("", name).ok());
  CHECK(fs.RemoveShared("", name).code() == StatusCode::kNotFound);
  CHECK(fs.OpenShared("", name, 4096, OpenMode::kRead).status().code() == StatusCode::kNotFound);
  CHECK(!(*memory)->IsLinked().value());
}

TEST_CASE("shared memory is made in the directory that is asked for") {
  const ScratchDirectory scratch;
  FileSystem& fs = *FileSystem::Posix();

  REQUIRE(fs.CreateShared(scratch.path(), "front", {4096, 4096}).ok());

  CHECK(std::filesystem::file_size(scratch.PathOf("front")) == 8192);
  CHECK(fs.OpenShared(scratch.path(), "front", 4096, OpenMode::kReadWrite).ok());
  CHECK(fs.CreateShared(scratch.PathOf("missing"), "front", {4096, 4096}).status().code() ==
        StatusCode::kNotFound);
  CHECK(fs.CreateShared(scratch.path(), "../front", {4096, 4096}).status().code() ==
        StatusCode::kFailedPrecondition);
  CHECK(fs.RemoveShared(scratch.path(), "front").ok());
}

TEST_CASE("a directory is opened, and made if that is asked for") {
  const ScratchDirectory scratch;
  FileSystem& fs = *FileSystem::Posix();

  CHECK(fs.OpenDirectory(scratch.PathOf("store"), false).status().code() == StatusCode::kNotFound);
  CHECK(fs.OpenDirectory(scratch.PathOf("store"), true).ok());
  CHECK(fs.OpenDirectory(scratch.PathOf("store"), false).ok());
}

TEST_CASE("shared memory is not trusted in a process name space of its own, and the text says why",
          "[privileged]") {
  Child([&](Child& child) {
    if (unshare(CLONE_NEWPID) != 0) child.Skip();
    Child inner([](Child& check) {
      const absl::Status status = FileSystem::Posix()->SharedMemoryOutlivesProcess();
      check.Check(status.code() == StatusCode::kFailedPrecondition, "refused");
      check.Check(std::string(status.message()).find("ns/pid") != std::string::npos, "and why");
    });
    child.Check(inner.Wait() == 0, "what the inner process found");
  }).RequireSuccess("root, for a name space");
}

TEST_CASE("shared memory is not trusted in an IPC name space of its own", "[privileged]") {
  Child([&](Child& child) {
    if (unshare(CLONE_NEWIPC) != 0) child.Skip();
    child.Check(FileSystem::Posix()->SharedMemoryOutlivesProcess().code() ==
                    StatusCode::kFailedPrecondition,
                "refused");
  }).RequireSuccess("root, for a name space");
}

TEST_CASE("the boot id is the kernel's, as 16 bytes, and always the same") {
  const std::string id = FileSystem::Posix()->BootId();

  REQUIRE(id.size() == 16);
  CHECK(id != std::string(16, '\0'));
  CHECK(id == FileSystem::Posix()->BootId());
}

TEST_CASE("random bits do not repeat, not even where the kernel's are forbidden") {
  const auto count_distinct = [] {
    std::set<uint64_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(FileSystem::Posix()->RandomBits());
    return seen.size();
  };
  CHECK(count_distinct() == 1000);
  Child([&](Child& child) {
    if (!DenySystemCalls({{SYS_getrandom, ENOSYS}})) child.Skip();
    child.Check(count_distinct() == 1000, "a thousand different numbers");
  }).RequireSuccess("system call filters");
}

TEST_CASE("the process id is that of the process that asks") {
  CHECK(FileSystem::Posix()->ProcessId() == static_cast<uint64_t>(getpid()));
  const uint64_t parent = FileSystem::Posix()->ProcessId();
  Child([&](Child& child) {
    child.Check(FileSystem::Posix()->ProcessId() != parent, "the child's own");
  }).RequireSuccess("");
}

}  // namespace
}  // namespace weir::internal
