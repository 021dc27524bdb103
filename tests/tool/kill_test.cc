// The promise of `weir append --ack`: what it has printed a position for survives SIGKILL.

#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "tool/tool_process.h"

namespace weir::tool {
namespace {

TEST_CASE("after SIGKILL a prefix of the input is there that holds every acknowledged line") {
  const std::string events = MakeEvents(400'000);
  for (const char* how : {"--durability=process", "--durability=disk", "--batch=7"}) {
    CAPTURE(how);
    Scratch scratch;
    const Words append = {WEIR_TOOL, "append", scratch.store(), "--topic=events", "--queues=3",
                          "--ack",   how};
    ToolProcess victim(append);
    std::thread feeder([&] { victim.Feed(events); });
    const bool has_begun = victim.WaitForLines(2'000);
    victim.Kill();
    feeder.join();
    const Outcome killed = victim.Wait();
    REQUIRE(has_begun);
    CHECK(killed.status == -9);
    const size_t acknowledged = LinesOf(killed.out).size();

    const Outcome info = Run({"info", scratch.store()});
    CHECK(info.status == 0);
    const std::string survived = Run({"read", scratch.store(), "--topic=events"}).out;
    const size_t count = LinesOf(survived).size();
    CHECK(count >= acknowledged);
    CHECK(events.starts_with(survived));
    if (std::string(how) == "--batch=7") CHECK(count % 7 == 0);

    std::string rest = events.substr(survived.size(), 1'000'000);
    rest.resize(rest.rfind('\n') + 1);
    const Outcome again = Run({"append", scratch.store(), "--topic=events", "--queues=3"}, rest);
    CHECK(again.status == 0);
    CHECK(again.err.find("recovered in ") != std::string::npos);
    CHECK(Run({"read", scratch.store(), "--topic=events"}).out == survived + rest);
    CHECK(Run({"verify", scratch.store()}).status == 0);
  }
}

}  // namespace
}  // namespace weir::tool
