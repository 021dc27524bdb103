#include "mutants/slice.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "support/skipped.h"

namespace weir::testing {
namespace {

using Clock = std::chrono::steady_clock;

// lib/base/mutant.cc answers so if it does not know the name.
constexpr int kUnknownStatus = 78;
constexpr size_t kWhyBytesMax = 160;

std::string PathOf(const std::string& program) {
  return std::filesystem::read_symlink("/proc/self/exe").replace_filename(program).string();
}

// What is worth telling of the output of a run that is red: the first line that says why.
std::string WhyOf(absl::string_view output) {
  for (const absl::string_view mark : {"VIOLATION ", "FAILED:\n", "FAILED", "due to"}) {
    const size_t at = output.find(mark);
    if (at == absl::string_view::npos) continue;
    absl::string_view text = output.substr(at);
    if (mark == "FAILED:\n") {
      text.remove_prefix(mark.size());
    }
    text = text.substr(0, std::min(text.find('\n'), kWhyBytesMax));
    return std::string(absl::StripLeadingAsciiWhitespace(text));
  }
  return "";
}

[[noreturn]] void Become(const Slice& slice, const std::string& without, int output) {
  setpgid(0, 0);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  if (without.empty()) {
    unsetenv("WEIR_MUTANT");
  } else {
    setenv("WEIR_MUTANT", without.c_str(), 1);
  }
  const std::string path = PathOf(slice.program);
  std::vector<char*> arguments = {const_cast<char*>(path.c_str())};
  for (const std::string& argument : slice.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  execv(path.c_str(), arguments.data());
  _exit(kUnknownStatus);
}

// Reads until the run ends, tells a violation (true), or has had its time.
bool Watch(int input, Clock::time_point deadline, std::string* output) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd wanted{.fd = input, .events = POLLIN, .revents = 0};
    if (poll(&wanted, 1, static_cast<int>(left)) <= 0) continue;
    char piece[4096];
    const ssize_t got = read(input, piece, sizeof piece);
    if (got <= 0) return false;
    output->append(piece, static_cast<size_t>(got));
    const size_t violation = output->find("VIOLATION ");
    if (violation != std::string::npos && output->find('\n', violation) != std::string::npos) {
      return true;
    }
  }
}

}  // namespace

std::string Slice::Command() const {
  std::string command = program;
  for (const std::string& argument : arguments) {
    absl::StrAppend(&command, " '", absl::StrReplaceAll(argument, {{"'", "'\\''"}}), "'");
  }
  return command;
}

Run RunSlice(const Slice& slice, const std::string& without, std::chrono::milliseconds limit) {
  const Clock::time_point begin = Clock::now();
  int ends[2];
  if (pipe(ends) != 0) return {.why = "no pipe"};
  const pid_t process = fork();
  if (process < 0) return {.why = "no process"};
  if (process == 0) {
    close(ends[0]);
    Become(slice, without, ends[1]);
  }
  setpgid(process, process);  // whichever of us is first
  close(ends[1]);
  std::string output;
  const bool told = Watch(ends[0], begin + limit, &output);
  const bool timed_out = !told && Clock::now() >= begin + limit;
  close(ends[0]);
  if (told || timed_out) kill(-process, SIGKILL);
  int status = 0;
  waitpid(process, &status, 0);
  kill(-process, SIGKILL);  // children that it left behind
  Run run{.seconds = std::chrono::duration<double>(Clock::now() - begin).count(),
          .why = WhyOf(output)};
  if (told) {
    run.ending = Ending::kRed;
  } else if (timed_out) {
    run.ending = Ending::kTimedOut;
  } else if (WIFSIGNALED(status)) {
    run.ending = Ending::kRed;
    run.why = absl::StrCat("signal ", WTERMSIG(status), " ", run.why);
  } else if (WEXITSTATUS(status) == 0) {
    run.ending = Ending::kGreen;
  } else if (WEXITSTATUS(status) != kSkippedStatus && WEXITSTATUS(status) != kUnknownStatus) {
    run.ending = Ending::kRed;
  } else {
    run.why = absl::StrCat("status ", WEXITSTATUS(status), " ", run.why);
  }
  return run;
}

}  // namespace weir::testing
