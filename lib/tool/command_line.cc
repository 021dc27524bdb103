#include "tool/command_line.h"

#include <algorithm>
#include <cstddef>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace weir::tool {
namespace {

// The flag of that name if the command takes it, else null.
absl::CommandLineFlag* FindFlag(const Command& command, absl::string_view name) {
  if (std::find(command.flags.begin(), command.flags.end(), name) == command.flags.end()) {
    return nullptr;
  }
  return absl::FindCommandLineFlag(name);
}

// Sets the flag that `words[index]` names and moves `index` to the last word that belongs to it.
absl::Status SetFlag(const Command& command, absl::Span<const char* const> words, size_t& index) {
  absl::string_view name = absl::StripPrefix(absl::string_view(words[index]), "--");
  absl::string_view value;
  const size_t equals = name.find('=');
  const bool has_value = equals != absl::string_view::npos;
  if (has_value) {
    value = name.substr(equals + 1);
    name = name.substr(0, equals);
  }

  absl::CommandLineFlag* flag = FindFlag(command, name);
  if (flag == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("there is no flag --", name));
  }
  if (!has_value) {
    if (flag->IsOfType<bool>()) {
      value = "true";
    } else if (index + 1 < words.size()) {
      value = words[++index];
    } else {
      return absl::InvalidArgumentError(absl::StrCat("--", name, " needs a value"));
    }
  }
  std::string error;
  if (!flag->ParseFrom(value, &error)) {
    return absl::InvalidArgumentError(absl::StrCat("--", name, ": ", error));
  }
  return absl::OkStatus();
}

bool AsksForHelp(absl::Span<const char* const> words) {
  for (const absl::string_view word : words) {
    if (word == "--") return false;
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<Arguments> ParseArguments(const Command& command,
                                         absl::Span<const char* const> words) {
  Arguments arguments;
  if (AsksForHelp(words)) {
    arguments.wants_help = true;
    return arguments;
  }

  std::vector<std::string> plain_words;
  bool flags_are_over = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const absl::string_view word = words[i];
    if (flags_are_over || !absl::StartsWith(word, "-")) {
      plain_words.emplace_back(word);
    } else if (word == "--") {
      flags_are_over = true;
    } else if (!absl::StartsWith(word, "--")) {
      return absl::InvalidArgumentError(absl::StrCat("there is no flag ", word));
    } else if (const absl::Status status = SetFlag(command, words, i); !status.ok()) {
      return status;
    }
  }

  if (plain_words.empty()) return absl::InvalidArgumentError("which directory?");
  if (plain_words[0].empty()) {
    return absl::InvalidArgumentError("there is no store in \"\": which directory?");
  }
  if (plain_words.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("one directory, please, and not `", plain_words[1], "` too"));
  }
  arguments.directory = plain_words[0];
  return arguments;
}

std::string HelpText(const Command& command) {
  std::string text =
      absl::StrCat("weir ", command.name, " ", command.synopsis, "\n\n", command.about);
  if (!command.flags.empty()) absl::StrAppend(&text, "\nFlags\n");
  for (const absl::string_view name : command.flags) {
    const auto own = command.own_help.find(name);
    absl::StrAppendFormat(&text, "  --%-15s %s\n", name,
                          own != command.own_help.end() ? std::string(own->second)
                                                        : absl::FindCommandLineFlag(name)->Help());
  }
  absl::StrAppend(&text, "\nExit status: 0 done, 1 failed, 2 called wrongly.\n");
  return text;
}

}  // namespace weir::tool
