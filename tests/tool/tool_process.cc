#include "tool/tool_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace weir::tool {
namespace {

constexpr std::chrono::seconds kPatience{30};

// In the child: `descriptor` becomes the file, or the process ends.
void Redirect(int descriptor, const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || ::dup2(file, descriptor) < 0) ::_exit(126);
}

}  // namespace

Scratch::Scratch() {
  const char* parent = std::getenv("TMPDIR");
  path_ = std::string(parent != nullptr ? parent : "/tmp") + "/weir_tool_test.XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp: " + path_);
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

ToolProcess::ToolProcess(const Words& words) {
  std::signal(SIGPIPE, SIG_IGN);  // Feed() tells instead
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  const std::string out = scratch_.path("out");
  const std::string err = scratch_.path("err");
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(pipe[0], STDIN_FILENO);
    Redirect(STDOUT_FILENO, out);
    Redirect(STDERR_FILENO, err);
    std::signal(SIGPIPE, SIG_DFL);
    ::setenv("weir", WEIR_TOOL, 1);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(pipe[0]);
  input_ = pipe[1];
  if (pid_ < 0) throw std::runtime_error("fork");
}

ToolProcess::~ToolProcess() {
  EndInput();
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool ToolProcess::Feed(const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(input_, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) done += static_cast<size_t>(count);
  }
  return true;
}

void ToolProcess::EndInput() {
  if (input_ >= 0) ::close(input_);
  input_ = -1;
}

bool ToolProcess::WaitForLines(size_t count) const {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (LinesOf(ReadFile(scratch_.path("out"))).size() < count) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

void ToolProcess::Kill() { ::kill(pid_, SIGKILL); }

Outcome ToolProcess::Wait() {
  Outcome outcome;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  outcome.out = ReadFile(scratch_.path("out"));
  outcome.err = ReadFile(scratch_.path("err"));
  return outcome;
}

Outcome Run(const Words& words, const std::string& input) {
  Words all = {WEIR_TOOL};
  all.insert(all.end(), words.begin(), words.end());
  ToolProcess process(all);
  process.Feed(input);
  process.EndInput();
  return process.Wait();
}

Outcome Shell(const std::string& line) {
  ToolProcess process({"/bin/sh", "-c", line});
  process.EndInput();
  return process.Wait();
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string Damage(const std::string& store, const std::string& text) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store)) {
    if (!entry.is_regular_file()) continue;
    const size_t at = ReadFile(entry.path()).find(text);
    if (at == std::string::npos) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(text[0] ^ 1));
    return entry.path().filename();
  }
  return "";
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.push_back(text.substr(begin, end - begin));
  }
  return lines;
}

std::string FieldOf(const std::string& line, size_t number) {
  size_t begin = 0;
  for (size_t i = 1; i < number; ++i) {
    const size_t tab = line.find('\t', begin);
    if (tab == std::string::npos) return "";
    begin = tab + 1;
  }
  return line.substr(begin, line.find('\t', begin) - begin);
}

std::string MakeEvents(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += std::to_string(1299087437 + i) + "\tproject" + std::to_string(i % 3) + "\tcommit" +
            std::to_string(i) + "\tauthor" + std::to_string(i * i % 17) + "\t1\t2\t3\t" +
            std::string(i % 90, 'x') + "\n";
  }
  return text;
}

}  // namespace weir::tool
