// A line on the terminal that says how far a long command is. Silent if standard error is none.

#ifndef WEIR_TOOL_PROGRESS_H_
#define WEIR_TOOL_PROGRESS_H_

#include <chrono>
#include <cstdint>

namespace weir::tool {

class Progress {
 public:
  Progress();
  ~Progress();  // erases the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // May be called as often as one likes; draws a few times a second.
  void Show(uint64_t messages, uint64_t bytes);

 private:
  const bool is_terminal_;
  bool is_drawn_ = false;
  const std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point drawn_at_;
};

}  // namespace weir::tool

#endif  // WEIR_TOOL_PROGRESS_H_
