// What is taken for a store and what is left alone.

#include "log/store_directory.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "log/small_log.h"

namespace weir::testing {
namespace {

absl::Status OpenStatus(const StoreOptions& options) {
  return OpenStoreDirectory(options).status();
}

bool Says(const absl::Status& status, absl::string_view text) {
  return status.message().find(text) != absl::string_view::npos;
}

// A directory that existed before anybody thought of a store.
class Machine {
 public:
  Machine() { disk.MakeDirectory("/store"); }
  StoreOptions options() { return SmallLog(disk, clock); }
  // Opens and closes a log, so that there is a store with one record.
  void MakeStore() {
    auto log = OpenLog(options());
    Append(*log, "one");
    REQUIRE(log->Close().ok());
  }
  FaultFileSystem disk;
  ManualClock clock;
};

TEST_CASE("an empty directory becomes a store, and its superblock is there at once") {
  Machine machine;

  const auto opened = OpenStoreDirectory(machine.options());

  REQUIRE(opened.ok());
  const Superblock created = opened->superblock->current();
  CHECK(created.segment_bytes == kSegment);
  CHECK(created.is_clean);
  CHECK(created.durable_end == LogPosition(0));
  FaultFileSystem after(machine.disk.PowerLoss(LossPlan::LoseEverything()));
  StoreOptions options = machine.options();
  options.file_system = &after;
  options.create_if_missing = false;
  const auto again = OpenStoreDirectory(options);
  REQUIRE(again.ok());
  CHECK(again->superblock->current() == created);
}

TEST_CASE("two stores have nothing in common, although they were made alike") {
  Machine machine;
  StoreOptions options = machine.options();
  const auto one = OpenStoreDirectory(options);
  options.directory = "/other";
  const auto two = OpenStoreDirectory(options);

  REQUIRE(one.ok());
  REQUIRE(two.ok());
  CHECK(one->superblock->current().store != two->superblock->current().store);
  CHECK(one->superblock->current().hash_seed != two->superblock->current().hash_seed);
}

TEST_CASE("without create_if_missing nothing is made") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  options.create_if_missing = false;

