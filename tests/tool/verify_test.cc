#include <catch2/catch.hpp>
#include <string>

#include "tool/tool_process.h"

namespace weir::tool {
namespace {

TEST_CASE("a store that was closed is sound") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--segment_bytes=65536"}, MakeEvents(3000))
              .status == 0);

  const Outcome verify = Run({"verify", scratch.store()});

  CAPTURE(verify.out, verify.err);
  CHECK(verify.status == 0);
  CHECK(verify.out.starts_with("sound: "));
  CHECK(verify.out.find(" 3000 messages, ") != std::string::npos);
}

TEST_CASE("verify names file and position of a flipped bit, and reading goes on around it") {
  Scratch scratch;
  const Outcome append =
      Run({"append", scratch.store(), "--topic=t", "--ack"}, "before\nneedle-4711\nafter\n");
  REQUIRE(append.status == 0);
  const std::string position = LinesOf(append.out)[1];
  const std::string file = Damage(scratch.store(), "needle-4711");
  REQUIRE_FALSE(file.empty());

  const Outcome verify = Run({"verify", scratch.store()});
  CAPTURE(verify.out, verify.err);
  CHECK(verify.status == 1);
  CHECK(verify.out.find(file + " at " + position + ": ") != std::string::npos);

  const Outcome read = Run({"read", scratch.store(), "--topic=t"});
  CHECK(read.status == 1);
  CHECK(read.out == "before\nafter\n");
  CHECK(read.err.find(file) != std::string::npos);
}

}  // namespace
}  // namespace weir::tool
