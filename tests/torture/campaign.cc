#include "torture/campaign.h"

#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

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

using SteadyClock = std::chrono::steady_clock;

// A kind whose programs run.
class KindRun {
 public:
  KindRun(const Kind& kind, const Demand& demand, const std::string& log_path)
      : outcome_{.name = kind.name,
                 .injected = kind.injected,
                 .counted = kind.counted,
                 .floor = kind.floor * demand.scale},
        file_(std::fopen(log_path.c_str(), "we"), std::fclose) {
    if (file_ == nullptr) {
      outcome_.skipped = absl::StrCat("cannot write ", log_path);
      return;
    }
    commands_ = kind.commands(demand);
    said_.resize(commands_.size());
    left_ = commands_.size();
    log_.emplace(file_.get(), /*names_speakers=*/commands_.size() > 1);
  }

  size_t commands() const { return commands_.size(); }

  // Whether that was the last of its commands; then there is an outcome.
  bool Run(size_t command, const std::string& build) {
    std::call_once(begins_, [this] { begin_ = SteadyClock::now(); });
    said_[command] = RunCommand(commands_[command], build, *log_);
    return --left_ == 0;
  }

  Outcome TakeOutcome() {
    for (Said& said : said_) {
      if (!said.skipped.empty()) outcome_.skipped = said.skipped;
      outcome_.count += said.count.value_or(0);
      outcome_.violations += said.violations;
      for (std::string& line : said.reproductions) {
        outcome_.reproductions.push_back(std::move(line));
      }
    }
    if (commands() > 0) {
      outcome_.seconds = std::chrono::duration<double>(SteadyClock::now() - begin_).count();
    }
    return std::move(outcome_);
  }

 private:
  Outcome outcome_;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::vector<Command> commands_;
  std::vector<Said> said_;
  std::atomic<size_t> left_{0};
  std::optional<KindLog> log_;
  std::once_flag begins_;
  SteadyClock::time_point begin_;
};

// Runs all programs of these, as many at a time as the machine has cores, in the order of the
// kinds. `done` hears of each kind whose last program has ended, in one thread at a time.
void RunTogether(const std::vector<KindRun*>& runs, const std::string& build,
                 const std::function<void(KindRun&)>& done) {
  struct Job {
    KindRun* run;
    size_t command;
  };
  std::vector<Job> jobs;
  for (KindRun* const run : runs) {
    if (run->commands() == 0) done(*run);
    for (size_t i = 0; i < run->commands(); ++i) jobs.push_back({run, i});
  }
  std::atomic<size_t> next{0};
  std::mutex mutex;
  const auto work = [&] {
    for (size_t i = next++; i < jobs.size(); i = next++) {
      if (!jobs[i].run->Run(jobs[i].command, build)) continue;
      const std::lock_guard<std::mutex> guard(mutex);
      done(*jobs[i].run);
    }
  };
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads(std::min(cores, jobs.size()));
  for (std::thread& thread : threads) thread = std::thread(work);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

std::vector<Outcome> RunKinds(const std::vector<const Kind*>& kinds, const Demand& demand,
                              const std::string& build, const std::string& logs,
                              const std::function<void(const Outcome&)>& heard) {
  std::deque<KindRun> all;
  for (const Kind* const kind : kinds) {
    all.emplace_back(*kind, demand, absl::StrCat(logs, "/", kind->name, ".log"));
  }
  std::vector<Outcome> outcomes(kinds.size());
  const auto run = [&](const std::vector<size_t>& which) {
    std::map<KindRun*, Outcome*> places;
    std::vector<KindRun*> runs;
    for (const size_t i : which) {
      runs.push_back(&all[i]);
      places[&all[i]] = &outcomes[i];
    }
    RunTogether(runs, build, [&](KindRun& ended) {
      Outcome& outcome = *places.at(&ended);
      outcome = ended.TakeOutcome();
      heard(outcome);
    });
  };
  std::vector<size_t> beside;
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i]->takes_all_cores) {
      run({i});
    } else {
      beside.push_back(i);
    }
  }
  run(beside);
  return outcomes;
}

}  // namespace weir::testing
