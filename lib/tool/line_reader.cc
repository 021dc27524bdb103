#include "tool/line_reader.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::tool {
namespace {

// With --durability=disk, what one read brings shares one sync, so this is generous.
constexpr size_t kReadBytes = size_t{1} << 20;

}  // namespace

bool LineReader::has_line() {
  if (is_newline_at_searched_) return true;
  const void* newline = std::memchr(buffer_.data() + searched_, '\n', end_ - searched_);
  if (newline == nullptr) {
    searched_ = end_;
    return false;
  }
  searched_ = static_cast<size_t>(static_cast<const char*>(newline) - buffer_.data());
  is_newline_at_searched_ = true;
  return true;
}

bool LineReader::Next(absl::string_view& line) {
  while (!has_line()) {
    if (Fill()) continue;
    if (begin_ == end_ || !status_.ok()) return false;
    line = absl::string_view(buffer_.data() + begin_, end_ - begin_);
    begin_ = end_;
    return true;
  }
  line = absl::string_view(buffer_.data() + begin_, searched_ - begin_);
  begin_ = ++searched_;
  is_newline_at_searched_ = false;
  return true;
}

bool LineReader::Fill() {
  if (is_at_end_) return false;
  // Only the beginning of one line is left: move it to the front, and make room behind it.
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  searched_ -= begin_;
  begin_ = 0;
  if (buffer_.size() < end_ + kReadBytes) buffer_.resize(2 * end_ + kReadBytes);

  ssize_t count = 0;
  do {
    count = ::read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EBADF) {
    status_ = absl::FailedPreconditionError("standard input is closed");
  } else if (count < 0) {
    status_ = absl::ErrnoToStatus(errno, "standard input");
  }
  if (count <= 0) {
    is_at_end_ = true;
    return false;
  }
  end_ += static_cast<size_t>(count);
  return true;
}

}  // namespace weir::tool
