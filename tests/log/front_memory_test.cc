#include "log/front_memory.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "format/front_layout.h"
#include "support/fault_file_system.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr char kName[] = "front";

FrontMemory Create(FaultFileSystem& machine, uint64_t front_bytes,
                   const std::string& directory = "") {
  StoreOptions options;
  options.front_bytes = front_bytes;
  options.front_directory = directory;
  auto created = CreateFrontMemory(options, machine, kName);
  INFO(created.status());
  REQUIRE(created.ok());
  return *std::move(created);
}

// Of full size and usable, and without a trace among the shared memory.
void CheckPrivate(FaultFileSystem& machine, const FrontMemory& front, uint64_t front_bytes) {
  REQUIRE(front.memory != nullptr);
  CHECK_FALSE(front.memory->is_shared());
  CHECK(front.memory->ring_bytes() == front_bytes);
  CHECK(front.memory->header_bytes() == kFrontHeaderBytes);
  CHECK_FALSE(front.why_private.ok());
  CHECK(machine.ListShared().empty());
}

TEST_CASE("a front is shared under its name, locked by us, and others can map it") {
  FaultFileSystem machine;
  const FrontMemory front = Create(machine, 2 * kMiB);

  CHECK(front.memory->is_shared());
  CHECK(front.memory->ring_bytes() == 2 * kMiB);
  CHECK(front.why_private.ok());
  CHECK(machine.ListShared() == std::vector<std::string>{kName});
  front.memory->ring()[7] = 'x';
  const auto other = machine.AnotherProcess();
  const auto mapped = other->OpenShared("", kName, kFrontHeaderBytes, OpenMode::kRead);
  REQUIRE(mapped.ok());
  CHECK((*mapped)->ring()[7] == 'x');
  CHECK(absl::IsUnavailable((*mapped)->ProbeLock()));
}

TEST_CASE("a front of that name that is left over is not gone on with") {
  FaultFileSystem machine;
  FrontMemory left = Create(machine, 2 * kMiB);
  left.memory->ring()[7] = 'x';

  const FrontMemory front = Create(machine, 4 * kMiB);

  CHECK(front.memory->is_shared());
  CHECK(front.memory->ring_bytes() == 4 * kMiB);
  CHECK(front.memory->ring()[7] == '\0');
  CHECK_FALSE(*left.memory->IsLinked());
}

TEST_CASE("where there is little shared memory the front is smaller by halves, down to 1 MiB") {
  for (uint64_t bytes = 32 * kMiB; bytes >= kMiB; bytes /= 2) {
    FaultFileSystem machine;
    machine.SetSharedCapacity(2 * bytes + kFrontHeaderBytes - 1);
    const FrontMemory front = Create(machine, 32 * kMiB);
    CHECK(front.memory->is_shared());
    CHECK(front.memory->ring_bytes() == bytes);
    CHECK(front.why_private.ok());
  }
  FaultFileSystem machine;
  machine.SetSharedCapacity(kMiB + kFrontHeaderBytes - 1);
  const FrontMemory front = Create(machine, 32 * kMiB);
  CheckPrivate(machine, front, 32 * kMiB);
  CHECK(absl::IsResourceExhausted(front.why_private));
}

TEST_CASE("a front that was small from the beginning is made no smaller") {
  FaultFileSystem machine;
  machine.SetSharedCapacity(kFrontHeaderBytes + 16384);
  CHECK(Create(machine, 16384).memory->is_shared());
  machine.SetSharedCapacity(kFrontHeaderBytes + 8192);
  REQUIRE(machine.RemoveShared("", kName).ok());

  CheckPrivate(machine, Create(machine, 16384), 16384);
}

TEST_CASE("a front is private if it was asked for") {
  FaultFileSystem machine;
  const FrontMemory front = Create(machine, kMiB, "private");

  CheckPrivate(machine, front, kMiB);
  CHECK(absl::IsFailedPrecondition(front.why_private));
  CHECK(front.memory->TryLock().ok());
}

TEST_CASE("a front is private where shared memory would not outlive us, unless the host vouches") {
  FaultFileSystem machine;
  const absl::Status why = absl::FailedPreconditionError("a container");
  machine.SetSharedMemoryOutlivesProcess(why);

  const FrontMemory front = Create(machine, kMiB);
  CheckPrivate(machine, front, kMiB);
  CHECK(front.why_private == why);

  const FrontMemory vouched = Create(machine, kMiB, "/volume");
  CHECK(vouched.memory->is_shared());
  CHECK(vouched.directory == "/volume");
  CHECK(vouched.why_private.ok());
  CHECK(machine.ListShared("/volume") == std::vector<std::string>{kName});
}

TEST_CASE("an error that is not about space makes the front private at once, and is kept") {
  FaultFileSystem machine;
  machine.Inject(ReadOnlyFileSystem({.kind = OperationKind::kCreateShared}));
  const FrontMemory front = Create(machine, 4 * kMiB);

  CheckPrivate(machine, front, 4 * kMiB);
  CHECK(absl::IsPermissionDenied(front.why_private));
}

TEST_CASE("if a left-over front cannot be removed, it is left alone") {
  FaultFileSystem machine;
  FrontMemory left = Create(machine, kMiB);
  left.memory->ring()[7] = 'x';
  machine.Inject(ReadOnlyFileSystem({.kind = OperationKind::kRemoveShared}));

  const FrontMemory front = Create(machine, kMiB);

  CHECK_FALSE(front.memory->is_shared());
  CHECK(absl::IsAlreadyExists(front.why_private));
  CHECK(left.memory->ring()[7] == 'x');
  CHECK(*left.memory->IsLinked());
}

TEST_CASE("without any memory there is no front") {
  FaultFileSystem machine;
  machine.Inject(TooManyOpenFiles({.kind = OperationKind::kCreatePrivate}));
  StoreOptions options;
  options.front_directory = "private";
  CHECK(absl::IsUnavailable(CreateFrontMemory(options, machine, kName).status()));

  // A lock that cannot be had is no front either: whoever has it may write there.
  machine.Inject(TooManyOpenFiles({.kind = OperationKind::kLock}));
  options.front_directory = "";
  CHECK(absl::IsUnavailable(CreateFrontMemory(options, machine, kName).status()));
}

}  // namespace
}  // namespace weir::testing
