#include "kernel/syscall_trace.h"

#include <sstream>

namespace weir::kernel {
namespace {

// The name of the call that a line "PID name(arguments) = result" tells; empty for signals, ends of
// processes, and the second half of a call that was interrupted by the log of another thread.
std::string NameIn(std::string_view line) {
  const size_t name = line.find_first_not_of("0123456789 ");
  if (name == std::string_view::npos) return "";
  const size_t end = line.find('(', name);
  if (end == std::string_view::npos || line[name] == '<' || line[name] == '+' ||
      line[name] == '-') {
    return "";
  }
  return std::string(line.substr(name, end - name));
}

}  // namespace

std::vector<TracedCall> CallsOn(const std::string& log, std::string_view begin,
                                std::string_view place) {
  std::vector<TracedCall> calls;
  std::map<std::string, uint32_t> counts;
  std::istringstream lines(log);
  bool has_begun = false;
  for (std::string line; std::getline(lines, line);) {
    const std::string name = NameIn(line);
    if (name.empty()) continue;
    const uint32_t index = ++counts[name];
    if (!has_begun) {
      has_begun = line.find(begin) != std::string::npos;
      continue;
    }
    if (line.find(place) != std::string::npos) calls.push_back({name, index, line});
  }
  return calls;
}

std::map<std::string, std::vector<uint32_t>> IndicesOf(const std::vector<TracedCall>& calls) {
  std::map<std::string, std::vector<uint32_t>> indices;
  for (const TracedCall& call : calls) indices[call.name].push_back(call.index);
  return indices;
}

}  // namespace weir::kernel
