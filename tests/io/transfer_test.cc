// The system calls of this program are our own: they pass on to the kernel what a test lets them,
// so that every call can be short, interrupted or refused.

#include "io/transfer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <numeric>
#include <string>
#include <vector>

#include "io/file_descriptor.h"
#include "io/posix_file.h"
#include "io/scratch_directory.h"

namespace {

struct Kernel {
  size_t bytes_max = SIZE_MAX;  // of one transfer
  int interrupts = 0;           // this many calls fail with EINTR before one is let through
  bool writes_nothing = false;  // pwritev returns 0
  int sync_error = 0;
  int allocation_error = 0;
  int calls = 0;       // of every kind
  int pieces_max = 0;  // seen in one call

  int left_to_interrupt = 0;
  bool Interrupts() {
    ++calls;
    if (left_to_interrupt-- > 0) return true;
    left_to_interrupt = interrupts;
    return false;
  }
};
Kernel kernel;

int Fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

ssize_t pread(int fd, void* to, size_t count, off_t offset) {
  if (kernel.Interrupts()) return Fail(EINTR);
  return syscall(SYS_pread64, fd, to, std::min(count, kernel.bytes_max), offset);
}

ssize_t pwritev(int fd, const iovec* vectors, int count, off_t offset) {
  if (kernel.Interrupts()) return Fail(EINTR);
  if (kernel.writes_nothing) return 0;
  kernel.pieces_max = std::max(kernel.pieces_max, count);
  ssize_t written = 0;
  for (int i = 0; i < count && static_cast<size_t>(written) < kernel.bytes_max; ++i) {
    const size_t bytes =
        std::min(vectors[i].iov_len, kernel.bytes_max - static_cast<size_t>(written));
    const ssize_t result = syscall(SYS_pwrite64, fd, vectors[i].iov_base, bytes, offset + written);
    if (result < 0) return result;
    written += result;
  }
  return written;
}

int fdatasync(int fd) {
  ++kernel.calls;
  if (kernel.sync_error != 0) return Fail(kernel.sync_error);
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  if (kernel.Interrupts()) return Fail(EINTR);
  if (kernel.allocation_error != 0) return Fail(kernel.allocation_error);
  return static_cast<int>(syscall(SYS_fallocate, fd, mode, offset, size));
}

}  // extern "C"

namespace weir::internal {
namespace {

// A file of a scratch directory with a kernel that does as it is told.
class Fixture {
 public:
  Fixture() : fd_(open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    kernel = Kernel();
  }
  ~Fixture() { kernel = Kernel(); }

  int fd() const { return fd_.get(); }
  std::string Content() const {
    struct stat status;
    fstat(fd(), &status);
    std::string content(static_cast<size_t>(status.st_size), '?');
    kernel = Kernel();
    const auto size = ReadFully(fd(), path_, 0, absl::MakeSpan(content));
    return size.ok() ? content.substr(0, *size) : size.status().ToString();
  }

  const ScratchDirectory scratch_;
  const std::string path_ = scratch_.PathOf("file");

