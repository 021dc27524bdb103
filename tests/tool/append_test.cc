#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "tool/tool_process.h"

namespace weir::tool {
namespace {

const std::string kFields[] = {"--tag_field=2", "--key_field=3", "--ordering_field=4"};

TEST_CASE("lines go through a store and back, byte for byte, in the order of the log") {
  for (const char* how : {"--durability=process", "--durability=disk", "--batch=7"}) {
    CAPTURE(how);
    Scratch scratch;
    const std::string events = MakeEvents(2000);

    const Outcome append = Run({"append", scratch.store(), "--topic=events", how}, events);
    const Outcome read = Run({"read", scratch.store(), "--topic=events"});

    CAPTURE(append.err, read.err);
    CHECK(append.status == 0);
    CHECK(append.err.empty());
    CHECK(append.out.starts_with("appended 2000 messages, " + std::to_string(events.size() - 2000) +
                                 " bytes in "));
    CHECK(append.out.ends_with("/s)\n"));
    CHECK(read.status == 0);
    CHECK(read.out == events);
  }
}

TEST_CASE(
    "tag, key and ordering key are the fields asked for, and equal ordering keys keep order") {
  Scratch scratch;
  const std::string events = MakeEvents(1000);
  REQUIRE(Run({"append", scratch.store(), "--topic=events", "--queues=5", kFields[0], kFields[1],
               kFields[2]},
              events)
              .status == 0);

  std::map<std::string, std::vector<std::string>> wanted;  // by author
  for (const std::string& line : LinesOf(events)) wanted[FieldOf(line, 4)].push_back(line);
  std::map<std::string, std::vector<std::string>> found;
  for (int queue = 0; queue < 5; ++queue) {
    const std::string flag = "--queue=" + std::to_string(queue);
    const Outcome bodies = Run({"read", scratch.store(), "--topic=events", flag});
    const Outcome table = Run({"read", scratch.store(), "--topic=events", flag, "--format=tsv"});
    REQUIRE(bodies.status == 0);
    REQUIRE(table.status == 0);
    const std::vector<std::string> lines = LinesOf(bodies.out);
    const std::vector<std::string> rows = LinesOf(table.out);
    REQUIRE(lines.size() == rows.size());
    for (size_t i = 0; i < lines.size(); ++i) {
      found[FieldOf(lines[i], 4)].push_back(lines[i]);
      CHECK(FieldOf(rows[i], 2) == std::to_string(queue));
      CHECK(FieldOf(rows[i], 3) == std::to_string(i));
      CHECK(FieldOf(rows[i], 5) == FieldOf(lines[i], 2));
      CHECK(FieldOf(rows[i], 6) == FieldOf(lines[i], 4));
      CHECK(FieldOf(rows[i], 7) == FieldOf(lines[i], 3));
    }
  }
  CHECK(found == wanted);
}

TEST_CASE("a line without the field becomes a message without the part") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--separator=,", "--tag_field=2",
               "--key_field=3"},
              "plain\na,T,K\nb,,\n")
              .status == 0);

  const auto rows = LinesOf(Run({"read", scratch.store(), "--topic=t", "--format=tsv"}).out);

  REQUIRE(rows.size() == 3);
  CHECK(FieldOf(rows[0], 5).empty());
  CHECK(FieldOf(rows[0], 7).empty());
  CHECK(FieldOf(rows[1], 5) == "T");
  CHECK(FieldOf(rows[1], 7) == "K");
  CHECK(FieldOf(rows[2], 5).empty());
  CHECK(FieldOf(rows[2], 7).empty());
}

TEST_CASE("empty lines, a last line without newline, NUL bytes and a megabyte are bodies") {
  Scratch scratch;
  const std::string input =
      std::string("\n\nnul:") + '\0' + "\r\n" + std::string(1'000'000, 'm') + "\n\nlast";

  const Outcome append = Run({"append", scratch.store(), "--topic=t"}, input);

  CHECK(append.out.starts_with("appended 6 messages, 1000010 bytes in "));
  CHECK(Run({"read", scratch.store(), "--topic=t"}).out == input + "\n");
}

TEST_CASE("no input makes a store and a topic without messages") {
  Scratch scratch;
  CHECK(Run({"append", scratch.store(), "--topic=t"}).out.starts_with("appended 0 messages, "));
  CHECK(Run({"read", scratch.store(), "--topic=t"}).status == 0);
}

TEST_CASE("--ack prints the position of every message, in order, before the summary") {
  for (const char* how : {"--durability=process", "--durability=disk", "--batch=10"}) {
    CAPTURE(how);
    Scratch scratch;
    const Outcome append =
        Run({"append", scratch.store(), "--topic=t", "--ack", "--latency", how}, MakeEvents(995));
    const auto rows = LinesOf(Run({"read", scratch.store(), "--topic=t", "--format=tsv"}).out);

    const auto lines = LinesOf(append.out);
    REQUIRE(lines.size() == 997);
    REQUIRE(rows.size() == 995);
    for (size_t i = 0; i < rows.size(); ++i) CHECK(lines[i] == FieldOf(rows[i], 1));
    CHECK(lines[995].starts_with("appended 995 messages"));
    CHECK(lines[996].starts_with("append p50 "));
  }
}

