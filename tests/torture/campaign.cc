#include "torture/campaign.h"

#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "torture/report.h"

namespace weir::testing {
namespace {

// What one program said.
struct Said {
  std::optional<uint64_t> count;
  uint64_t violations = 0;
  std::string skipped;
  std::vector<std::string> reproductions;
};

std::string Quoted(absl::string_view word) { return absl::StrCat("'", word, "'"); }

void Hear(absl::string_view line, const Command& command, Said& said) {
  uint64_t number = 0;
  if (absl::ConsumePrefix(&line, "reproduce: ")) {
    said.reproductions.push_back(absl::StrCat("build/", command.preset, "/tests/", line));
  } else if (absl::ConsumePrefix(&line, "torture: skipped: ")) {
    said.skipped = std::string(line);
  } else if (absl::ConsumePrefix(&line, "torture: ")) {
    // "COUNT things, VIOLATIONS violations"; another line that begins so says what was too little.
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    uint64_t count = 0;
    if (words.size() < 3 || words.back() != "violations" || !absl::SimpleAtoi(words[0], &count) ||
        !absl::SimpleAtoi(words[words.size() - 2], &number)) {
      return;
    }
    said.count = count;
    said.violations = number;
  } else if (absl::ConsumePrefix(&line, "stat::number_of_executed_units:")) {
    // libFuzzer speaks for itself.
    if (absl::SimpleAtoi(absl::StripAsciiWhitespace(line), &number)) said.count = number;
  } else if (absl::StrContains(line, "Test unit written to ")) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    said.reproductions.push_back(
        absl::StrCat("build/", command.preset, "/tests/", command.program, " ", words.back()));
  }
}

// Runs the command to its end. Its exit status is a violation unless it said what it means.
Said RunCommand(const Command& command, const std::string& build, std::FILE* log) {
  Said said;
  const std::string program = absl::StrCat(build, "/", command.preset, "/tests/", command.program);
  if (!std::filesystem::exists(program)) {
    said.skipped = absl::StrCat(command.program, " is not built in build/", command.preset);
    return said;
  }
  std::string line = Quoted(program);
  for (const std::string& argument : command.arguments)
    absl::StrAppend(&line, " ", Quoted(argument));
  absl::StrAppend(&line, " 2>&1");
  std::fprintf(log, "$ %s\n", line.c_str());
  std::FILE* const pipe = popen(line.c_str(), "re");
  if (pipe == nullptr) {
    said.violations = 1;
    return said;
  }
  char* buffer = nullptr;
  size_t capacity = 0;
  for (ssize_t size; (size = getline(&buffer, &capacity, pipe)) >= 0;) {
    std::fwrite(buffer, 1, static_cast<size_t>(size), log);
    Hear(absl::StripSuffix(absl::string_view(buffer, static_cast<size_t>(size)), "\n"), command,
         said);
  }
  std::free(buffer);
  const int status = pclose(pipe);
  std::fflush(log);
  const bool ended_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  const bool was_skipped = WIFEXITED(status) && WEXITSTATUS(status) == kTortureSkippedStatus;
  if (was_skipped && said.skipped.empty()) said.skipped = "it did not say why";
  if (!ended_well && !was_skipped && said.violations == 0) {
    said.violations = 1;
    if (said.reproductions.empty()) said.reproductions.push_back(line);
  }
  return said;
}

}  // namespace

Outcome RunKind(const Kind& kind, const Demand& demand, const std::string& build,
                const std::string& log) {
  Outcome outcome{.name = kind.name,
                  .injected = kind.injected,
                  .counted = kind.counted,
                  .floor = kind.floor * demand.scale};
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(log.c_str(), "we"),
                                                             std::fclose);
  if (file == nullptr) {
    outcome.skipped = absl::StrCat("cannot write ", log);
    return outcome;
  }
  const auto begin = std::chrono::steady_clock::now();
  for (const Command& command : kind.commands(demand)) {
    Said said = RunCommand(command, build, file.get());
    if (!said.skipped.empty()) outcome.skipped = said.skipped;
    outcome.count += said.count.value_or(0);
    outcome.violations += said.violations;
    for (std::string& line : said.reproductions) outcome.reproductions.push_back(std::move(line));
  }
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return outcome;
}

}  // namespace weir::testing
