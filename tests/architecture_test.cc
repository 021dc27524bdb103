// Reads the sources and fails on a broken arrow: an include that points upwards, or an outside
// thing used where it does not belong. The layers are those of the table in lib/README.md, whose
// rows begin with `| <number> <folder> |`.

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Layers = std::map<std::string, int>;

const fs::path kRoot = WEIR_SOURCE_DIR;
const std::set<std::string> kVocabulary = {"weir/message.h",     "weir/find.h",   "weir/info.h",
                                           "weir/property.h",    "weir/filter.h", "weir/options.h",
                                           "weir/file_system.h", "weir/clock.h",  "weir/hooks.h"};
const std::set<std::string> kFeatures = {"delay", "transaction", "consumer", "replication"};
const std::set<std::string> kThreads = {"mutex", "condition_variable", "base/mutex.h",
                                        "base/worker.h"};
// Headers of the outside world, and where alone they may be included.
const std::map<std::string, std::string> kOnlyIn = {{"unistd.h", "lib/io/"},
                                                    {"fcntl.h", "lib/io/"},
                                                    {"sys/mman.h", "lib/io/"},
                                                    {"xxhash.h", "lib/base/checksum"},
                                                    {"thread", "lib/base/worker."}};

std::vector<std::string> ReadLines(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

Layers ReadLayers() {
  Layers layers;
  const std::regex row(R"(\s*\|\s*(\d+)\s+`?([a-z]+)`?\s*\|.*)");
  for (const std::string& line : ReadLines(kRoot / "lib/README.md")) {
    if (std::smatch m; std::regex_match(line, m, row)) layers[m[2]] = std::stoi(m[1]);
  }
  return layers;
}

// "lib/io/ring.cc" -> "io"; "include/weir/store.h" -> "weir".
std::string FolderOf(const fs::path& file) { return file.parent_path().filename().string(); }

// Why `file` may not include `name`, quoted or in angle brackets; empty if it may.
std::string Complaint(const std::string& file, const std::string& name, bool is_quoted,
                      const Layers& layers) {
  const std::string from = FolderOf(file);
  const std::string to = FolderOf(name);
  const auto only_in = kOnlyIn.find(name);
  if (only_in != kOnlyIn.end() && from != "tool" && !file.starts_with(only_in->second)) {
    return "only for " + only_in->second;
  }
  if (from == "format" && kThreads.contains(name)) return "format knows no threads";
  if (kVocabulary.contains(name) || name.starts_with("absl/")) return "";
  if (to == "weir") {
    if (kVocabulary.contains("weir/" + fs::path(file).filename().string()) && from == "weir") {
      return "the vocabulary does not know the facade";
    }
    return from == "weir" || from == "api" || from == "tool" ? "" : "only api knows the facade";
  }
  if (!is_quoted) return "";
  if (from == "tool" || to == "tool") return from == to ? "" : "the tool is a host like any other";
  if (!layers.contains(to)) return "no such layer";
  if (from == "weir") return "a public header includes no internals";
  if (layers.at(from) < layers.at(to)) return "points upwards";
  if (from == "format" && to == "io") return "format knows no files";
  if (from != to && kFeatures.contains(from) && kFeatures.contains(to) &&
      !(from == "consumer" && to == "delay")) {
    return "one feature does not know another";
  }
  return "";
}

TEST_CASE("the arrows of the architecture are checked") {
  const Layers layers = {{"base", 1}, {"format", 3}, {"log", 4}, {"delay", 7}, {"consumer", 9}};
  CHECK(Complaint("lib/log/front.cc", "format/record.h", true, layers).empty());
  CHECK(Complaint("lib/consumer/group.h", "delay/delay_line.h", true, layers).empty());
  CHECK_FALSE(Complaint("lib/delay/delay_line.h", "consumer/group.h", true, layers).empty());
  CHECK_FALSE(Complaint("lib/format/record.cc", "log/front.h", true, layers).empty());
  CHECK_FALSE(Complaint("lib/log/front.cc", "weir/store.h", true, layers).empty());
  CHECK_FALSE(Complaint("lib/log/front.cc", "unistd.h", false, layers).empty());
}

// "lib/README.md" names a file or several in the second column of a row of the table of files.
std::set<std::string> NamedFiles() {
  std::set<std::string> named;
  std::string layer;
  const std::regex row(R"(\|\s*([a-z]*)\s*\|\s*([a-z_, ]+?)\s*\|[^|]*\|)");
  bool in_table = false;
  for (const std::string& line : ReadLines(kRoot / "lib/README.md")) {
    if (line.starts_with("## ")) in_table = line == "## The files";
    std::smatch m;
    if (!in_table || !std::regex_match(line, m, row)) continue;
    if (m[1].length() > 0) layer = m[1];
    const std::string names = m[2];
    const std::regex name("[a-z_]+");
    for (std::sregex_iterator i(names.begin(), names.end(), name), end; i != end; ++i) {
      named.insert(layer + "/" + i->str());
    }
  }
  return named;
}

TEST_CASE("the map names every file of the library, and no other") {
  const std::set<std::string> named = NamedFiles();
  REQUIRE(named.size() >= 70);
  std::set<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "lib")) {
    if (entry.path().extension() != ".h" && entry.path().extension() != ".cc") continue;
    found.insert(FolderOf(entry.path()) + "/" + entry.path().stem().string());
  }
  for (const std::string& file : found) {
    if (!named.contains(file)) FAIL_CHECK("lib/README.md does not name " << file);
  }
  for (const std::string& file : named) {
    if (!found.contains(file) && file != "layer/file") FAIL_CHECK("there is no lib/" << file);
  }
}

