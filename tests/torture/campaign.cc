#include "torture/campaign.h"

#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

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

// What the programs of a kind say, line by line. Where several speak at once, each line says whose
// it is.
class KindLog {
 public:
  KindLog(std::FILE* file, bool names_speakers) : file_(file), names_speakers_(names_speakers) {}

  void Add(const Command& command, absl::string_view line) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (names_speakers_) std::fprintf(file_, "%s: ", command.program.c_str());
    std::fwrite(line.data(), 1, line.size(), file_);
    std::fputc('\n', file_);
    std::fflush(file_);
  }

 private:
  std::mutex mutex_;
  std::FILE* const file_;
  const bool names_speakers_;
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
Said RunCommand(const Command& command, const std::string& build, KindLog& log) {
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
  log.Add(command, absl::StrCat("$ ", line));
  std::FILE* const pipe = popen(line.c_str(), "re");
  if (pipe == nullptr) {
    said.violations = 1;
    return said;
  }
  char* buffer = nullptr;
  size_t capacity = 0;
  for (ssize_t size; (size = getline(&buffer, &capacity, pipe)) >= 0;) {
    const absl::string_view heard =
        absl::StripSuffix(absl::string_view(buffer, static_cast<size_t>(size)), "\n");
    log.Add(command, heard);
    Hear(heard, command, said);
  }
  std::free(buffer);
  const int status = pclose(pipe);
  const bool ended_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  // The status alone says nothing: others end with the same when they crash.
  const bool was_skipped =
      WIFEXITED(status) && WEXITSTATUS(status) == kTortureSkippedStatus && !said.skipped.empty();
  if (!ended_well && !was_skipped && said.violations == 0) {
    said.violations = 1;
    if (said.reproductions.empty()) said.reproductions.push_back(line);
  }
  return said;
}

// As many at a time as the machine has cores; in the order of the commands.
std::vector<Said> RunCommands(const std::vector<Command>& commands, const std::string& build,
                              std::FILE* file) {
  KindLog log(file, /*names_speakers=*/commands.size() > 1);
  std::vector<Said> said(commands.size());
  std::atomic<size_t> next{0};
  const auto run = [&] {
    for (size_t i = next++; i < commands.size(); i = next++) {
      said[i] = RunCommand(commands[i], build, log);
    }
  };
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads(std::min(cores, commands.size()));
  for (std::thread& thread : threads) thread = std::thread(run);
  for (std::thread& thread : threads) thread.join();
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
  for (Said& said : RunCommands(kind.commands(demand), build, file.get())) {
    if (!said.skipped.empty()) outcome.skipped = said.skipped;
    outcome.count += said.count.value_or(0);
    outcome.violations += said.violations;
    for (std::string& line : said.reproductions) outcome.reproductions.push_back(std::move(line));
  }
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return outcome;
}

}  // namespace weir::testing
