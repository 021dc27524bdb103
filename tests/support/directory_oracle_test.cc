// The same for stores in real directories: I10, I13 and I14 of oracle.h, and what else is theirs.

#include "support/directory_oracle.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "support/temporary_directory.h"

namespace weir::testing {
namespace {

namespace fs = std::filesystem;
using Kind = Violation::Kind;

// A store of some segments that was closed, with its front in a directory of its own.
class Sample {
 public:
  Sample() {
    fs::create_directory(place_ / "front");
    history.DeclareTopic("orders", 2);
    const auto store = Open();
    REQUIRE(store->CreateTopic("orders", 2).ok());
    history.AcknowledgeTopic("orders");
    for (uint32_t i = 0; i < 60; ++i) {
      const size_t sent = history.Send({.queues = {{"orders", i % 2}}, .body_bytes = 300});
      history.Settle(sent, store->Append(history[sent].message()));
    }
    REQUIRE(store->Close().ok());
  }

  std::unique_ptr<MessageStore> Open() const {
    auto store = MessageStore::Open(options());
    INFO(store.status());
    REQUIRE(store.ok());
    return *std::move(store);
  }
  StoreOptions options() const {
    return {.directory = place_ / "store",
            .background = Background::kManual,
            .segment_bytes = 4096,
            .front_bytes = 64 << 10,
            .front_directory = place_ / "front"};
  }
  DirectoryOracle oracle() const { return {options(), history, {.is_thorough = true}}; }
  std::string operator/(const std::string& name) const { return place_ / name; }

  SendHistory history;

 private:
  const TemporaryDirectory place_;
};

TEST_CASE("an honest store is sound, whoever looks at it and however often") {
  const Sample sample;
  for (int i = 0; i < 2; ++i) {
    const Verdict verdict = sample.oracle().ExamineAll();
    CHECK(verdict.ToString().empty());
    CHECK(verdict.acknowledged_checked == 60);
  }
}

TEST_CASE("a store in a directory that lost something or does not open is told of") {
  Sample sample;
  SECTION("lost") {
    const size_t gone = sample.history.Send({.queues = {{"orders", 0}}});
    sample.history.Settle(
        gone, Receipt{.position = LogPosition(1 << 20), .reached = Durability::kProcess});
    CHECK(sample.oracle().ExamineAll().Count(Kind::kLost) >= 1);
  }
  SECTION("does not open") {
    fs::remove(sample / "store/superblock");
    CHECK(sample.oracle().ExamineAll().Count(Kind::kBroken) == 1);
  }
}

TEST_CASE("I10: what a process holds more than before is told of") {
  const ProcessResources before = ProcessResources::Now();
  Verdict verdict;
  DirectoryOracle::CheckReleased(before, verdict);
  REQUIRE(verdict.ok());

  std::optional<std::ifstream> file;
  void* mapping = MAP_FAILED;
  std::latch may_end(1);
  std::thread thread;
  std::string bytes;
  SECTION("a descriptor") { file.emplace("/proc/self/exe"); }
  SECTION("a mapping") {
    mapping = mmap(nullptr, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(mapping != MAP_FAILED);
  }
  SECTION("a thread") {
    thread = std::thread([&] { may_end.wait(); });
  }
  SECTION("bytes") {
    bytes.resize(1 << 20);
    // A sanitizer has a heap of its own, and looks for leaks in it itself.
    if (ProcessResources::Now().bytes == before.bytes) return;
  }
  DirectoryOracle::CheckReleased(before, verdict);
  may_end.count_down();
  if (thread.joinable()) thread.join();
  if (mapping != MAP_FAILED) munmap(mapping, 4096);
  CHECK(verdict.Count(Kind::kLeak) == 1);
}

TEST_CASE("I13: a second writer that gets the directory is told of") {
  const Sample sample;
  Verdict verdict;
  {
    const auto store = sample.Open();
    sample.oracle().CheckOneWriter(verdict);
    CHECK(verdict.ok());
  }
  sample.oracle().CheckOneWriter(verdict);
  CHECK(verdict.Count(Kind::kWriter) == 1);
}

TEST_CASE("I14: what is not the store's, or is somebody else's to read, is told of") {
  const Sample sample;
  const auto store = sample.Open();
  Verdict verdict;
  sample.oracle().CheckFiles(verdict);
  REQUIRE(verdict.ToString().empty());

  const auto some_front = [&] { return fs::directory_iterator(sample / "front")->path(); };
  SECTION("directory") { REQUIRE(chmod((sample / "store").c_str(), 0755) == 0); }
  SECTION("file") { REQUIRE(chmod((sample / "store/LOCK").c_str(), 0640) == 0); }
  SECTION("front") { REQUIRE(chmod(some_front().c_str(), 0666) == 0); }
  SECTION("no file of the store") {
    std::ofstream(sample / "store/notes") << "?";
    REQUIRE(chmod((sample / "store/notes").c_str(), 0600) == 0);
  }
  SECTION("no front") {
    std::ofstream(sample / "front/notes") << "?";
    REQUIRE(chmod((sample / "front/notes").c_str(), 0600) == 0);
  }
  SECTION("no file") {
    fs::remove(sample / "store/00000000000000000000");
    fs::create_symlink("/dev/null", sample / "store/00000000000000000000");
  }
  sample.oracle().CheckFiles(verdict);
  CHECK(verdict.Count(Kind::kFiles) == 1);
}

}  // namespace
}  // namespace weir::testing
