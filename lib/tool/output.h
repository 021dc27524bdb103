// Standard output, buffered, with the two ways in which it fails kept apart: nobody reads any more
// (which is the reader's good right), and the rest.

#ifndef WEIR_TOOL_OUTPUT_H_
#define WEIR_TOOL_OUTPUT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace weir::tool {

class Output {
 public:
  explicit Output(int descriptor) : descriptor_(descriptor) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Appends whole lines; they go out when there are many, or at Flush(). After a failure
  // everything is thrown away.
  void Write(absl::string_view lines);
  void Flush();

  // True once it makes no sense to write more.
  bool is_closed() const { return is_reader_gone_ || !status_.ok(); }
  // The failure, if there was one. A reader that went away is none.
  const absl::Status& status() const { return status_; }

  // Finds out whether the reader went away although nothing is to be written now.
  void Probe();

 private:
  const int descriptor_;
  std::string buffer_;
  bool is_reader_gone_ = false;
  absl::Status status_;
};

}  // namespace weir::tool

#endif  // WEIR_TOOL_OUTPUT_H_
