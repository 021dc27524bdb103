#include "io/transfer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <ctime>

#include "base/status_macros.h"
#include "io/posix_status.h"

namespace weir::internal {
namespace {

// Pieces for one pwritev. Our batches have one or two; what has more takes a call more.
constexpr size_t kPiecesPerCall = 64;
static_assert(kPiecesPerCall <= IOV_MAX);

// Space is taken in pieces of this size, because tmpfs gives back a whole reservation that a signal
// interrupts: in one piece a large one would never end under a steady timer.
constexpr uint64_t kAllocationBytes = uint64_t{4} << 20;

constexpr size_t kZeroBytes = size_t{64} << 10;
constexpr std::array<char, kZeroBytes> kZeros{};

// While it lives a file size limit does not kill the process: the kernel sends SIGXFSZ to the
// thread that exceeds the limit, and the default of the signal is death. Asking for the limit first
// would cost as many calls and leave a race.
class FileSizeSignalBlock {
 public:
  FileSizeSignalBlock() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~FileSizeSignalBlock() {
    const int error = errno;
    // If the host blocks it itself, it stays what the host will find: pending.
    if (exceeded_ && sigismember(&before_, SIGXFSZ) == 0) {
      const timespec at_once{};
      while (sigtimedwait(&signal_, nullptr, &at_once) < 0 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }
  FileSizeSignalBlock(const FileSizeSignalBlock&) = delete;
  FileSizeSignalBlock& operator=(const FileSizeSignalBlock&) = delete;

  // Runs `call` until it is not interrupted, and remembers whether the limit was met.
  template <typename Call>
  auto Run(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    if (result < 0 && errno == EFBIG) exceeded_ = true;
    return result;
  }

 private:
  sigset_t signal_;
  sigset_t before_;
  bool exceeded_ = false;
};

// What is left of the pieces while they are written.
class PieceCursor {
 public:
  explicit PieceCursor(absl::Span<const absl::string_view> pieces) : pieces_(pieces) {
    SkipEmpty();
  }

  bool at_end() const { return index_ == pieces_.size(); }

  // The next pieces, as many as one call takes.
  int Fill(std::array<iovec, kPiecesPerCall>& vectors) const {
    size_t count = 0;
    size_t done = done_;
    for (size_t i = index_; i < pieces_.size() && count < kPiecesPerCall; ++i) {
      const absl::string_view left = pieces_[i].substr(done);
      done = 0;
      if (left.empty()) continue;
      vectors[count++] = {const_cast<char*>(left.data()), left.size()};
    }
    return static_cast<int>(count);
  }

  void Advance(size_t bytes) {
    while (bytes > 0) {
      const size_t step = std::min(bytes, pieces_[index_].size() - done_);
      bytes -= step;
      done_ += step;
      SkipEmpty();
    }
  }

 private:
  void SkipEmpty() {
    while (index_ < pieces_.size() && done_ == pieces_[index_].size()) {
      ++index_;
      done_ = 0;
    }
  }

  absl::Span<const absl::string_view> pieces_;
  size_t index_ = 0;  // the piece, and how much of it is
  size_t done_ = 0;   // written
};

absl::Status WriteZeros(int fd, const std::string& path, uint64_t offset, uint64_t end) {
  while (offset < end) {
    const size_t count = static_cast<size_t>(std::min<uint64_t>(end - offset, kZeroBytes));
    const absl::string_view zeros(kZeros.data(), count);
    RETURN_IF_ERROR(WriteFully(fd, path, offset, {zeros}));
    offset += count;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<size_t> ReadFully(int fd, const std::string& path, uint64_t offset,
                                 absl::Span<char> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t count =
        pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return PosixStatus(path, "pread", errno);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

absl::Status WriteFully(int fd, const std::string& path, uint64_t offset,
                        absl::Span<const absl::string_view> pieces) {
  FileSizeSignalBlock block;
  PieceCursor cursor(pieces);
  std::array<iovec, kPiecesPerCall> vectors;
  while (!cursor.at_end()) {
    const int count = cursor.Fill(vectors);
    const ssize_t written =
        block.Run([&] { return pwritev(fd, vectors.data(), count, static_cast<off_t>(offset)); });
    if (written < 0) return PosixStatus(path, "pwritev", errno);
    // Nothing written and no reason given: going on could go on for ever.
    if (written == 0) return PosixStatus(path, "pwritev of nothing", EIO);
    offset += static_cast<uint64_t>(written);
    cursor.Advance(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status AllocateSpace(int fd, const std::string& path, uint64_t size) {
  FileSizeSignalBlock block;
  for (uint64_t begin = 0; begin < size; begin += kAllocationBytes) {
    const auto count = static_cast<off_t>(std::min(kAllocationBytes, size - begin));
    if (block.Run([&] { return fallocate(fd, 0, static_cast<off_t>(begin), count); }) == 0)
      continue;
    if (errno != EOPNOTSUPP) return PosixStatus(path, "fallocate", errno);
    struct stat status;
    if (fstat(fd, &status) != 0) return PosixStatus(path, "fstat", errno);
    return WriteZeros(fd, path, static_cast<uint64_t>(status.st_size), size);
  }
  return absl::OkStatus();
}

absl::Status TruncateTo(int fd, const std::string& path, uint64_t size) {
  FileSizeSignalBlock block;
  if (block.Run([&] { return ftruncate(fd, static_cast<off_t>(size)); }) == 0) {
    return absl::OkStatus();
  }
  return PosixStatus(path, "ftruncate", errno);
}

}  // namespace weir::internal
