#include "tool/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

namespace weir::tool {
namespace {

// Reads `text` through a pipe, which delivers it in pieces.
std::vector<std::string> ReadAll(const std::string& text) {
  int pipe[2];
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  std::thread writer([&] {
    for (size_t done = 0; done < text.size();) {
      const ssize_t count = ::write(pipe[1], text.data() + done, text.size() - done);
      if (count <= 0) break;
      done += static_cast<size_t>(count);
    }
    ::close(pipe[1]);
  });

  std::vector<std::string> lines;
  LineReader reader(pipe[0]);
  for (absl::string_view line; reader.Next(line);) lines.emplace_back(line);
  writer.join();
  ::close(pipe[0]);
  CHECK(reader.status().ok());
  return lines;
}

TEST_CASE("every newline ends a line, and the last line needs none") {
  CHECK(ReadAll("").empty());
  CHECK(ReadAll("a\nb\n") == std::vector<std::string>{"a", "b"});
  CHECK(ReadAll("a\nb") == std::vector<std::string>{"a", "b"});
  CHECK(ReadAll("\n\n") == std::vector<std::string>{"", ""});
  CHECK(ReadAll("\na\r\n") == std::vector<std::string>{"", "a\r"});
}

TEST_CASE("lines of any length arrive whole") {
  std::vector<std::string> lines;
  std::string text;
  for (size_t i = 0; i < 60; ++i) {
    lines.push_back(std::string(i * i * i * 37 % 200'000, static_cast<char>('a' + i % 26)));
    text += lines.back() + "\n";
  }
  lines.emplace_back(9'000'000, 'z');
  text += lines.back();

  CHECK(ReadAll(text) == lines);
}

TEST_CASE("has_line() says whether the next line costs a read") {
  int pipe[2];
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  LineReader reader(pipe[0]);
  CHECK_FALSE(reader.has_line());
  REQUIRE(::write(pipe[1], "a\nb\nc", 5) == 5);
  CHECK_FALSE(reader.has_line());

  absl::string_view line;
  REQUIRE(reader.Next(line));
  CHECK(reader.has_line());
  REQUIRE(reader.Next(line));
  CHECK(line == "b");
  CHECK_FALSE(reader.has_line());
  ::close(pipe[1]);
  REQUIRE(reader.Next(line));
  CHECK(line == "c");
  CHECK_FALSE(reader.Next(line));
  ::close(pipe[0]);
}

TEST_CASE("an error of the descriptor is a status") {
  LineReader reader(-1);
  absl::string_view line;
  CHECK_FALSE(reader.Next(line));
  CHECK_FALSE(reader.status().ok());
}

}  // namespace
}  // namespace weir::tool
