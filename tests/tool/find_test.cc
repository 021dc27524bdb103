#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tool/tool_process.h"

namespace weir::tool {
namespace {

// Lines "TAG,KEY,text" of a topic with two queues, in segments so small that most are sealed.
class Found {
 public:
  explicit Found(const std::string& lines) {
    REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=2", "--separator=,",
                 "--tag_field=1", "--key_field=2", "--segment_bytes=4096"},
                lines)
                .status == 0);
  }
  Outcome Find(const Words& more) const {
    Words words = {"find", scratch.store(), "--topic=t"};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  }
  // The columns of all messages.
  std::vector<std::string> Table() const {
    return LinesOf(Run({"read", scratch.store(), "--topic=t", "--format=tsv"}).out);
  }

  Scratch scratch;
};

std::string Numbered(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    lines += (i % 2 == 0 ? "EVEN,k" : "ODD,k") + std::to_string(i % 7) + ",line " +
             std::to_string(i) + "\n";
  }
  return lines;
}

TEST_CASE("find --latest prints the newest message of each key, or of one, of a compacted topic") {
  Scratch scratch;
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=2", "--compacted", "--separator=,",
               "--key_field=2", "--segment_bytes=4096"},
              Numbered(200))
              .status == 0);
  const auto find = [&](const Words& more) {
    Words words = {"find", scratch.store(), "--topic=t", "--latest"};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  };
  std::string expected;
  for (int key = 0; key < 7; ++key) {
    const int last = 199 - (199 - key) % 7;
    expected += (last % 2 == 0 ? "EVEN,k" : "ODD,k") + std::to_string(key) + ",line " +
                std::to_string(last) + "\n";
  }
  CHECK(find({}).out == expected);
  CHECK(find({"--max=1"}).out == "EVEN,k0,line 196\n");
  CHECK(find({"--key=k3"}).out == "ODD,k3,line 199\n");
  CHECK(find({"--key=k3", "--grep=line 1$"}).out.empty());
  CHECK(find({"--key=nobody"}).out.empty());
  CHECK(find({"--key=nobody"}).status == 0);
  CHECK(find({"--newest_first"}).status == 2);
}

TEST_CASE("find prints the messages of a key, in either order and as many as are wanted") {
  const Found found(Numbered(200));
  std::string expected;
  std::string backwards;
  for (int i = 3; i < 200; i += 7) {
    const std::string line = (i % 2 == 0 ? "EVEN,k3,line " : "ODD,k3,line ") + std::to_string(i);
    expected += line + "\n";
    backwards = line + "\n" + backwards;
  }
  const Outcome all = found.Find({"--key=k3"});
  CHECK(all.status == 0);
  CHECK(all.out == expected);
  CHECK(found.Find({"--key=k3", "--newest_first"}).out == backwards);
  CHECK(found.Find({"--key=k3", "--max=2"}).out == "ODD,k3,line 3\nEVEN,k3,line 10\n");
  CHECK(found.Find({"--key=k3", "--tag=EVEN", "--max=1"}).out == "EVEN,k3,line 10\n");
  CHECK(found.Find({"--key=k3", "--grep=line 1[57]$"}).out == "ODD,k3,line 17\n");
  CHECK(found.Find({"--key=k"}).out.empty());
  CHECK(found.Find({"--key=k"}).status == 0);
}

