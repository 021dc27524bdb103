#include <catch2/catch.hpp>
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

}  // namespace
}  // namespace weir::tool