TEST_CASE("a line is acknowledged before the next one comes") {
  for (const char* how : {"--durability=process", "--durability=disk"}) {
    Scratch scratch;
    ToolProcess append({WEIR_TOOL, "append", scratch.store(), "--topic=t", "--ack", how});
    for (size_t i = 1; i <= 3; ++i) {
      REQUIRE(append.Feed("line\n"));
      REQUIRE(append.WaitForLines(i));
    }
    append.EndInput();
    CHECK(append.Wait().status == 0);
  }
}

TEST_CASE("a second run goes on behind the first") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=1"}, "a\nb\n").status == 0);
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=1"}, "c\n").status == 0);
  CHECK(Run({"read", scratch.store(), "--topic=t", "--queue=0"}).out == "a\nb\nc\n");

  const Outcome other = Run({"append", scratch.store(), "--topic=t", "--queues=2"}, "d\n");
  CHECK(other.status == 1);
  CHECK(Run({"read", scratch.store(), "--topic=t"}).out == "a\nb\nc\n");
}

TEST_CASE("a line that the store refuses is named, and the lines before it stay") {
  Scratch scratch;
  const std::string input = "one\ntwo\n" + std::string(3000, 'x') + "\nfour\n";

  const Outcome append =
      Run({"append", scratch.store(), "--topic=t", "--segment_bytes=4096"}, input);

  CHECK(append.status == 1);
  CHECK(append.err.starts_with("weir append: line 3: "));
  CHECK(append.out.starts_with("appended 2 messages, 6 bytes in "));
  CHECK(Run({"read", scratch.store(), "--topic=t"}).out == "one\ntwo\n");
}

TEST_CASE("hostile topic names are refused as misuse, become no paths, and touch no store") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t"}, "line\n").status == 0);
  const std::string dump = Run({"dump", scratch.store()}).out;
  for (const std::string& name : {std::string("../x"), std::string("a\nb"), std::string("\x01"),
                                  std::string(256, 'n'), std::string(65'536, 'n')}) {
    const Outcome append = Run({"append", scratch.store(), "--topic=" + name}, "line\n");
    CAPTURE(name.substr(0, 20), append.err);
    CHECK(append.status == 2);
    CHECK(append.err.starts_with("weir append: --topic: the topic's name "));
    CHECK(Run({"read", scratch.store(), "--topic=" + name}).status == 1);
  }
  CHECK(Shell("ls -A '" + scratch.path("") + "'").out == "store\n");
  CHECK(Run({"dump", scratch.store()}).out == dump);
}

TEST_CASE("a second writer is refused at once and told the pid of the first") {
  Scratch scratch;
  ToolProcess first({WEIR_TOOL, "append", scratch.store(), "--topic=t", "--ack"});
  REQUIRE(first.Feed("line\n"));
  REQUIRE(first.WaitForLines(1));

  const Outcome second = Run({"append", scratch.store(), "--topic=t"}, "other\n");

  CHECK(second.status == 1);
  CHECK(second.err.find(std::to_string(first.pid())) != std::string::npos);
  first.EndInput();
  CHECK(first.Wait().status == 0);
  CHECK(Run({"read", scratch.store(), "--topic=t"}).out == "line\n");
}

TEST_CASE("a closed standard input is an error with its name, and nothing is appended") {
  Scratch scratch;
  const Outcome closed =
      Shell("\"$weir\" append '" + scratch.store() + "' --topic=t --queues=1 <&-");
  CHECK(closed.status == 1);
  CHECK(closed.err == "weir append: standard input is closed\n");
  CHECK(closed.out.starts_with("appended 0 messages"));
  CHECK(Run({"read", scratch.store(), "--topic=t", "--queue=0"}).out.empty());
}

TEST_CASE("what is printed to a closed descriptor never lands in the store") {
  for (const char* closed : {">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"}) {
    CAPTURE(closed);
    Scratch scratch;
    // The second run meets files that are there, and says so on standard error.
    REQUIRE(Run({"append", scratch.store(), "--topic=t"}, "a\nb\n").status == 0);
    const Outcome outcome = Shell("printf 'c\\nd\\n' | \"$weir\" append '" + scratch.store() +
                                  "' --topic=t --ack --latency " + closed);
    const bool is_output_closed = std::string(closed) != "2>&-";
    CHECK(outcome.status == (is_output_closed ? 1 : 0));
    if (std::string(closed) == ">&-") CHECK(outcome.err.find("output is closed") < 100);
    const Outcome verify = Run({"verify", scratch.store()});
    CAPTURE(verify.out, verify.err);
    CHECK(verify.status == 0);
    const std::string bodies = Run({"read", scratch.store(), "--topic=t"}).out;
    CHECK(std::string("a\nb\nc\nd\n").starts_with(bodies));
    CHECK(bodies.starts_with("a\nb\n"));
  }
}

TEST_CASE("append stops with an error when nobody reads its acknowledgements any more") {
  Scratch scratch;
  const Outcome outcome = Shell("{ yes | \"$weir\" append '" + scratch.store() +
                                "' --topic=t --ack; echo $? >&2; } | head -n 1");
  CHECK(outcome.err.find("nobody reads") != std::string::npos);
  CHECK(outcome.err.ends_with("\n1\n"));
  CHECK(Run({"verify", scratch.store()}).status == 0);
}

}  // namespace
}  // namespace weir::tool
