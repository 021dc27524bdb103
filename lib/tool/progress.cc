#include "tool/progress.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_format.h"

namespace weir::tool {
namespace {

constexpr std::chrono::milliseconds kInterval{200};

}  // namespace

Progress::Progress()
    : is_terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      drawn_at_(start_) {}

Progress::~Progress() {
  if (is_drawn_) absl::FPrintF(stderr, "\r\033[K");
}

void Progress::Show(uint64_t messages, uint64_t bytes) {
  if (!is_terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_at_ < kInterval) return;
  drawn_at_ = now;
  is_drawn_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  absl::FPrintF(stderr, "\r%d messages, %.1f MB, %.0f/s\033[K", messages,
                static_cast<double>(bytes) / 1e6, static_cast<double>(messages) / seconds);
}

}  // namespace weir::tool
