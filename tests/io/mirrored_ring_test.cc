#include "io/mirrored_ring.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "io/child_process.h"
#include "io/scratch_directory.h"

namespace weir::internal {
namespace {

using absl::StatusCode;

constexpr SharedMemorySize kSize{.header_bytes = 4096, .ring_bytes = 65536};

std::unique_ptr<SharedMemory> Value(absl::StatusOr<std::unique_ptr<SharedMemory>> memory) {
  if (!memory.ok()) throw std::runtime_error(memory.status().ToString());
  return *std::move(memory);
}

std::unique_ptr<PosixDirectory> OpenSharedMemory() {
  auto directory = PosixDirectory::OpenPath("/dev/shm", /*create=*/false);
  if (!directory.ok()) throw std::runtime_error(directory.status().ToString());
  return *std::move(directory);
}

// Shared memory that nobody else can meet, and that no death of the test leaves behind.
std::unique_ptr<SharedMemory> CreateUnnamed(PosixDirectory& directory, SharedMemorySize size) {
  const std::string name = "weir-test-" + std::to_string(FileSystem::Posix()->RandomBits());
  auto memory = Value(MirroredRing::CreateShared(directory, name, size));
  REQUIRE(directory.Remove(name).ok());
  return memory;
}

// Writes across the end of the ring and looks for the bytes on both sides.
void CheckMirror(SharedMemory& memory) {
  const size_t ring_bytes = memory.ring_bytes();
  std::memcpy(memory.ring() + ring_bytes - 3, "abcdef", 6);
  CHECK(std::string(memory.ring(), 3) == "def");
  CHECK(std::string(memory.ring() + 2 * ring_bytes - 3, 3) == "abc");
  memory.ring()[0] = 'X';
  CHECK(memory.ring()[ring_bytes] == 'X');
  // The header is not part of it.
  CHECK(memory.header() + memory.header_bytes() == memory.ring());
  for (size_t i = 0; i < memory.header_bytes(); ++i) REQUIRE(memory.header()[i] == 0);
}

// Writes to every page of both mappings and returns how many page faults that took. A sanitizer's
// own memory about the ring would fault too, so it has to look away.
__attribute__((noinline, no_sanitize_address, no_sanitize_thread)) long CountFaults(
    SharedMemory& memory) {
  volatile char* const ring = memory.ring();
  const size_t bytes = 2 * memory.ring_bytes();
  rusage before, after;
  getrusage(RUSAGE_THREAD, &before);
  for (size_t i = 0; i < bytes; i += 4096) ring[i] = 1;
  getrusage(RUSAGE_THREAD, &after);
  return after.ru_minflt - before.ru_minflt;
}

TEST_CASE("a write across the end of the ring appears at its start, shared or private, any size") {
  const auto directory = OpenSharedMemory();
  for (const size_t ring_bytes : {size_t{4096}, size_t{65536}, size_t{2} << 20, size_t{8} << 20}) {
    CAPTURE(ring_bytes);
    const SharedMemorySize size{.header_bytes = 8192, .ring_bytes = ring_bytes};
    const auto shared = CreateUnnamed(*directory, size);
    CHECK(shared->is_shared());
    CHECK(shared->ring_bytes() == ring_bytes);
    CHECK(shared->header_bytes() == 8192);
    CheckMirror(*shared);

    const auto own = Value(MirroredRing::CreatePrivate(size));
    CHECK(!own->is_shared());
    CheckMirror(*own);
  }
}

TEST_CASE("the ring is warm: no store into it takes a page fault") {
  const auto directory = OpenSharedMemory();
  const SharedMemorySize size{.header_bytes = 4096, .ring_bytes = size_t{4} << 20};
  const auto shared = CreateUnnamed(*directory, size);
  const auto own = Value(MirroredRing::CreatePrivate(size));
  for (SharedMemory* memory : {shared.get(), own.get()}) {
    // The stack may take one; the ring has 2,048 pages.
    CHECK(CountFaults(*memory) < 8);
  }
}

TEST_CASE("a second mapping sees what the first wrote, and one for reading cannot write") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  const auto writer = Value(MirroredRing::CreateShared(*directory, "front", kSize));
  const auto reader = Value(MirroredRing::OpenShared(*directory, "front", 4096, OpenMode::kRead));
  const auto other =
      Value(MirroredRing::OpenShared(*directory, "front", 4096, OpenMode::kReadWrite));
  CHECK(reader->ring_bytes() == kSize.ring_bytes);