  CHECK(absl::IsNotFound(OpenStatus(options)));
  disk.MakeDirectory("/store");
  const ImageHash before = disk.Freeze().Hash();
  CHECK(absl::IsNotFound(OpenStatus(options)));
  CHECK(disk.Freeze().Hash() == before);
}

TEST_CASE("a directory with foreign files is not a store, and nothing in it changes") {
  Machine machine;
  const std::string foreign = GENERATE(
      as<std::string>{}, "notes.txt", "superblock.old", "superblock.1x", "LOCK.bak", "4096",
      "00000000000000004096.txt", "0000000000000000409x", "notes.tmp", "index", ".hidden");
  machine.disk.WriteFile("/store/" + foreign, "mine");
  machine.disk.WriteFile("/store/LOCK", "");
  const ImageHash before = machine.disk.Freeze().Hash();

  const absl::Status opened = OpenStatus(machine.options());

  INFO(foreign << ": " << opened);
  CHECK(absl::IsInvalidArgument(opened));
  CHECK(Says(opened, "/store"));
  CHECK(machine.disk.Freeze().Hash() == before);
}

TEST_CASE("a store with foreign files beside it opens, and they stay") {
  Machine machine;
  machine.MakeStore();
  machine.disk.WriteFile("/store/notes.txt", "mine");
  machine.disk.WriteFile("/store/notes.tmp", "mine too");

  CHECK(Bodies(*OpenLog(machine.options())) == Words{"one"});

  CHECK(machine.disk.ReadFile("/store/notes.txt") == "mine");
  CHECK(machine.disk.ReadFile("/store/notes.tmp") == "mine too");
}

TEST_CASE("segments without a superblock are never taken for a new store") {
  Machine machine;
  machine.MakeStore();
  machine.disk.RemoveFile("/store/superblock");
  const ImageHash before = machine.disk.Freeze().Hash();

  const absl::Status opened = OpenStatus(machine.options());

  CHECK(absl::IsDataLoss(opened));
  CHECK(Says(opened, "superblock"));
  CHECK(machine.disk.Freeze().Hash() == before);
}

TEST_CASE("a FIFO or a link under the superblock's name is not taken for a missing superblock") {
  Machine machine;
  machine.disk.PlantSpecialFile("/store/superblock");
  const ImageHash before = machine.disk.Freeze().Hash();

  CHECK(absl::IsFailedPrecondition(OpenStatus(machine.options())));
  CHECK(machine.disk.Freeze().Hash() == before);
}

TEST_CASE("a crash inside the creation of a store leaves a directory that becomes one") {
  Machine machine;
  std::vector<CrashImage> moments;
  machine.disk.SetHook([&](const Operation&) { moments.push_back(machine.disk.ProcessDeath()); });
  REQUIRE(OpenStoreDirectory(machine.options()).ok());
  machine.disk.SetHook(nullptr);
  REQUIRE(moments.size() > 5);

  for (size_t i = 0; i < moments.size(); ++i) {
    FaultFileSystem after(moments[i]);
    StoreOptions options = machine.options();
    options.file_system = &after;
    auto log = OpenLog(options);
    INFO("died before call " << i);
    CHECK(log->report().was_clean);
    Append(*log, "one");
    CHECK(log->Close().ok());
    CHECK(after.ListFiles("/store").size() == 3);
  }
}

TEST_CASE("LOCK and superblock with a second hard link are refused, and a copy is explained") {
  Machine machine;
  machine.MakeStore();
  machine.disk.MakeDirectory("/copy");
  for (const std::string file : {"LOCK", "superblock"}) {
    machine.disk.LinkFile("/store/" + file, "/copy/" + file);
    const absl::Status opened = OpenStatus(machine.options());
    INFO(file << ": " << opened);
    CHECK(absl::IsFailedPrecondition(opened));
    CHECK(Says(opened, file));
    CHECK(Says(opened, "without hard links"));
    machine.disk.RemoveFile("/copy/" + file);
  }
  CHECK(OpenStatus(machine.options()).ok());
}

TEST_CASE("a second writer is refused and told which process has the store") {
  Machine machine;
  machine.disk.SetProcessId(4711);
  auto log = OpenLog(machine.options());
  const auto other = machine.disk.AnotherProcess();
  StoreOptions options = machine.options();
  options.file_system = other.get();

  const absl::Status refused = OpenStatus(options);

  CHECK(absl::IsUnavailable(refused));
  CHECK(Says(refused, "4711"));
  REQUIRE(log->Close().ok());
  CHECK(OpenStatus(options).ok());
}

TEST_CASE("a writer whose LOCK was removed is still the only one, until it ends") {
  Machine machine;
  auto first = OpenStoreDirectory(machine.options());
  REQUIRE(first.ok());
  const auto second = machine.disk.AnotherProcess();
  StoreOptions options = machine.options();
  options.file_system = second.get();

  SECTION("with the superblock that it opened") {}
  SECTION("with one that was written anew since") {
    machine.disk.Inject(
        InputOutputError({.kind = OperationKind::kSync, .name_contains = "superblock"}));
    REQUIRE(first->superblock->Update([](Superblock&) {}).ok());
    REQUIRE(machine.disk.ListFiles("/store").front() != "superblock");
  }
  machine.disk.RemoveFile("/store/LOCK");
  const absl::Status refused = OpenStatus(options);
  CHECK(absl::IsUnavailable(refused));
  CHECK(Says(refused, "LOCK"));
  // The refused one made a LOCK anew; that one is nobody's either.
  CHECK(absl::IsUnavailable(OpenStatus(options)));

  first = absl::CancelledError("closed");
  CHECK(OpenStatus(options).ok());
}

TEST_CASE("files of ours that never got their name are removed, and nobody else's") {
  Machine machine;
  machine.MakeStore();
  const std::vector<std::string> ours = {
      "superblock.1.tmp", TemporaryName(SegmentFileName({.begin = LogPosition(1 << 20)})),
      TemporaryName(SegmentFileName({.begin = LogPosition(), .generation = 2})),
      TemporaryName(IndexFileName(LogPosition(4096)))};
  for (const std::string& name : ours) machine.disk.WriteFile("/store/" + name, "half");
  const std::string others = "letters.tmp";
  machine.disk.WriteFile("/store/" + others, "whole");

  REQUIRE(OpenStatus(machine.options()).ok());

  const std::vector<std::string> left = machine.disk.ListFiles("/store");
  for (const std::string& name : ours) {
    INFO(name);
    CHECK(std::count(left.begin(), left.end(), name) == 0);
  }
  CHECK(std::count(left.begin(), left.end(), others) == 1);
}

TEST_CASE("temporary files of a store that somebody else writes are left alone") {
  Machine machine;
  machine.MakeStore();
  auto log = OpenLog(machine.options());
  const std::string name = TemporaryName(SegmentFileName({.begin = LogPosition(1 << 20)}));
  machine.disk.WriteFile("/store/" + name, "being written");
  const auto other = machine.disk.AnotherProcess();
  StoreOptions options = machine.options();
  options.file_system = other.get();

  CHECK(absl::IsUnavailable(OpenStatus(options)));
  CHECK(machine.disk.FileExists("/store/" + name));
}

TEST_CASE("sizes that no store can have are refused before anything is touched") {
  FaultFileSystem disk;
  ManualClock clock;
  const auto with = [&](auto change) {
    StoreOptions options = SmallLog(disk, clock);
    change(options);
    return OpenStatus(options);
  };
  const auto segment = [&](uint64_t bytes) {
    return with([&](StoreOptions& options) { options.segment_bytes = bytes; });
  };
  const auto front = [&](uint64_t bytes) {
    return with([&](StoreOptions& options) { options.front_bytes = bytes; });
  };

  for (const uint64_t bytes : {uint64_t{0}, uint64_t{2048}, uint64_t{5000}, uint64_t{1} << 31}) {
    CHECK(absl::IsInvalidArgument(segment(bytes)));
  }
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{4096}, uint64_t{12288}, uint64_t{1} << 33}) {
    CHECK(absl::IsInvalidArgument(front(bytes)));
  }
  CHECK(absl::IsInvalidArgument(
      with([](StoreOptions& options) { options.default_queue_count = kMaxQueuesPerTopic + 1; })));
  CHECK(absl::IsInvalidArgument(
      with([](StoreOptions& options) { options.front_directory = "/" + std::string(2000, 'd'); })));
  CHECK(disk.operations() == 0);
  CHECK(front(8192).ok());
}

TEST_CASE("the size of segments is the store's: another one in the options changes nothing") {
  Machine machine;
  machine.MakeStore();
  StoreOptions options = machine.options();
  options.segment_bytes = 65536;

  auto log = OpenLog(options);

  CHECK(log->segments().segment_bytes() == kSegment);
  CHECK(Bodies(*log) == Words{"one"});
  Append(*log, "two");
  CHECK(log->record_bytes_max() == kSegment / 4);
}

}  // namespace
}  // namespace weir::testing
