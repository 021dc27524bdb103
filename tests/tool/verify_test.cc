#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

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

// Every kind of file hurt at once, and some at several places.
TEST_CASE("verify names every damaged place of every kind of file, and nothing else") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=1", "--segment_bytes=131072"},
              MakeEvents(5000))
              .status == 0);
  const auto overwrite = [&](const std::string& file, std::streamoff at, const std::string& bytes) {
    std::fstream stream(scratch.store() + "/" + file,
                        std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(at);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(stream.good());
  };
  const bool opens = GENERATE(true, false);
  const std::vector<std::string> records = LinesOf(Run({"dump", scratch.store()}).out);
  // The positions of two messages of the first segment that are no neighbours.
  const std::string one = FieldOf(records[100], 1);
  const std::string other = FieldOf(records[200], 1);
  overwrite("00000000000000000000", std::stol(one) + 40, "##");
  overwrite("00000000000000000000", std::stol(other), "##");
  overwrite("00000000000000131072", 20, "#");
  overwrite("00000000000000262144", 0, std::string(1024, '#'));
  std::filesystem::remove(scratch.store() + "/00000000000000393216");
  overwrite("00000000000000131072.index", 1000, "#");
  overwrite("00000000000000131072.index", 5200, "#");
  overwrite("00000000000000262144.index", 20, "#");
  overwrite("00000000000000393216.index", 1000, "#");
  std::filesystem::remove(scratch.store() + "/00000000000000000000.index");
  overwrite("superblock", 100, "#");
  if (!opens) overwrite("superblock", 4096 + 100, "#");

  const Outcome verify = Run({"verify", scratch.store()});

  CAPTURE(opens, verify.out, verify.err);
  CHECK(verify.status == 1);
  std::vector<std::string> expected = {
      "00000000000000000000 at " + one + ": ",
      "00000000000000000000 at " + other + ": ",
      "00000000000000131072 at 131072: copy 0 of the segment header is not whole",
      "00000000000000262144 at 262144: copy 0 of the segment header is not whole",
      "00000000000000262144 at 262656: copy 1 of the segment header is not whole",
      "00000000000000393216 at 393216: segment 00000000000000393216 is missing",
      "00000000000000000000.index at 0: the index file is missing",
      "00000000000000131072.index at 131072: 00000000000000131072.index: block 0 ",
      "00000000000000131072.index at 131072: 00000000000000131072.index: block 1 ",
      "00000000000000262144.index at 262144: ",
      "00000000000000393216.index at 393216: ",
      "superblock at 0: slot 0 of the superblock is not whole"};
  if (!opens) expected.push_back("superblock at 4096: slot 1 of the superblock is not whole");
  // As it is opened, a segment without a header is not read at all.
  if (opens) expected.push_back("00000000000000262144 at 262144: segment 00000000000000262144: ");
  std::vector<std::string> lines = LinesOf(verify.out);
  REQUIRE_FALSE(lines.empty());
  CHECK(lines.back().starts_with("damaged in " + std::to_string(expected.size()) + " places: "));
  lines.pop_back();
  for (const std::string& place : expected) {
    CAPTURE(place);
    const auto named = std::find_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.starts_with(place);
    });
    CHECK(named != lines.end());
    if (named != lines.end()) lines.erase(named);
  }
  for (const std::string& line : lines) FAIL_CHECK("told besides: " << line);
}

TEST_CASE("verify names the last index file of a closed store if it is missing, and all of them") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--segment_bytes=65536"}, MakeEvents(3000))
              .status == 0);
  const bool all = GENERATE(true, false);
  size_t removed = 0;
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(scratch.store())) {
    if (entry.path().extension() == ".index") newest = std::max(newest, entry.path().string());
  }
  for (const auto& entry : std::filesystem::directory_iterator(scratch.store())) {
    const std::string path = entry.path();
    if (path.ends_with(".index") && (all || path == newest))
      removed += std::filesystem::remove(path);
  }
  const Outcome verify = Run({"verify", scratch.store()});
  CAPTURE(verify.out);
  CHECK(verify.status == 1);
  CHECK(LinesOf(verify.out).size() == removed + 1);
  CHECK(verify.out.find(newest.substr(newest.rfind('/') + 1) + " at ") != std::string::npos);
}

}  // namespace
}  // namespace weir::tool
