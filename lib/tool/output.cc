#include "tool/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace weir::tool {
namespace {

constexpr size_t kFlushBytes = 64 * 1024;  // what a pipe holds

}  // namespace

void Output::Write(absl::string_view lines) {
  if (is_closed()) return;
  buffer_.append(lines.data(), lines.size());
  if (buffer_.size() >= kFlushBytes) Flush();
}

void Output::Flush() {
  absl::string_view rest = buffer_;
  while (!rest.empty() && !is_closed()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd room{descriptor_, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno == EPIPE) {
      is_reader_gone_ = true;
    } else if (errno == EBADF) {
      status_ = absl::FailedPreconditionError("standard output is closed");
    } else if (errno != EINTR) {
      status_ = absl::ErrnoToStatus(errno, "standard output");
    }
  }
  buffer_.clear();
}

void Output::Probe() {
  pollfd reader{descriptor_, 0, 0};
  if (::poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR) != 0) is_reader_gone_ = true;
}

}  // namespace weir::tool
