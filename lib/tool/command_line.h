// The command line: a command, the store's directory, and flags.
//
// The values of flags are Abseil's, but the walk over the arguments is ours: each command takes its
// own flags only, and misuse ends with status 2, where Abseil's parser ends every such process
// with 1.

#ifndef WEIR_TOOL_COMMAND_LINE_H_
#define WEIR_TOOL_COMMAND_LINE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace weir::tool {

struct Command {
  absl::string_view name;
  absl::string_view synopsis;            // what stands behind `weir NAME`
  absl::string_view summary;             // one line for the list of commands
  absl::string_view about;               // paragraphs for --help
  std::vector<absl::string_view> flags;  // names of the flags that it takes
  // What --help says of flags that mean less here than elsewhere.
  std::map<absl::string_view, absl::string_view> own_help = {};
  int (*run)(const std::string& directory);
};

struct Arguments {
  std::string directory;
  bool wants_help = false;  // then nothing else was looked at
};

// Sets the flags of `command` from `words`, the arguments behind the command's name. An error is
// misuse and says what is wrong.
absl::StatusOr<Arguments> ParseArguments(const Command& command,
                                         absl::Span<const char* const> words);

// What `weir COMMAND --help` prints.
std::string HelpText(const Command& command);

}  // namespace weir::tool

#endif  // WEIR_TOOL_COMMAND_LINE_H_
