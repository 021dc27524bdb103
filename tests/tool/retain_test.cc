#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "tool/tool_process.h"

namespace weir::tool {
namespace {

// How many segment files the store has.
size_t SegmentsOf(const std::string& directory) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    count += name.size() == 20 && name.find_first_not_of("0123456789") == std::string::npos;
  }
  return count;
}

TEST_CASE("retain drops the oldest segments and nothing else, or only says what it would") {
  Scratch scratch;
  const std::string store = scratch.store();
  REQUIRE(
      Run({"append", store, "--topic=t", "--queues=1", "--segment_bytes=65536"}, MakeEvents(5000))
          .status == 0);
  const size_t before = SegmentsOf(store);
  REQUIRE(before > 8);
  const Outcome all = Run({"read", store, "--topic=t"});

  const Outcome told = Run({"retain", store, "--max_bytes=500000", "--dry_run"});
  CAPTURE(told.out, told.err);
  CHECK(told.status == 0);
  CHECK(told.out.rfind("would drop ", 0) == 0);
  CHECK(SegmentsOf(store) == before);

  const Outcome done = Run({"retain", store, "--max_bytes=500000"});
  CAPTURE(done.out, done.err);
  CHECK(done.status == 0);
  CHECK(done.out.rfind("dropped ", 0) == 0);
  CHECK(SegmentsOf(store) < before);
  CHECK(SegmentsOf(store) > 3);
  CHECK(Run({"verify", store}).status == 0);
  const Outcome left = Run({"read", store, "--topic=t"});
  REQUIRE(left.out.size() < all.out.size());
  CHECK(all.out.substr(all.out.size() - left.out.size()) == left.out);

  CHECK(Run({"retain", store, "--max_age=1h"}).out.rfind("dropped 0 segments", 0) == 0);
  CHECK(Run({"retain", store}).status == 2);
  CHECK(Run({"retain", scratch.store() + "x", "--max_age=1h"}).status == 1);
}

}  // namespace
}  // namespace weir::tool
