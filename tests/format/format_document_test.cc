// Reads lib/format/FORMAT.md: what it shows in hex is what the library writes.

#include <catch2/catch.hpp>
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "format/format_examples.h"

namespace weir::testing {
namespace {

// Sixteen bytes a line. Lines of zeros only are left out; the last line is the size.
std::string Dump(absl::string_view bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 16) {
    const absl::string_view line = bytes.substr(at, 16);
    if (line.find_first_not_of('\0') == absl::string_view::npos) continue;
    absl::StrAppendFormat(&text, "%04x ", at);
    for (const char byte : line) absl::StrAppendFormat(&text, " %02x", static_cast<uint8_t>(byte));
    text += '\n';
  }
  return absl::StrCat(text, absl::StrFormat("%04x\n", bytes.size()));
}

// The blocks that begin with ```hex NAME, by name.
std::map<std::string, std::string> BlocksOf(const std::string& path) {
  std::ifstream file(path);
  REQUIRE(file);
  std::map<std::string, std::string> blocks;
  std::string* block = nullptr;
  for (std::string line; std::getline(file, line);) {
    absl::string_view name = line;
    if (block != nullptr && name == "```") {
      block = nullptr;
    } else if (block != nullptr) {
      absl::StrAppend(block, line, "\n");
    } else if (absl::ConsumePrefix(&name, "```hex ")) {
      INFO(name);
      REQUIRE_FALSE(blocks.contains(std::string(name)));
      block = &blocks[std::string(name)];
    }
  }
  CHECK(block == nullptr);
  return blocks;
}

TEST_CASE("every byte that FORMAT.md shows is a byte that the library writes") {
  const auto shown = BlocksOf(WEIR_SOURCE_DIR "/lib/format/FORMAT.md");
  const auto written = FormatExamples();

  for (const auto& [name, bytes] : written) {
    INFO("```hex " << name);
    REQUIRE(shown.contains(name));
    CHECK(shown.at(name) == Dump(bytes));
  }
  CHECK(shown.size() == written.size());
}

}  // namespace
}  // namespace weir::testing