TEST_CASE("every arrow points downwards, files are short, and one file reads the wall clock") {
  const Layers layers = ReadLayers();
  REQUIRE(layers.size() >= 7);
  const std::regex include(R"rx(\s*#\s*include\s*(["<])([^">]+)[">].*)rx");
  const std::regex wall_clock(R"(absl::Now\b|system_clock::|\bclock_gettime\b|\bgettimeofday\b)");

  for (const std::string top : {"lib", "include"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
      if (entry.path().extension() != ".h" && entry.path().extension() != ".cc") continue;
      const std::string file = fs::relative(entry.path(), kRoot).string();
      const std::string folder = FolderOf(file);
      const std::vector<std::string> lines = ReadLines(entry.path());
      const bool is_in_layer = layers.contains(folder);
      if (!is_in_layer && folder != "tool" && folder != "weir") FAIL(file << ":1: in no layer");
      if (top == "lib" && lines.size() > 450) FAIL_CHECK(file << ":451: too long a file");
      for (size_t i = 0; i < lines.size(); ++i) {
        const std::string code = lines[i].substr(0, lines[i].find("//"));
        std::smatch m;
        const bool is_include = std::regex_match(code, m, include);
        std::string complaint = is_include ? Complaint(file, m[2], m[1] == "\"", layers) : "";
        if (is_in_layer && file != "lib/io/system_clock.cc" && regex_search(code, wall_clock)) {
          complaint = "time comes from Clock";
        }
        if (!complaint.empty()) FAIL_CHECK(file << ':' << i + 1 << ": " << complaint);
      }
    }
  }
}

// The names that a file brings into its namespace and does not use there.
std::vector<std::string> UnusedNames(const std::vector<std::string>& lines) {
  const std::regex declaration(R"(\s*using (?:\w*::)+(\w+);\s*)");
  const std::regex word(R"(\w+)");
  std::set<std::string> used;
  std::vector<std::string> declared, unused;
  for (const std::string& line : lines) {
    const std::string code = line.substr(0, line.find("//"));
    std::smatch m;
    if (std::regex_match(code, m, declaration)) {
      declared.push_back(m[1]);
    } else {
      for (std::sregex_iterator i(code.begin(), code.end(), word), end; i != end; ++i) {
        used.insert(i->str());
      }
    }
  }
  std::copy_if(declared.begin(), declared.end(), std::back_inserter(unused),
               [&](const std::string& name) { return !used.contains(name); });
  return unused;
}

TEST_CASE("a name that a file takes from another namespace is used there") {
  CHECK(UnusedNames({"using a::B;", "B b;"}).empty());
  CHECK(UnusedNames({"using a::B;", "Bb b;  // B"}) == std::vector<std::string>{"B"});
  CHECK(UnusedNames({"using ::a::b::C;"}) == std::vector<std::string>{"C"});

  size_t files = 0;
  for (const std::string top : {"lib", "tests", "bench", "examples"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
      if (entry.path().extension() != ".cc") continue;
      ++files;
      for (const std::string& name : UnusedNames(ReadLines(entry.path()))) {
        FAIL_CHECK(fs::relative(entry.path(), kRoot).string() << ": does not use " << name);
      }
    }
  }
  CHECK(files >= 300);
}

}  // namespace
