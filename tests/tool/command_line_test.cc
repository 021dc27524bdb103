#include <catch2/catch.hpp>
#include <string>

#include "tool/tool_process.h"

namespace weir::tool {
namespace {

const Words kCommands = {"append", "read", "info", "verify", "dump"};

TEST_CASE("--help of the tool and of each command goes to standard output") {
  const Outcome overview = Run({"--help"});
  CHECK(overview.status == 0);
  for (const std::string& command : kCommands) {
    CAPTURE(command);
    CHECK(overview.out.find("  " + command) != std::string::npos);
    for (const Words& words : {Words{command, "--help"}, Words{command, "some/dir", "--help"}}) {
      const Outcome help = Run(words);
      CHECK(help.status == 0);
      CHECK(help.err.empty());
      CHECK(help.out.starts_with("weir " + command + " DIR"));
    }
  }
}

TEST_CASE("the help of a command names each of its flags") {
  const auto help = [](const std::string& command) { return Run({command, "--help"}).out; };
  for (const char* flag :
       {"--topic", "--separator", "--tag_field", "--key_field", "--ordering_field", "--queues",
        "--durability", "--batch", "--segment_bytes", "--ack", "--latency"}) {
    CHECK(help("append").find(std::string("  ") + flag + " ") != std::string::npos);
  }
  for (const char* flag : {"--topic", "--queue", "--from", "--max", "--follow", "--format"}) {
    CHECK(help("read").find(std::string("  ") + flag + " ") != std::string::npos);
  }
}

TEST_CASE("dump's help speaks of no flag that dump does not take") {
  const std::string help = Run({"dump", "--help"}).out;
  CHECK(help.find("--queue") == std::string::npos);
  CHECK(help.find("  --from ") != std::string::npos);
  CHECK(help.find("osition") != std::string::npos);
  CHECK(Run({"read", "--help"}).out.find("with --queue") != std::string::npos);
}

TEST_CASE("misuse ends with status 2, says what is wrong, and touches nothing") {
  Scratch scratch;
  const std::string store = scratch.store();
  for (const Words& words : {
           Words{},
           Words{"frobnicate", store},
           Words{"append"},
           Words{"append", ""},
           Words{"append", store},
           Words{"append", store, "--topic="},
           Words{"append", store, "--topic"},
           Words{"append", store, "--topic=../x"},
           Words{"append", store, "--topic=.."},
           Words{"append", store, "--topic=a\nb"},
           Words{"append", store, "--topic=" + std::string(256, 'n')},
           Words{"append", store, store, "--topic=t"},
           Words{"append", store, "--topic=t", "--follow"},
           Words{"append", store, "--topic=t", "--no_such_flag"},
           Words{"append", store, "--topic=t", "-x"},
           Words{"append", store, "--topic=t", "--queues=0"},
           Words{"append", store, "--topic=t", "--queues=65537"},
           Words{"append", store, "--topic=t", "--queues=many"},
           Words{"append", store, "--topic=t", "--tag_field=0"},
           Words{"append", store, "--topic=t", "--batch=0"},
           Words{"append", store, "--topic=t", "--batch=-1"},
           Words{"append", store, "--topic=t", "--separator="},
           Words{"append", store, "--topic=t", "--separator=ab"},
           Words{"append", store, "--topic=t", "--durability=none"},
           Words{"append", store, "--topic=t", "--segment_bytes=4095"},
           Words{"append", store, "--topic=t", "--segment_bytes=12288"},
           Words{"append", store, "--topic=t", "--ack=maybe"},
           Words{"read", store},
           Words{"read", store, "--topic=t", "--format=xml"},
           Words{"read", store, "--topic=t", "--from=-1"},
           Words{"read", store, "--topic=t", "--max=1.5"},
           Words{"read", store, "--topic=t", "--queue=65536"},
           Words{"info"},
           Words{"info", ""},
           Words{"info", store, "--topic=t"},
           Words{"verify"},
           Words{"verify", store, "--json"},
           Words{"dump"},
           Words{"dump", store, "--from=x"},
       }) {
    const Outcome outcome = Run(words, "line\n");
    std::string line = "weir";
    for (const std::string& word : words) line += " " + word;
    CAPTURE(line, outcome.err);
    CHECK(outcome.status == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.starts_with("weir"));
  }
  CHECK(Shell("ls '" + scratch.path("") + "'").out.empty());
}

TEST_CASE("a flag's value may stand in the next word, and -- ends the flags") {
  Scratch scratch;
  CHECK(Run({"append", "--topic", "t", "--", scratch.store()}, "line\n").status == 0);
  CHECK(Run({"read", scratch.store(), "--max", "1", "--topic", "t"}).out == "line\n");
}

TEST_CASE("a store that is not there is a failure and is not created by reading commands") {
  Scratch scratch;
  for (const Words& words :
       {Words{"read", scratch.store(), "--topic=t"}, Words{"info", scratch.store()},
        Words{"verify", scratch.store()}, Words{"dump", scratch.store()}}) {
    const Outcome outcome = Run(words);
    CHECK(outcome.status == 1);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == "weir " + words[0] + ": there is no store in " + scratch.store() + "\n");
  }
  CHECK(Shell("ls '" + scratch.path("") + "'").out.empty());
}

TEST_CASE("a directory that holds nothing is told like one that is missing, and stays as it is") {
  Scratch scratch;
  const std::string empty = scratch.path("empty");
  REQUIRE(Shell("mkdir '" + empty + "'").status == 0);
  for (const Words& words : {Words{"read", empty, "--topic=t"}, Words{"info", empty},
                             Words{"verify", empty}, Words{"dump", empty}}) {
    const Outcome outcome = Run(words);
    CHECK(outcome.status == 1);
    CHECK(outcome.err == "weir " + words[0] + ": there is no store in " + empty + "\n");
  }
  CHECK(Shell("ls '" + empty + "'").out.empty());
  CHECK(Run({"info", ""}).err.starts_with("weir info: there is no store in \"\""));
}

}  // namespace
}  // namespace weir::tool
