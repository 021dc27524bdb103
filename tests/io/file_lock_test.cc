#include "io/file_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "io/child_process.h"
#include "io/file_descriptor.h"
#include "io/scratch_directory.h"

namespace weir::internal {
namespace {

FileDescriptor OpenAgain(const std::string& path) {
  return FileDescriptor(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

TEST_CASE("a second lock inside one process is refused until the first descriptor is closed") {
  const ScratchDirectory scratch;
  const std::string path = scratch.PathOf("LOCK");
  FileDescriptor second_fd = OpenAgain(path);
  FileLock second(second_fd.get());
  {
    FileDescriptor first_fd = OpenAgain(path);
    FileLock first(first_fd.get());
    REQUIRE(second.Probe(path).ok());
    REQUIRE(first.TryLock(path).ok());
    CHECK(first.TryLock(path).ok());

    CHECK(second.TryLock(path).code() == absl::StatusCode::kUnavailable);
    CHECK(second.Probe(path).code() == absl::StatusCode::kUnavailable);
    CHECK(first.Probe(path).code() == absl::StatusCode::kUnavailable);

    // A classic lock would be gone now.
    OpenAgain(path);
    CHECK(second.TryLock(path).code() == absl::StatusCode::kUnavailable);
  }
  CHECK(second.Probe(path).ok());
  CHECK(second.TryLock(path).ok());
}

TEST_CASE("a lock is refused to other processes and ends with its process") {
  const ScratchDirectory scratch;
  const std::string path = scratch.PathOf("LOCK");
  int to_child[2];
  int from_child[2];
  REQUIRE(pipe(to_child) == 0);
  REQUIRE(pipe(from_child) == 0);
  char byte = 0;

  Child holder([&](Child& child) {
    close(to_child[1]);
    FileDescriptor fd = OpenAgain(path);
    FileLock lock(fd.get());
    child.Check(lock.TryLock(path).ok(), "the child has the lock");
    child.Check(write(from_child[1], "x", 1) == 1, "the parent is told");
    child.Check(read(to_child[0], &byte, 1) == 0, "the parent is waited for");
    fd.Release();  // the end of the process closes it
  });
  close(from_child[1]);
  FileDescriptor fd = OpenAgain(path);
  FileLock lock(fd.get());
  REQUIRE(read(from_child[0], &byte, 1) == 1);

  CHECK(lock.TryLock(path).code() == absl::StatusCode::kUnavailable);
  CHECK(lock.Probe(path).code() == absl::StatusCode::kUnavailable);

  close(to_child[1]);
  holder.RequireSuccess("");
  CHECK(lock.TryLock(path).ok());
  close(to_child[0]);
  close(from_child[0]);
}

TEST_CASE("a lock can be probed through a descriptor for reading") {
  const ScratchDirectory scratch;
  const std::string path = scratch.PathOf("LOCK");
  FileDescriptor writer_fd = OpenAgain(path);
  FileLock writer(writer_fd.get());
  FileDescriptor reader_fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  FileLock reader(reader_fd.get());

  CHECK(reader.Probe(path).ok());
  REQUIRE(writer.TryLock(path).ok());
  CHECK(reader.Probe(path).code() == absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace weir::internal
