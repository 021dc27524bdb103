// weir: looks at stores and fills them, from the command line.

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "tool/command_line.h"
#include "tool/commands.h"
#include "tool/diagnostics.h"

namespace weir::tool {
namespace {

const Command* const kCommands[] = {&kAppendCommand, &kReadCommand,   &kFindCommand,
                                    &kInfoCommand,   &kVerifyCommand, &kDumpCommand,
                                    &kRepairCommand, &kRetainCommand, &kSnapshotCommand};

std::string Overview() {
  std::string text =
      "weir COMMAND DIR [flags]: a message store in the directory DIR.\n\nCommands\n";
  for (const Command* command : kCommands) {
    absl::StrAppendFormat(&text, "  %-8s %s\n", command->name, command->summary);
  }
  absl::StrAppend(&text, "\n`weir COMMAND --help` says more.\n");
  return text;
}

const Command* FindCommand(absl::string_view name) {
  for (const Command* command : kCommands) {
    if (command->name == name) return command;
  }
  return nullptr;
}

int PrintHelp(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return std::fflush(stdout) == 0 ? kSuccess : kFailure;
}

int Run(absl::Span<const char* const> words) {
  if (words.empty()) return Misused("", "which command?");
  const absl::string_view name = words[0];
  if (name == "--help" || name == "-h" || name == "help") return PrintHelp(Overview());
  const Command* command = FindCommand(name);
  if (command == nullptr) return Misused("", absl::StrCat("there is no command `", name, "`"));

  const absl::StatusOr<Arguments> arguments = ParseArguments(*command, words.subspan(1));
  if (!arguments.ok()) return Misused(name, arguments.status().message());
  if (arguments->wants_help) return PrintHelp(HelpText(*command));
  return command->run(arguments->directory);
}

}  // namespace
}  // namespace weir::tool

namespace {

// A descriptor that the caller closed would be given to the next file that is opened, and what is
// printed would land in the store. The other way round than it is used, so that using it fails.
bool FillStandardDescriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) >= 0) continue;
    const int opened =
        ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);  // the lowest free
    if (opened != descriptor) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char* argv[]) {
  if (!FillStandardDescriptors()) return weir::tool::kFailure;
  // Who reads our output may go away at any time (`weir read ... | head`). Then a write fails, and
  // the command ends in order instead of dying with the store open.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return weir::tool::Run(absl::MakeConstSpan(argv + 1, static_cast<size_t>(argc - 1)));
  } catch (const std::exception& error) {
    // A line of the input that does not fit in memory, for instance.
    return weir::tool::Failed("", error.what());
  }
}
