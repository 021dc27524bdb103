#include "torture/reliability_file.h"

#include <sys/utsname.h>

#include <cstdio>
#include <fstream>
#include <optional>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace weir::testing {
namespace {

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

std::string Machine() {
  utsname name{};
  uname(&name);
  return absl::StrCat(std::thread::hardware_concurrency(), " cores, ", name.sysname, " ",
                      name.release, " ", name.machine);
}

// The value of `name` in a line that we wrote: its keys are in a fixed order, and occur once.
std::optional<std::string> ValueIn(absl::string_view line, absl::string_view name) {
  const std::string key = absl::StrCat("\"", name, "\": ");
  const size_t at = line.find(key);
  if (at == absl::string_view::npos) return std::nullopt;
  absl::string_view rest = line.substr(at + key.size());
  if (rest.empty() || rest[0] != '"') {
    return std::string(rest.substr(0, rest.find_first_of(",}")));
  }
  std::string value;
  for (size_t i = 1; i < rest.size() && rest[i] != '"'; ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
    value += rest[i];
  }
  return value;
}

// 1234567 as 1,234,567.
std::string Grouped(absl::string_view digits) {
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

}  // namespace

bool WriteReliabilityFile(const std::string& path, const Demand& demand,
                          const std::vector<Outcome>& outcomes) {
  std::ofstream file(path);
  file << "{\n  \"scale\": " << demand.scale << ",\n  \"seed\": " << demand.seed
       << ",\n  \"machine\": " << Quoted(Machine()) << ",\n  \"date\": "
       << Quoted(absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()))
       << ",\n  \"kinds\": [\n";
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const Outcome& outcome = outcomes[i];
    file << absl::StrFormat(
        "    {\"kind\": %s, \"injected\": %s, \"counted\": %s, \"count\": %d, \"floor\": %d, "
        "\"violations\": %d, \"seconds\": %.1f, \"skipped\": %s}%s\n",
        Quoted(outcome.name), Quoted(outcome.injected), Quoted(outcome.counted), outcome.count,
        outcome.floor, outcome.violations, outcome.seconds, Quoted(outcome.skipped),
        i + 1 < outcomes.size() ? "," : "");
  }
  file << "  ]\n}\n";
  file.close();
  return file.good();
}

int PrintReliabilityTable(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  if (lines.empty()) {
    std::fprintf(stderr, "%s cannot be read\n", path.c_str());
    return 1;
  }
  std::string scale;
  std::string machine;
  std::string date;
  std::printf("| kind | what is injected | violations |\n|---|---|---|\n");
  for (const std::string& line : lines) {
    if (const auto kind = ValueIn(line, "kind")) {
      const std::string skipped = ValueIn(line, "skipped").value_or("");
      const std::string found =
          skipped.empty() ? absl::StrCat(ValueIn(line, "violations").value_or("?"), " of ",
                                         Grouped(ValueIn(line, "count").value_or("?")), " ",
                                         ValueIn(line, "counted").value_or(""))
                          : absl::StrCat("skipped: ", skipped);
      std::printf("| %s | %s | %s |\n", kind->c_str(),
                  ValueIn(line, "injected").value_or("").c_str(), found.c_str());
      continue;
    }
    if (const auto value = ValueIn(line, "scale")) scale = *value;
    if (const auto value = ValueIn(line, "machine")) machine = *value;
    if (const auto value = ValueIn(line, "date")) date = *value;
  }
  std::printf("\n`./dev torture --scale=%s`, %s, on %s.\n", scale.c_str(), date.c_str(),
              machine.c_str());
  return 0;
}

}  // namespace weir::testing
