#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "tool/tool_process.h"

namespace weir::tool {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("info names the state, the ends, the segments and the topics with their queues") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=events", "--queues=2", "--segment_bytes=65536"},
              MakeEvents(3000))
              .status == 0);
  REQUIRE(Run({"append", scratch.store(), "--topic=gr\xc3\xbc\xc3\x9f e"}, "line\n").status == 0);

  const Outcome info = Run({"info", scratch.store()});

  CAPTURE(info.out);
  CHECK(info.status == 0);
  CHECK(Has(info.out, "state     healthy"));
  CHECK(Has(info.out, "opening   clean"));
  CHECK(Has(info.out, "log       begin "));
  CHECK(Has(info.out, ", sealed, indexed\n"));
  CHECK(Has(info.out, ", active"));
  CHECK(Has(info.out, "topics    2\n"));
  CHECK(Has(info.out, "memory    queues "));
  CHECK(Has(Run({"info", scratch.store(), "--json"}).out, R"("memory":{"queues":)"));
  CHECK(Has(info.out, "  events  2 queues, 3000 messages, "));
  CHECK(Has(info.out, "    queue 1  offsets 0 to 1500\n"));
  CHECK(Has(info.out, "  gr\xc3\xbc\xc3\x9f e  8 queues, 1 messages, "));
}

TEST_CASE("info of a live store names who writes it; of a closed one, that there is no front") {
  Scratch scratch;
  ToolProcess writer({WEIR_TOOL, "append", scratch.store(), "--topic=t", "--ack"});
  REQUIRE(writer.Feed("line\n"));
  REQUIRE(writer.WaitForLines(1));

  const Outcome live = Run({"info", scratch.store()});
  CAPTURE(live.out);
  CHECK(live.status == 0);
  CHECK(Has(live.out, "opening   live: process " + std::to_string(writer.pid()) + " writes"));
  CHECK_FALSE(Has(live.out, "recovered"));
  CHECK_FALSE(Has(live.out, "front     none"));
  CHECK(Has(Run({"info", scratch.store(), "--json"}).out, R"("has_writer":true,"front":")"));

  writer.EndInput();
  REQUIRE(writer.Wait().status == 0);
  const Outcome closed = Run({"info", scratch.store()});
  CAPTURE(closed.out);
  CHECK(Has(closed.out, "opening   clean\n"));
  CHECK(Has(closed.out, "front     none\n"));
  CHECK(Has(Run({"info", scratch.store(), "--json"}).out, R"("has_writer":false,"front":"none")"));
}

TEST_CASE("info of a store whose writer was killed does not take it for a live one") {
  Scratch scratch;
  ToolProcess writer({WEIR_TOOL, "append", scratch.store(), "--topic=t", "--ack"});
  REQUIRE(writer.Feed("line\n"));
  REQUIRE(writer.WaitForLines(1));
  writer.Kill();
  writer.Wait();

  const Outcome info = Run({"info", scratch.store()});

  CAPTURE(info.out);
  CHECK(Has(info.out, "opening   recovered in "));
  CHECK_FALSE(Has(info.out, "live"));
}

TEST_CASE("info --json is one object") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=1"}, "a\nb\n").status == 0);

  const Outcome info = Run({"info", scratch.store(), "--json"});

  CAPTURE(info.out);
  CHECK(info.status == 0);
  CHECK(LinesOf(info.out).size() == 1);
  CHECK(info.out.starts_with("{\"state\":\"healthy\",\"reason\":\"\",\"begin\":"));
  CHECK(Has(info.out, R"("recovery":{"was_clean":true,)"));
  CHECK(Has(info.out, R"({"name":"t","queue_count":1,"is_compacted":false,"messages":2,"bytes":)"));
  CHECK(Has(info.out, R"("queues":[{"queue":0,"first":0,"end":2}])"));
  CHECK(info.out.ends_with("}\n"));
}

TEST_CASE("info shows damaged ranges and quarantined files, as text and as JSON") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t"}, "before\nneedle-4711\nafter\n").status ==
          0);
  CHECK(Has(Run({"info", scratch.store()}).out, "quarantine  0\n"));
  const std::string file = Damage(scratch.store(), "needle-4711");
  std::filesystem::create_directory(scratch.store() + "/quarantine");
  std::ofstream(scratch.store() + "/quarantine/00000000000000001024.cut") << "kept";

  const Outcome info = Run({"info", scratch.store()});
  CAPTURE(info.out);
  CHECK(info.status == 0);
  CHECK(Has(info.out, "state     degraded: "));
  CHECK(Has(info.out, "  damaged "));
  CHECK(Has(info.out, "segment " + file + " at +"));
  CHECK(Has(info.out, "quarantine  1\n  00000000000000001024.cut\n"));
  const Outcome json = Run({"info", scratch.store(), "--json"});
  CAPTURE(json.out);
  CHECK(json.out.starts_with(R"({"state":"degraded","reason":")"));
  CHECK(Has(json.out, R"("damage":[{"begin":)"));
  CHECK(Has(json.out, R"("is_cut":false)"));
  CHECK(Has(json.out, R"("quarantine":["00000000000000001024.cut"])"));
}

TEST_CASE("info of a store whose front was taken away says that something may be lost") {
  Scratch scratch;
  ToolProcess writer({WEIR_TOOL, "append", scratch.store(), "--topic=t", "--ack"});
  REQUIRE(writer.Feed("line\n"));
  REQUIRE(writer.WaitForLines(1));
  writer.Kill();
  writer.Wait();
  // A copy lies in another directory, so the front is not its own.
  const std::string copy = scratch.path("copy");
  std::filesystem::copy(scratch.store(), copy);
  const Outcome info = Run({"info", copy});
  CAPTURE(info.out);
  CHECK(Has(info.out, "POSSIBLE LOSS"));
  CHECK(Has(Run({"info", copy, "--json"}).out, R"("possible_loss":true)"));
}

}  // namespace
}  // namespace weir::tool
