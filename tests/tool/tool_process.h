// Runs the tool as its users do: in a process of its own.
//
//   Scratch scratch;
//   const Outcome outcome = Run({"append", scratch.store(), "--topic=t"}, "one\ntwo\n");
//   CHECK(outcome.status == 0);

#ifndef WEIR_TESTS_TOOL_TOOL_PROCESS_H_
#define WEIR_TESTS_TOOL_TOOL_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace weir::tool {

using Words = std::vector<std::string>;

// A directory for one test, removed with it.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // Where the test's store lies; nothing is there yet.
  std::string store() const { return path_ + "/store"; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct Outcome {
  int status = 0;  // exit status, or minus the signal that ended the process
  std::string out;
  std::string err;
};

// A tool that runs. What it prints is kept in files; its input is a pipe of ours.
class ToolProcess {
 public:
  explicit ToolProcess(const Words& words);
  ~ToolProcess();  // kills it if it still runs
  ToolProcess(const ToolProcess&) = delete;
  ToolProcess& operator=(const ToolProcess&) = delete;

  pid_t pid() const { return pid_; }

  // False if the tool reads no more.
  bool Feed(const std::string& text);
  void EndInput();

  // Waits until the tool has printed so many lines; false after half a minute.
  bool WaitForLines(size_t count) const;
  void Kill();
  Outcome Wait();

 private:
  Scratch scratch_;
  pid_t pid_ = -1;
  int input_ = -1;
};

// Runs the tool with `input` from its first line to its end.
Outcome Run(const Words& words, const std::string& input = "");
// Runs a line of shell in which "$weir" is the tool.
Outcome Shell(const std::string& line);

std::string ReadFile(const std::string& path);
// Flips a bit of the first byte of `text` wherever it lies in the store; the name of that file.
std::string Damage(const std::string& store, const std::string& text);
// The lines of `text`; all end with a newline, or the last is torn and left out.
std::vector<std::string> LinesOf(const std::string& text);
// Field `number`, from 1, of a line with tabs.
std::string FieldOf(const std::string& line, size_t number);
// Lines with eight fields, as real events have them; field 3 is unique, 2 and 4 are not.
std::string MakeEvents(size_t count);

}  // namespace weir::tool

#endif  // WEIR_TESTS_TOOL_TOOL_PROCESS_H_