TEST_CASE("find prints what has a tag, and bodies in which an expression matches") {
  const Found found(Numbered(200));
  CHECK(LinesOf(found.Find({"--tag=ODD"}).out).size() == 100);
  CHECK(found.Find({"--tag=odd"}).out.empty());
  CHECK(found.Find({"--grep=,line (7|19[89])$"}).out ==
        "ODD,k0,line 7\nEVEN,k2,line 198\nODD,k3,line 199\n");
  CHECK(found.Find({"--grep=^ODD.*9$", "--tag=ODD", "--max=2"}).out ==
        "ODD,k2,line 9\nODD,k5,line 19\n");
  const Outcome misused = found.Find({"--grep=("});
  CHECK(misused.status == 2);
  CHECK(misused.err.starts_with("weir find: --grep: "));
  CHECK(found.Find({"--grep=" + std::string(2'000, 'a')}).status == 2);
}

TEST_CASE(
    "find and read print what fulfils a filter, and name the column where it makes no sense") {
  const Found found(Numbered(200));
  CHECK(LinesOf(found.Find({"--filter=TAGS = 'ODD' AND KEYS IN ('k3', 'k4')"}).out).size() == 29);
  const Outcome read = Run({"read", found.scratch.store(), "--topic=t", "--max=2",
                            "--filter=TAGS = 'EVEN' AND KEYS = 'k3'"});
  CHECK(read.out == "EVEN,k3,line 10\nEVEN,k3,line 24\n");
  for (const std::string command : {"find", "read"}) {
    const Outcome misused = Run({command, found.scratch.store(), "--topic=t", "--filter=a >"});
    CHECK(misused.status == 2);
    CHECK(misused.err.starts_with("weir " + command + ": --filter: column "));
  }
}

TEST_CASE("an expression is looked for in a body of any bytes and any length") {
  Scratch scratch;
  const std::string large(1'000'000, 'x');
  REQUIRE(Run({"append", scratch.store(), "--topic=t", "--queues=1"},
              "a" + std::string(1, '\0') + "b\n" + large + "\n\nend\n")
              .status == 0);
  const auto grep = [&](const std::string& expression) {
    return Run({"find", scratch.store(), "--topic=t", "--grep=" + expression}).out;
  };
  CHECK(grep("b$") == "a" + std::string(1, '\0') + "b\n");
  CHECK(grep("^(x|y)*$") == large + "\n\n");
  CHECK(grep("^$") == "\n");
  CHECK(grep("d") == "end\n");
}

TEST_CASE("find and read begin and end at times, both of them included") {
  const Found found(Numbered(120));
  const std::vector<std::string> table = found.Table();
  REQUIRE(table.size() == 120);
  for (const size_t first : {size_t{0}, size_t{1}, size_t{57}, size_t{119}}) {
    CAPTURE(first);
    const std::string from = "--from_time=" + FieldOf(table[first], 4);
    // Messages that were appended one by one have times of their own, or else share them.
    std::string expected;
    std::string of_queue;
    for (const std::string& line : table) {
      if (FieldOf(line, 4) < FieldOf(table[first], 4)) continue;
      expected += FieldOf(line, 8) + "\n";
      if (FieldOf(line, 2) == "1") of_queue += FieldOf(line, 8) + "\n";
    }
    CHECK(found.Find({from}).out == expected);
    CHECK(Run({"read", found.scratch.store(), "--topic=t", from}).out == expected);
    CHECK(Run({"read", found.scratch.store(), "--topic=t", "--queue=1", from}).out == of_queue);

    std::string before;
    std::string of_key;
    for (const std::string& line : table) {
      if (FieldOf(line, 4) > FieldOf(table[first], 4)) continue;
      before += FieldOf(line, 8) + "\n";
      if (FieldOf(line, 7) == "k5") of_key += FieldOf(line, 8) + "\n";
    }
    const std::string to = "--to_time=" + FieldOf(table[first], 4);
    CHECK(found.Find({to}).out == before);
    CHECK(found.Find({to, "--key=k5"}).out == of_key);
  }
  CHECK(found.Find({"--from_time=2999-01-01T00:00:00Z"}).out.empty());
  CHECK(found.Find({"--to_time=1999-01-01T02:00:00+02:00"}).out.empty());
  CHECK(
      found.Find({"--key=k5", "--from_time=2999-01-01T00:00:00Z", "--to_time=1999-01-01T00:00:00Z"})
          .status == 0);
  CHECK(Run({"read", found.scratch.store(), "--topic=t", "--from_time=2999-01-01T00:00:00Z"})
            .status == 0);
}

TEST_CASE("the id that json prints finds the message again") {
  const Found found(Numbered(80));
  const std::string json =
      LinesOf(Run({"read", found.scratch.store(), "--topic=t", "--format=json"}).out)[33];
  const size_t at = json.find(R"("id":")");
  REQUIRE(at != std::string::npos);
  const std::string id = json.substr(at + 6, 64);
  const auto find = [&](const Words& more) {
    Words words = {"find", found.scratch.store()};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  };
  CHECK(find({"--id=" + id, "--format=json"}).out == json + "\n");
  CHECK(find({"--id=" + id}).out == "ODD,k5,line 33\n");

  std::string other = id;
  other[0] = other[0] == '0' ? '1' : '0';
  const Outcome stranger = find({"--id=" + other});
  CHECK(stranger.status == 1);
  CHECK(stranger.err == "weir find: the id is of a message of another store\n");
  CHECK(find({"--id=" + id.substr(1)}).status == 2);
}

TEST_CASE("find says what it is called wrongly for") {
  const Found found("A,k,x\n");
  CHECK(found.Find({}).status == 2);
  CHECK(found.Find({"--max=3"}).status == 2);
  CHECK(found.Find({"--tag=A", "--newest_first"}).status == 2);
  CHECK(found.Find({"--from_time=yesterday"}).status == 2);
  CHECK(Run({"find", found.scratch.store(), "--key=k"}).status == 2);
  CHECK(found.Find({"--id=" + std::string(64, '0')}).status == 2);
  CHECK(Run({"find", found.scratch.store(), "--topic=none", "--key=k"}).status == 1);
  CHECK(Run({"find", found.scratch.path("nothing"), "--topic=t", "--key=k"}).status == 1);
  CHECK(Run({"read", found.scratch.store(), "--topic=t", "--from=3",
             "--from_time=2024-05-06T07:08:09Z"})
            .status == 2);
}

TEST_CASE("find tells a damaged message of the key, prints the others and fails") {
  const Found found(Numbered(100));
  Damage(found.scratch.store(), "line 45");
  const Outcome outcome = found.Find({"--key=k3"});
  CHECK(outcome.status == 1);
  CHECK(LinesOf(outcome.out).size() == 13);
  CHECK(outcome.out.find("line 45\n") == std::string::npos);
  CHECK(outcome.err.find("weir find: ") != std::string::npos);
}

}  // namespace
}  // namespace weir::tool
