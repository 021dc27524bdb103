#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tool/tool_process.h"

namespace weir::tool {
namespace {

TEST_CASE("--from is an offset in a queue and a position in a topic") {
  Scratch scratch;
  const Outcome append =
      Run({"append", scratch.store(), "--topic=t", "--queues=1", "--ack"}, "a\nb\nc\nd\n");
  REQUIRE(append.status == 0);
  const std::string third = LinesOf(append.out)[2];
  const auto read = [&](const Words& more) {
    Words words = {"read", scratch.store(), "--topic=t"};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  };

  CHECK(read({"--queue=0", "--from=1"}).out == "b\nc\nd\n");
  CHECK(read({"--queue=0", "--from=1", "--max=2"}).out == "b\nc\n");
  CHECK(read({"--from=" + third}).out == "c\nd\n");
  CHECK(read({"--from=" + third, "--max=1"}).out == "c\n");
  CHECK(read({"--from=" + std::to_string(std::stoull(third) + 1)}).out == "d\n");
  CHECK(read({"--max=0"}).out.empty());
  CHECK(read({"--queue=0", "--from=4"}).status == 0);
  CHECK(read({"--queue=0", "--from=5"}).status == 1);
  const Outcome beyond = read({"--from=1000000"});
  CHECK(beyond.status == 1);
  CHECK(beyond.out.empty());
  CHECK(beyond.err.starts_with("weir read: position 1000000 is beyond the end ("));
  CHECK(read({"--from=1000000", "--follow"}).status == 1);
  CHECK(read({"--queue=1"}).status == 1);
  CHECK(Run({"read", scratch.store(), "--topic=unknown"}).status == 1);
}

TEST_CASE("tsv keeps one line and eight columns whatever the body holds") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=1"}, "a\tb\\n\r\n").status == 0);

  const Outcome read = Run({"read", scratch.store(), "--topic=t", "--format=tsv"});

  const auto lines = LinesOf(read.out);
  REQUIRE(lines.size() == 1);
  CHECK(FieldOf(lines[0], 2) == "0");
  CHECK(FieldOf(lines[0], 3) == "0");
  CHECK(FieldOf(lines[0], 4).size() == std::string("2024-05-06T07:08:09.123456789Z").size());
  CHECK(FieldOf(lines[0], 8) == "a\\tb\\\\n\\r");
  CHECK(FieldOf(lines[0], 9).empty());
}

TEST_CASE("json escapes text and gives bytes in base64") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--separator=,", "--tag_field=1",
               "--key_field=2", "--ordering_field=3"},
              "NEW,k1,alice,\"quoted\"\tand \\\nNEW,\xff,bob,\xfe\n")
              .status == 0);

  const Outcome read = Run({"read", scratch.store(), "--topic=t", "--format=json"});

  const auto lines = LinesOf(read.out);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].starts_with("{\"topic\":\"t\",\"queue\":"));
  CHECK(lines[0].find(R"("tag":"NEW","ordering_key":"alice","keys":["k1"],"properties":[])") !=
        std::string::npos);
  CHECK(lines[0].ends_with(R"("body":"NEW,k1,alice,\"quoted\"\tand \\"})"));
  CHECK(lines[1].find(R"("keys_base64":["/w=="])") != std::string::npos);
  CHECK(lines[1].ends_with(R"("body_base64":"TkVXLP8sYm9iLP4="})"));
}

TEST_CASE("a store that another process writes can be read, looked at, checked and followed") {
  Scratch scratch;
  ToolProcess writer({WEIR_TOOL, "append", scratch.store(), "--topic=t", "--queues=1", "--ack"});
  REQUIRE(writer.Feed("a\n"));
  REQUIRE(writer.WaitForLines(1));
  ToolProcess topic_follower(
      {WEIR_TOOL, "read", scratch.store(), "--topic=t", "--follow", "--max=3"});
  ToolProcess queue_follower(
      {WEIR_TOOL, "read", scratch.store(), "--topic=t", "--queue=0", "--follow", "--max=3"});
  REQUIRE(topic_follower.WaitForLines(1));
  REQUIRE(queue_follower.WaitForLines(1));

  REQUIRE(writer.Feed("b\n"));
  REQUIRE(writer.WaitForLines(2));
  CHECK(Run({"read", scratch.store(), "--topic=t"}).out == "a\nb\n");
  CHECK(Run({"info", scratch.store()}).status == 0);
  CHECK(Run({"verify", scratch.store()}).status == 0);
  CHECK(Run({"dump", scratch.store()}).status == 0);
  REQUIRE(topic_follower.WaitForLines(2));
  REQUIRE(writer.Feed("c\nd\n"));

  const Outcome of_topic = topic_follower.Wait();
  CHECK(of_topic.status == 0);
  CHECK(of_topic.out == "a\nb\nc\n");
  const Outcome of_queue = queue_follower.Wait();
  CHECK(of_queue.status == 0);
  CHECK(of_queue.out == "a\nb\nc\n");
  writer.EndInput();
  CHECK(writer.Wait().status == 0);
}

TEST_CASE("--follow goes on when another writer takes over") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=1"}, "a\n").status == 0);
  ToolProcess follower({WEIR_TOOL, "read", scratch.store(), "--topic=t", "--follow", "--max=3"});
  REQUIRE(follower.WaitForLines(1));

  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=1"}, "b\n").status == 0);
  REQUIRE(follower.WaitForLines(2));
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=1"}, "c\n").status == 0);

  CHECK(follower.Wait().out == "a\nb\nc\n");
}

TEST_CASE("--follow waits for a topic that is still to come") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=other"}, "x\n").status == 0);
  ToolProcess follower({WEIR_TOOL, "read", scratch.store(), "--topic=t", "--follow", "--max=1"});

  REQUIRE(Run({"append", scratch.store(), "--topic=t"}, "a\n").status == 0);

  CHECK(follower.Wait().out == "a\n");
}

TEST_CASE("a reader of the output that goes away is no error, a full disk is one") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t"}, MakeEvents(20'000)).status == 0);
  const std::string read = "\"$weir\" read '" + scratch.store() + "' --topic=t";

  const Outcome head = Shell("{ " + read + "; echo $? >&2; } | head -n 1");
  CHECK(head.err == "0\n");
  CHECK(LinesOf(head.out).size() == 1);
  const Outcome follow = Shell("{ " + read + " --follow; echo $? >&2; } | head -n 20000 | wc -l");
  CHECK(follow.err == "0\n");
  CHECK(std::stoi(follow.out) == 20'000);
  const Outcome full = Shell(read + " >/dev/full");
  CHECK(full.status == 1);
  CHECK(full.err.find("standard output") != std::string::npos);
}

}  // namespace
}  // namespace weir::tool