 private:
  const FileDescriptor fd_;
};

std::string Pattern(size_t bytes) {
  std::string pattern(bytes, '\0');
  std::iota(pattern.begin(), pattern.end(), '\0');
  return pattern;
}

TEST_CASE("a write is complete though the kernel takes only a few bytes at a time") {
  const std::string bytes = Pattern(1000);
  for (const size_t bytes_max : {1u, 2u, 7u, 299u, 300u, 301u, 999u}) {
    Fixture fixture;
    kernel.bytes_max = bytes_max;
    kernel.interrupts = 2;

    const absl::string_view all = bytes;
    const std::vector<absl::string_view> pieces = {
        "", all.substr(0, 300), "", "", all.substr(300, 1), all.substr(301), ""};
    REQUIRE(WriteFully(fixture.fd(), fixture.path_, 5, pieces).ok());

    CHECK(fixture.Content() == std::string(5, '\0') + bytes);
  }
}

TEST_CASE("a write of more pieces than one call takes is complete") {
  Fixture fixture;
  const std::string bytes = Pattern(5000);
  std::vector<absl::string_view> pieces;
  for (size_t i = 0; i < bytes.size(); ++i) {
    pieces.push_back(absl::string_view(bytes).substr(i, 1));
    pieces.push_back("");
  }

  REQUIRE(WriteFully(fixture.fd(), fixture.path_, 0, pieces).ok());

  CHECK(kernel.pieces_max <= IOV_MAX);
  CHECK(fixture.Content() == bytes);
}

TEST_CASE("a write of nothing makes no call") {
  Fixture fixture;

  CHECK(WriteFully(fixture.fd(), fixture.path_, 0, {}).ok());
  CHECK(WriteFully(fixture.fd(), fixture.path_, 0, {"", ""}).ok());

  CHECK(kernel.calls == 0);
}

TEST_CASE("a write that makes no progress is an error and no endless loop") {
  Fixture fixture;
  kernel.writes_nothing = true;

  CHECK(WriteFully(fixture.fd(), fixture.path_, 0, {"bytes"}).code() ==
        absl::StatusCode::kDataLoss);
  CHECK(kernel.calls == 1);
}

TEST_CASE("a read is complete though the kernel gives only a few bytes at a time") {
  Fixture fixture;
  const std::string bytes = Pattern(1000);
  REQUIRE(WriteFully(fixture.fd(), fixture.path_, 0, {bytes}).ok());
  kernel.bytes_max = 3;
  kernel.interrupts = 1;

  std::string out(500, '?');
  const auto inside = ReadFully(fixture.fd(), fixture.path_, 100, absl::MakeSpan(out));
  REQUIRE(inside.ok());
  CHECK(*inside == 500);
  CHECK(out == bytes.substr(100, 500));

  const auto at_end = ReadFully(fixture.fd(), fixture.path_, 990, absl::MakeSpan(out));
  REQUIRE(at_end.ok());
  CHECK(*at_end == 10);
  CHECK(out.substr(0, 10) == bytes.substr(990));

  const auto behind = ReadFully(fixture.fd(), fixture.path_, 5000, absl::MakeSpan(out));
  REQUIRE(behind.ok());
  CHECK(*behind == 0);
}

TEST_CASE("a failed sync is reported and never tried again, interrupted ones included") {
  for (const int error : {EIO, ENOSPC, EINTR}) {
    Fixture fixture;
    PosixFile file(FileDescriptor(dup(fixture.fd())), fixture.path_);
    kernel.sync_error = error;

    CHECK(!file.Sync().ok());
    CHECK(kernel.calls == 1);
  }
}

TEST_CASE("space is taken though every call is interrupted at first") {
  Fixture fixture;
  kernel.interrupts = 3;

  REQUIRE(AllocateSpace(fixture.fd(), fixture.path_, 9'000'000).ok());

  struct stat status;
  REQUIRE(fstat(fixture.fd(), &status) == 0);
  CHECK(status.st_size == 9'000'000);
  CHECK(status.st_blocks * 512 >= 9'000'000);
}

TEST_CASE("where space cannot be reserved zeros are written behind the end, and only there") {
  Fixture fixture;
  REQUIRE(WriteFully(fixture.fd(), fixture.path_, 0, {"content"}).ok());
  kernel.allocation_error = EOPNOTSUPP;

  REQUIRE(AllocateSpace(fixture.fd(), fixture.path_, 200'000).ok());

  CHECK(fixture.Content() == "content" + std::string(200'000 - 7, '\0'));
}

TEST_CASE("a refused reservation is an error and writes nothing") {
  Fixture fixture;
  kernel.allocation_error = ENOSPC;

  CHECK(AllocateSpace(fixture.fd(), fixture.path_, 8192).code() ==
        absl::StatusCode::kResourceExhausted);
  CHECK(fixture.Content().empty());
}

}  // namespace
}  // namespace weir::internal
