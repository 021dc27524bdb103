// Lines of a file descriptor, of any length, without a copy.

#ifndef WEIR_TOOL_LINE_READER_H_
#define WEIR_TOOL_LINE_READER_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace weir::tool {

class LineReader {
 public:
  explicit LineReader(int descriptor) : descriptor_(descriptor) {}
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // True if Next() can answer from memory; else it reads, and may wait for long.
  bool has_line();

  // Gives the next line without its newline; valid until the next call. A last line needs no
  // newline. False at the end and after an error.
  bool Next(absl::string_view& line);

  // Why reading ended early, or OK.
  const absl::Status& status() const { return status_; }

 private:
  // Reads once more; false at the end.
  bool Fill();

  const int descriptor_;
  std::string buffer_;
  size_t begin_ = 0;     // of the next line
  size_t end_ = 0;       // of what was read
  size_t searched_ = 0;  // no newline below
  bool is_newline_at_searched_ = false;
  bool is_at_end_ = false;
  absl::Status status_;
};

}  // namespace weir::tool

#endif  // WEIR_TOOL_LINE_READER_H_
