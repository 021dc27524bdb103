#include "io/posix_file.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "io/child_process.h"
#include "io/scratch_directory.h"

namespace weir::internal {
namespace {

std::unique_ptr<File> CreateFile(const ScratchDirectory& scratch, const std::string& name = "f") {
  auto file = scratch.Open()->Open(name, OpenMode::kCreate);
  if (!file.ok()) throw std::runtime_error(file.status().ToString());
  return *std::move(file);
}

std::string ReadAll(File& file) {
  std::string content(file.Stat()->size, '?');
  return content.substr(0, file.Read(0, absl::MakeSpan(content)).value());
}

// Signals that are blocked for, or wait for, the calling thread.
bool IsBlocked(int signal) {
  sigset_t set;
  pthread_sigmask(SIG_BLOCK, nullptr, &set);
  return sigismember(&set, signal) == 1;
}
bool IsPending(int signal) {
  sigset_t set;
  sigpending(&set);
  return sigismember(&set, signal) == 1;
}

TEST_CASE("what was written in pieces is read back, with a hole as zeros") {
  const ScratchDirectory scratch;
  const auto file = CreateFile(scratch);

  REQUIRE(file->Write(3, {"abc", "", "def"}).ok());
  REQUIRE(file->Sync().ok());

  CHECK(ReadAll(*file) == std::string(3, '\0') + "abcdef");
  std::string tail(10, '?');
  CHECK(file->Read(7, absl::MakeSpan(tail)).value() == 2);
  CHECK(tail.substr(0, 2) == "ef");
  CHECK(file->Read(9, absl::MakeSpan(tail)).value() == 0);
}

TEST_CASE("Allocate makes a file exactly so long, keeps its bytes and takes the space") {
  const ScratchDirectory scratch;
  const auto file = CreateFile(scratch);
  REQUIRE(file->Write(0, {"abcdef"}).ok());

  REQUIRE(file->Allocate(1 << 20).ok());
  CHECK(ReadAll(*file) == "abcdef" + std::string((1 << 20) - 6, '\0'));
  struct stat status;
  REQUIRE(stat(scratch.PathOf("f").c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 >= 1 << 20);

  REQUIRE(file->Allocate(4).ok());
  CHECK(ReadAll(*file) == "abcd");
  REQUIRE(file->Truncate(6).ok());
  CHECK(ReadAll(*file) == std::string("abcd\0\0", 6));
}

TEST_CASE("Stat tells identity, size and links, also of a file that was removed") {
  const ScratchDirectory scratch;
  const auto file = CreateFile(scratch);
  REQUIRE(file->Write(0, {"abc"}).ok());
  const auto again = *scratch.Open()->Open("f", OpenMode::kRead);

  CHECK(file->Stat()->size == 3);
  CHECK(file->Stat()->links == 1);
  CHECK(file->Stat()->inode == again->Stat()->inode);
  CHECK(file->Stat()->device == scratch.Open()->Stat()->device);
  REQUIRE(scratch.Open()->Remove("f").ok());
  CHECK(file->Stat()->links == 0);
  CHECK(file->Write(3, {"def"}).ok());
}

TEST_CASE("two objects for one file exclude each other by their lock") {
  const ScratchDirectory scratch;
  auto first = CreateFile(scratch);
  const auto second = *scratch.Open()->Open("f", OpenMode::kReadWrite);
  REQUIRE(first->TryLock().ok());

  CHECK(second->TryLock().code() == absl::StatusCode::kUnavailable);
  CHECK(second->ProbeLock().code() == absl::StatusCode::kUnavailable);

  first.reset();
  CHECK(second->ProbeLock().ok());
  CHECK(second->TryLock().ok());
}

TEST_CASE("writing through a file for reading is an error") {
  const ScratchDirectory scratch;
  REQUIRE(CreateFile(scratch)->Write(0, {"abc"}).ok());
  const auto file = *scratch.Open()->Open("f", OpenMode::kRead);

  CHECK(!file->Write(0, {"x"}).ok());
  CHECK(!file->Truncate(0).ok());
  CHECK(ReadAll(*file) == "abc");
}

TEST_CASE("a file size limit is kResourceExhausted and no signal, and the mask is as it was") {
  const ScratchDirectory scratch;
  Child([&](Child& child) {
    const rlimit limit{.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    const auto file = CreateFile(scratch);
    child.Check(setrlimit(RLIMIT_FSIZE, &limit) == 0, "the limit is set");
    const auto is_exhausted = [](const absl::Status& status) {
      return status.code() == absl::StatusCode::kResourceExhausted;
    };

    child.Check(file->Write(0, {std::string(1000, 'x')}).ok(), "up to the limit is fine");
    child.Check(is_exhausted(file->Write(1000, {"x"})), "a write behind the limit");
    child.Check(is_exhausted(file->Write(900, {std::string(200, 'x')})), "a write across it");
    child.Check(is_exhausted(file->Allocate(5000)), "an allocation");
    child.Check(is_exhausted(file->Truncate(5000)), "an extension");
    child.Check(!IsPending(SIGXFSZ) && !IsBlocked(SIGXFSZ), "nothing is left of the signal");

    // A host that blocks the signal itself finds it blocked.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    child.Check(is_exhausted(file->Write(1000, {"x"})), "a write with the signal blocked");
    child.Check(IsBlocked(SIGXFSZ), "it stays blocked");

    const rlimit no_limit{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    child.Check(setrlimit(RLIMIT_FSIZE, &no_limit) == 0, "the limit is lifted");
    child.Check(file->Write(1000, {"x"}).ok(), "space cures it");
  }).RequireSuccess("");
}

TEST_CASE("a full file system is kResourceExhausted, and what was there stays readable",
          "[privileged]") {
  const ScratchDirectory scratch;
  Child([&](Child& child) {
    // In a name space of the child's own, so that nobody else sees the mount.
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, "size=64k,mode=700") != 0) {
      child.Skip();
    }
    const auto file = CreateFile(scratch);
    child.Check(file->Allocate(32 << 10).ok(), "half of the space");
    child.Check(file->Write(0, {"content"}).ok(), "a write into it");

    child.Check(file->Allocate(1 << 20).code() == absl::StatusCode::kResourceExhausted,
                "more than there is");
    const auto other = CreateFile(scratch, "other");
    absl::Status status;
    for (uint64_t i = 0; status.ok() && i < 64; ++i) {
      status = other->Write(i * 4096, {std::string(4096, 'x')});
    }
    child.Check(status.code() == absl::StatusCode::kResourceExhausted, "a write when it is full");
    child.Check(file->Write(0, {"CONTENT"}).ok(), "reserved space can still be written");
    child.Check(ReadAll(*file).starts_with("CONTENT"), "and read");

    child.Check(other->Truncate(0).ok(), "space is given back");
    child.Check(other->Write(0, {"x"}).ok(), "space cures it");
  }).RequireSuccess("root, for a tmpfs of 64 KiB");
}

}  // namespace
}  // namespace weir::internal
