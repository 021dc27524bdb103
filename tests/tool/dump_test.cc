#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "tool/tool_process.h"

namespace weir::tool {
namespace {

TEST_CASE("dump shows every message once, at its position, in order") {
  Scratch scratch;
  const Outcome append = Run({"append", scratch.store(), "--topic=t", "--ack"}, MakeEvents(1500));
  REQUIRE(append.status == 0);

  const Outcome dump = Run({"dump", scratch.store()});

  CHECK(dump.status == 0);
  auto lines = LinesOf(dump.out);
  REQUIRE_FALSE(lines.empty());
  CHECK(FieldOf(lines[0], 1) == "position");
  std::vector<std::string> positions;
  unsigned long long last = 0;
  for (size_t i = 1; i < lines.size(); ++i) {
    const unsigned long long position = std::stoull(FieldOf(lines[i], 1));
    CHECK((i == 1 || position > last));
    last = position;
    if (FieldOf(lines[i], 3) == "message") positions.push_back(FieldOf(lines[i], 1));
  }
  auto acknowledged = LinesOf(append.out);
  acknowledged.pop_back();  // the summary
  CHECK(positions == acknowledged);
}

TEST_CASE("dump begins at --from and ends after --max") {
  Scratch scratch;
  const Outcome append = Run({"append", scratch.store(), "--topic=t", "--ack"}, "a\nb\nc\nd\n");
  const std::string third = LinesOf(append.out)[2];

  const auto lines = LinesOf(Run({"dump", scratch.store(), "--from=" + third, "--max=1"}).out);

  REQUIRE(lines.size() == 2);
  CHECK(FieldOf(lines[1], 1) == third);
}

TEST_CASE("a position beyond the end of the log is an error that names the end; the end is none") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t"}, "a\nb\n").status == 0);
  const auto lines = LinesOf(Run({"dump", scratch.store()}).out);
  const std::string& last = lines.back();
  const uint64_t end = std::stoull(FieldOf(last, 1)) + std::stoull(FieldOf(last, 2));

  for (const uint64_t beyond : {end + 1, end * 1000, ~uint64_t{0}}) {
    const std::string from = std::to_string(beyond);
    const Outcome dump = Run({"dump", scratch.store(), "--from=" + from});
    CHECK(dump.status == 1);
    CHECK(dump.out.empty());
    CHECK(dump.err == "weir dump: position " + from + " is beyond the end of the log, which is " +
                          std::to_string(end) + "\n");
  }

  // What is appended next will begin there.
  const Outcome dump = Run({"dump", scratch.store(), "--from=" + std::to_string(end)});
  CHECK(dump.status == 0);
  CHECK(dump.err.empty());
  CHECK(LinesOf(dump.out).size() == 1);
}

TEST_CASE("dump escapes what a body holds, once") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=1"}, "a\tb\\c\x01\xff\n").status ==
          0);

  const Outcome dump = Run({"dump", scratch.store()});

  CAPTURE(dump.out);
  const auto lines = LinesOf(dump.out);
  const auto message = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
    return FieldOf(line, 3) == "message";
  });
  REQUIRE(message != lines.end());
  CHECK(FieldOf(*message, 8) == R"(t/0 a\tb\\c\x01\xff)");
}

TEST_CASE("dump shows where no valid record is, goes on behind it, and ends with status 1") {
  Scratch scratch;
  const Outcome append =
      Run({"append", scratch.store(), "--topic=t", "--ack"}, "before\nneedle-4711\nafter\n");
  REQUIRE(append.status == 0);
  const auto positions = LinesOf(append.out);
  REQUIRE_FALSE(Damage(scratch.store(), "needle-4711").empty());

  const Outcome dump = Run({"dump", scratch.store()});

  CAPTURE(dump.out, dump.err);
  CHECK(dump.status == 1);
  CHECK(dump.err == "weir dump: damaged in 1 places\n");
  std::vector<std::string> types;
  for (const std::string& line : LinesOf(dump.out)) {
    for (size_t i = 0; i < 3; ++i) {
      if (FieldOf(line, 1) == positions[i]) types.push_back(FieldOf(line, 3));
    }
    // Nobody knows when what is damaged was stored.
    if (FieldOf(line, 3) == "damage") CHECK(FieldOf(line, 6) == "-");
    if (FieldOf(line, 3) == "message") CHECK(FieldOf(line, 6).size() == 30);
  }
  CHECK(types == std::vector<std::string>{"message", "damage", "message"});
}

}  // namespace
}  // namespace weir::tool
