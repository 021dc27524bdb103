#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "tool/tool_process.h"

namespace weir::tool {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

using Files = std::map<std::string, std::string>;

// Every file of a store; of LOCK only that it is there, for its text is whoever looked last.
Files FilesOf(const std::string& directory) {
  Files files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().filename();
    files[name] = name == "LOCK" ? "" : ReadFile(entry.path());
  }
  return files;
}

void Overwrite(const std::string& path, std::streamoff at, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(at);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

const std::string kSecond = "00000000000000065536";
const std::string kThird = "00000000000000131072";

// A closed store of some segments.
struct Closed {
  Scratch scratch;
  std::string store = scratch.store();
  std::string copy = store + ".repaired";

  Closed() {
    REQUIRE(
        Run({"append", store, "--topic=t", "--queues=2", "--segment_bytes=65536"}, MakeEvents(3000))
            .status == 0);
    REQUIRE(std::filesystem::exists(store + "/" + kThird + ".index"));
  }
};

TEST_CASE("repair of a sound store has nothing to do, and no directory is made") {
  Closed closed;
  const Files before = FilesOf(closed.store);
  const Outcome repair = Run({"repair", closed.store});
  CAPTURE(repair.out, repair.err);
  CHECK(repair.status == 0);
  CHECK(repair.out == "nothing to repair\n");
  CHECK(FilesOf(closed.store) == before);
  CHECK_FALSE(std::filesystem::exists(closed.copy));
}

TEST_CASE("repair computes index files again, and a dry run says so and does not") {
  Closed closed;
  const Files sound = FilesOf(closed.store);
  std::filesystem::remove(closed.store + "/" + kSecond + ".index");
  Overwrite(closed.store + "/" + kThird + ".index", 300, "#");
  const Files before = FilesOf(closed.store);
  const Outcome dry = Run({"repair", closed.store, "--dry_run"});
  CAPTURE(dry.out);
  CHECK(dry.status == 0);
  CHECK(Has(dry.out, "2 index files would be computed again\n"));
  CHECK(FilesOf(closed.store) == before);

  const Outcome repair = Run({"repair", closed.store});
  CAPTURE(repair.out);
  CHECK(repair.status == 0);
  CHECK(Has(repair.out, "computed again: " + kSecond + ".index\n"));
  CHECK(Has(repair.out, "computed again: " + kThird + ".index\n"));
  CHECK(Has(repair.out, "nothing is lost\n"));
  const Files after = FilesOf(closed.store);
  for (const auto& [name, bytes] : sound) {
    CAPTURE(name);
    if (!name.ends_with(".index")) CHECK(after.at(name) == bytes);
  }
  CHECK(Run({"verify", closed.store}).status == 0);
}

TEST_CASE("repair saves what is left of a log and never changes the damaged one") {
  Closed closed;
  const std::string whole = Run({"read", closed.store, "--topic=t", "--format=tsv"}).out;
  const std::string line = LinesOf(whole)[700];
  const std::string file = Damage(closed.store, "commit700\t");
  REQUIRE_FALSE(file.empty());
  const Files before = FilesOf(closed.store);

  const Outcome dry = Run({"repair", closed.store, "--dry_run"});
  CAPTURE(dry.out);
  CHECK(dry.status == 1);
  CHECK(Has(dry.out, "would save 2999 messages "));
  CHECK_FALSE(std::filesystem::exists(closed.copy));
  CHECK(FilesOf(closed.store) == before);

  const bool is_named = GENERATE(true, false);
  const std::string copy = is_named ? closed.scratch.path("mended") : closed.copy;
  const Outcome repair =
      is_named ? Run({"repair", closed.store, "--to=" + copy}) : Run({"repair", closed.store});
  CAPTURE(repair.out, repair.err);
  CHECK(repair.status == 1);
  CHECK(FilesOf(closed.store) == before);
  const std::string position = FieldOf(line, 1);
  CHECK(Has(repair.out, "found: " + file + " at " + position + ": "));
  CHECK(Has(repair.out, "lost:  " + file + " at " + position + ": "));
  CHECK(Has(repair.out, "lost:  t, queue " + FieldOf(line, 2) + ", offsets " + FieldOf(line, 3) +
                            " to " + FieldOf(line, 3) + "\n"));
  CHECK(Has(repair.out, "saved 2999 messages "));
  CHECK(Has(repair.out, " in " + copy + "\n"));

  // Position, queue, offset and time of every other line are the same.
  std::string expected = whole;
  expected.erase(expected.find(line), line.size() + 1);
  CHECK(Run({"read", copy, "--topic=t", "--format=tsv"}).out == expected);
  // What is lost stays told, and there is no more to be had.
  const Outcome verify = Run({"verify", copy});
  CHECK(verify.status == 1);
  CHECK(Has(verify.out, file + " at " + position + ": a lost range"));
  CHECK(Run({"repair", copy}).status == 0);
  CHECK(Run({"append", copy, "--topic=t"}, "more\n").status == 0);
  // The place is taken now.
  const Outcome again = Run({"repair", closed.store, "--to=" + copy});
  CHECK(again.status == 1);
  CHECK(Has(again.err, copy + " is not empty"));
}

TEST_CASE("repair brings a store without superblock back, and without loss that is status 0") {
  Closed closed;
  const std::string whole = Run({"read", closed.store, "--topic=t", "--format=tsv"}).out;
  Overwrite(closed.store + "/superblock", 0, std::string(8192, 'x'));
  Overwrite(closed.store + "/" + kSecond, 0, std::string(1024, 'x'));
  CHECK(Run({"read", closed.store, "--topic=t"}).status == 1);
  const Outcome repair = Run({"repair", closed.store});
  CAPTURE(repair.out, repair.err);
  CHECK(repair.status == 0);
  CHECK(Has(repair.out, "found: superblock at 0: slot 0"));
  CHECK(Has(repair.out, "found: superblock at 4096: slot 1"));
  CHECK(Has(repair.out, "found: " + kSecond + " at 65536: copy 0 of the segment header"));
  CHECK(Has(repair.out, "found: " + kSecond + " at 66048: copy 1 of the segment header"));
  CHECK(Has(repair.out, "nothing is lost\n"));
  CHECK(Run({"read", closed.copy, "--topic=t", "--format=tsv"}).out == whole);
  CHECK(Run({"verify", closed.copy}).status == 0);
}

TEST_CASE("repair saves what a killed process had only in its front") {
  Scratch scratch;
  ToolProcess writer({WEIR_TOOL, "append", scratch.store(), "--topic=t", "--ack"});
  REQUIRE(writer.Feed("one\ntwo\nthree\n"));
  REQUIRE(writer.WaitForLines(3));
  const Outcome refused = Run({"repair", scratch.store()});
  CHECK(refused.status == 1);
  CHECK(Has(refused.err, "process " + std::to_string(writer.pid())));
  CHECK(Run({"repair", scratch.store(), "--dry_run"}).err == refused.err);
  writer.Kill();
  writer.Wait();
  Overwrite(scratch.store() + "/superblock", 0, std::string(8192, 'x'));
  const Outcome repair = Run({"repair", scratch.store()});
  CAPTURE(repair.out, repair.err);
  CHECK(repair.status == 0);
  CHECK(Run({"read", scratch.store() + ".repaired", "--topic=t"}).out == "one\ntwo\nthree\n");
}

TEST_CASE("repair of what is no store fails, and called wrongly it says how") {
  Scratch scratch;
  CHECK(Run({"repair", scratch.store()}).status == 1);
  CHECK_FALSE(std::filesystem::exists(scratch.store()));
  std::filesystem::create_directory(scratch.store());
  const Outcome empty = Run({"repair", scratch.store()});
  CHECK(empty.status == 1);
  CHECK(Has(empty.err, "there is no store in "));
  CHECK(std::filesystem::is_empty(scratch.store()));
  CHECK(Run({"repair"}).status == 2);
  CHECK(Run({"repair", scratch.store(), "--into=x"}).status == 2);
  CHECK(Has(Run({"repair", "--help"}).out, "--dry_run"));
}

}  // namespace
}  // namespace weir::tool
