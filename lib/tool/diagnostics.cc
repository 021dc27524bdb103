#include "tool/diagnostics.h"

#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"

namespace weir::tool {
namespace {

// One call, one line: messages of several processes on one terminal do not mix.
void Print(const std::string& line) { std::fwrite(line.data(), 1, line.size(), stderr); }

std::string Name(absl::string_view command) {
  return command.empty() ? "weir" : absl::StrCat("weir ", command);
}

}  // namespace

void Note(absl::string_view command, absl::string_view text) {
  Print(absl::StrCat(Name(command), ": ", text, "\n"));
}

int Failed(absl::string_view command, absl::string_view text) {
  Note(command, text);
  return kFailure;
}

int Failed(absl::string_view command, const absl::Status& status) {
  return Failed(command,
                status.message().empty() ? absl::string_view(status.ToString()) : status.message());
}

int Misused(absl::string_view command, absl::string_view text) {
  Print(absl::StrCat(Name(command), ": ", text, "\nTry `", Name(command), " --help`.\n"));
  return kMisuse;
}

}  // namespace weir::tool
