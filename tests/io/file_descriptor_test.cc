#include "io/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <utility>

namespace weir::internal {
namespace {

int OpenSomething() {
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  return fd;
}

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) != -1; }

TEST_CASE("a descriptor is closed with its owner, and not before") {
  const int fd = OpenSomething();
  {
    const FileDescriptor owner(fd);
    CHECK(owner.is_open());
    CHECK(owner.get() == fd);
    CHECK(IsOpen(fd));
  }
  CHECK_FALSE(IsOpen(fd));
}

TEST_CASE("a descriptor that moved on is closed once, by its last owner") {
  const int fd = OpenSomething();
  {
    FileDescriptor last;
    {
      FileDescriptor first(fd);
      FileDescriptor second(std::move(first));
      CHECK_FALSE(first.is_open());  // NOLINT(bugprone-use-after-move)
      CHECK(second.get() == fd);
      last = std::move(second);
    }
    CHECK(IsOpen(fd));
    CHECK(last.get() == fd);
  }
  CHECK_FALSE(IsOpen(fd));
}

TEST_CASE("what an owner held before another one was moved into it is closed too") {
  const int old_fd = OpenSomething();
  const int new_fd = OpenSomething();
  {
    FileDescriptor owner(old_fd);
    owner = FileDescriptor(new_fd);
    CHECK(owner.get() == new_fd);
    CHECK_FALSE(IsOpen(old_fd));
    CHECK(IsOpen(new_fd));
  }
  CHECK_FALSE(IsOpen(new_fd));
}

TEST_CASE("an owner that is moved into itself keeps its descriptor") {
  const int fd = OpenSomething();
  FileDescriptor owner(fd);
  FileDescriptor& same = owner;
  owner = std::move(same);
  CHECK(owner.get() == fd);
  CHECK(IsOpen(fd));
}

TEST_CASE("a released descriptor is somebody else's to close") {
  const int fd = OpenSomething();
  {
    FileDescriptor owner(fd);
    CHECK(owner.Release() == fd);
    CHECK_FALSE(owner.is_open());
    CHECK(owner.Release() == -1);
  }
  CHECK(IsOpen(fd));
  CHECK(close(fd) == 0);
}

TEST_CASE("an owner of nothing closes nothing, zero is a descriptor like any other") {
  const bool was_open = IsOpen(0);
  {
    const FileDescriptor nothing;
    CHECK_FALSE(nothing.is_open());
  }
  CHECK(IsOpen(0) == was_open);

  FileDescriptor zero(0);
  CHECK(zero.is_open());
  zero.Release();
}

}  // namespace
}  // namespace weir::internal
