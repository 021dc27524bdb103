#include <catch2/catch.hpp>
#include <string>

#include "tool/tool_process.h"

namespace weir::tool {
namespace {

TEST_CASE("snapshot makes a store of its own, and refuses a directory that is taken") {
  Scratch scratch;
  const std::string copy = scratch.store() + ".copy";
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=2", "--segment_bytes=65536"},
              MakeEvents(2000))
              .status == 0);
  const Outcome taken = Run({"snapshot", scratch.store(), "--to=" + copy});
  CAPTURE(taken.out, taken.err);
  CHECK(taken.status == 0);
  CHECK(taken.out.rfind(copy + " holds the log up to ", 0) == 0);
  CHECK(Run({"verify", copy}).status == 0);
  CHECK(Run({"read", copy, "--topic=t"}).out == Run({"read", scratch.store(), "--topic=t"}).out);
  CHECK(Run({"append", copy, "--topic=t"}, "more\n").status == 0);

  CHECK(Run({"snapshot", scratch.store(), "--to=" + copy}).status == 1);
  CHECK(Run({"snapshot", scratch.store()}).status == 2);
  CHECK(Run({"snapshot", scratch.store() + "x", "--to=" + copy + "2"}).status == 1);
}

}  // namespace
}  // namespace weir::tool