  std::memcpy(writer->ring() + kSize.ring_bytes - 2, "abcd", 4);
  std::memcpy(writer->header(), "header", 6);

  CHECK(std::string(reader->ring() + kSize.ring_bytes - 2, 4) == "abcd");
  CHECK(std::string(reader->ring(), 2) == "cd");
  CHECK(std::string(other->header(), 6) == "header");
  other->ring()[7] = 'x';
  CHECK(writer->ring()[7] == 'x');
  Child child([&](Child&) {
    // Without the signal handlers of the test program. The ring itself is not inherited.
    signal(SIGSEGV, SIG_DFL);
    const auto mine = Value(MirroredRing::OpenShared(*directory, "front", 4096, OpenMode::kRead));
    *const_cast<volatile char*>(mine->ring()) = 'x';
  });
  CHECK(child.Wait() != 0);
  CHECK(writer->ring()[0] == 'c');
}

TEST_CASE("a header without a ring can be shared") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  const auto page = Value(
      MirroredRing::CreateShared(*directory, "doorbell", {.header_bytes = 4096, .ring_bytes = 0}));
  const auto again =
      Value(MirroredRing::OpenShared(*directory, "doorbell", 4096, OpenMode::kReadWrite));

  page->header()[4095] = 'x';

  CHECK(again->header()[4095] == 'x');
  CHECK(again->ring_bytes() == 0);
}

TEST_CASE("shared memory has a name of its own, 0600, that only its removal ends") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  auto memory = Value(MirroredRing::CreateShared(*directory, "front", kSize));
  struct stat status;
  REQUIRE(stat(scratch.PathOf("front").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(MirroredRing::CreateShared(*directory, "front", kSize).status().code() ==
        StatusCode::kAlreadyExists);
  CHECK(memory->IsLinked().value());
  memory->ring()[5] = 'x';

  memory.reset();
  memory = Value(MirroredRing::OpenShared(*directory, "front", 4096, OpenMode::kReadWrite));
  CHECK(memory->ring()[5] == 'x');

  REQUIRE(directory->Remove("front").ok());
  CHECK(!memory->IsLinked().value());
  CHECK(memory->ring()[5] == 'x');
  CHECK(MirroredRing::OpenShared(*directory, "front", 4096, OpenMode::kRead).status().code() ==
        StatusCode::kNotFound);
}

TEST_CASE("shared memory is locked by one, private memory is nobody else's to lock") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  auto first = Value(MirroredRing::CreateShared(*directory, "front", kSize));
  const auto second =
      Value(MirroredRing::OpenShared(*directory, "front", 4096, OpenMode::kReadWrite));
  const auto reader = Value(MirroredRing::OpenShared(*directory, "front", 4096, OpenMode::kRead));
  REQUIRE(reader->ProbeLock().ok());
  REQUIRE(first->TryLock().ok());

  CHECK(second->TryLock().code() == StatusCode::kUnavailable);
  CHECK(reader->ProbeLock().code() == StatusCode::kUnavailable);
  first.reset();
  CHECK(second->TryLock().ok());

  const auto own = Value(MirroredRing::CreatePrivate(kSize));
  CHECK(own->TryLock().ok());
  CHECK(own->ProbeLock().ok());
  CHECK(own->IsLinked().value());
}

TEST_CASE("what cannot be a mirrored ring is refused and leaves no file") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  for (const SharedMemorySize size :
       {SharedMemorySize{0, 4096}, SharedMemorySize{100, 4096}, SharedMemorySize{4096, 2048},
        SharedMemorySize{4096, 12288}, SharedMemorySize{4096, size_t{1} << 62}}) {
    CHECK(MirroredRing::CreateShared(*directory, "front", size).status().code() ==
          StatusCode::kFailedPrecondition);
    CHECK(MirroredRing::CreatePrivate(size).status().code() == StatusCode::kFailedPrecondition);
  }
  CHECK(directory->List()->empty());

  for (const uint64_t bytes : {0u, 100u, 4095u, 4097u, 4096u + 2048u, 4096u + 12288u}) {
    CAPTURE(bytes);
    REQUIRE((*directory->Open("file", OpenMode::kCreate))->Truncate(bytes).ok());
    CHECK(MirroredRing::OpenShared(*directory, "file", 4096, OpenMode::kRead).status().code() ==
          StatusCode::kFailedPrecondition);
    REQUIRE(directory->Remove("file").ok());
  }
  std::filesystem::create_symlink("file", scratch.PathOf("link"));
  CHECK(MirroredRing::OpenShared(*directory, "link", 4096, OpenMode::kRead).status().code() ==
        StatusCode::kFailedPrecondition);
}

TEST_CASE("a place too small for the ring is kResourceExhausted, without a file or a signal",
          "[privileged]") {
  const ScratchDirectory scratch;
  Child([&](Child& child) {
    // In a name space of the child's own, so that nobody else sees the mount.
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, "size=1m,mode=700") != 0) {
      child.Skip();
    }
    const auto directory = scratch.Open();
    const SharedMemorySize large{.header_bytes = 4096, .ring_bytes = 1 << 20};
    child.Check(MirroredRing::CreateShared(*directory, "front", large).status().code() ==
                    StatusCode::kResourceExhausted,
                "a ring as large as the place");
    child.Check(directory->List()->empty(), "no file stays");
    const SharedMemorySize fitting{.header_bytes = 4096, .ring_bytes = 512 << 10};
    const auto ring = MirroredRing::CreateShared(*directory, "front", fitting);
    child.Check(ring.ok(), "a smaller one fits");
    std::memset((*ring)->ring(), 'x', 2 * fitting.ring_bytes);
  }).RequireSuccess("root, for a tmpfs of 1 MiB");
}

TEST_CASE("a file size limit below the ring is kResourceExhausted and no signal") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  Child([&](Child& child) {
    const rlimit limit{.rlim_cur = 8192, .rlim_max = 8192};
    child.Check(setrlimit(RLIMIT_FSIZE, &limit) == 0, "the limit is set");
    child.Check(MirroredRing::CreateShared(*directory, "front", kSize).status().code() ==
                    StatusCode::kResourceExhausted,
                "shared");
    child.Check(
        MirroredRing::CreatePrivate(kSize).status().code() == StatusCode::kResourceExhausted,
        "private");
    child.Check(directory->List()->empty(), "no file stays");
  }).RequireSuccess("");
}

TEST_CASE("a forked child has no ring, and its end leaves the parent's alone") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  auto memory = Value(MirroredRing::CreateShared(*directory, "front", kSize));
  memory->ring()[0] = 'x';
  Child([&](Child& child) {
    unsigned char resident;
    child.Check(mincore(memory->header(), 4096, &resident) != 0, "nothing is mapped there");
    // The address now belongs to somebody else, who must not lose it.
    void* const mine = mmap(memory->header(), 4096, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    child.Check(mine == memory->header(), "the address is free");
    memory.reset();
    child.Check(mincore(mine, 4096, &resident) == 0, "it stays mapped");
  }).RequireSuccess("");

  CHECK(memory->ring()[0] == 'x');
  CHECK(memory->IsLinked().value());
}

}  // namespace
}  // namespace weir::internal
