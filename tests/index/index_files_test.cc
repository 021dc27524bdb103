#include "index/index_files.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "format/file_names.h"
#include "index/sample_index.h"

namespace weir::testing {
namespace {

TEST_CASE("index files are opened when asked for, and at most 128 stay open") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  BlockCache cache(1 << 20);
  IndexFiles files(directory.get(), &cache);
  for (uint64_t segment = 0; segment < 200; ++segment) {
    const IndexIdentity identity = SampleIdentity(segment);
    IndexFileWriter writer(identity);
    REQUIRE(writer.AddRun(7, QueueOffset(segment), {}, {IndexEntry{}}).ok());
    REQUIRE(writer.WriteTo(*directory, IndexFileName(identity.segment_begin)).ok());
    files.Register(identity.segment_begin, identity);
  }
  CHECK(files.open_files() == 0);

  for (uint64_t segment = 0; segment < 200; ++segment) {
    const auto run = files.FindRun(LogPosition(segment * kSegmentBytes), 7);
    REQUIRE(run.ok());
    CHECK((*run)->run.first == QueueOffset(segment));
    REQUIRE(files.Get(LogPosition(0)).ok());  // used again and again, it stays
  }
  CHECK(files.open_files() == 128);
  CHECK(files.probes() == 200);
  const uint64_t operations = file_system.operations();
  REQUIRE(files.Get(LogPosition(0)).ok());
  CHECK(file_system.operations() == operations);

  const auto held = files.Get(LogPosition(0));
  files.Forget(LogPosition(0));
  REQUIRE(directory->Remove(IndexFileName(LogPosition(0))).ok());
  CHECK(files.open_files() == 127);
  CHECK(absl::IsNotFound(files.Get(LogPosition(0)).status()));
  CHECK(RunOf(**held, 7).first == QueueOffset(0));
}

TEST_CASE("a replaced index file is not mixed up with the one before") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  BlockCache cache(1 << 20);
  IndexFiles files(directory.get(), &cache);
  const IndexIdentity identity = SampleIdentity(1);
  const std::string name = IndexFileName(identity.segment_begin);
  for (const uint64_t first : {4u, 5u}) {
    IndexFileWriter writer(identity);
    REQUIRE(writer.AddRun(7, QueueOffset(first), {}, {IndexEntry{}}).ok());
    REQUIRE(writer.WriteTo(*directory, name).ok());
    files.Register(identity.segment_begin, identity);

    const auto run = files.FindRun(identity.segment_begin, 7);

    REQUIRE(run.ok());
    CHECK((*run)->run.first == QueueOffset(first));
  }
}

TEST_CASE("a file that is kept in memory serves until another one takes its place") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  BlockCache cache(1 << 20);
  IndexFiles files(directory.get(), &cache);
  const IndexIdentity identity = SampleIdentity(1);
  const LogPosition begin = identity.segment_begin;
  IndexFileWriter kept(identity);
  REQUIRE(kept.AddRun(7, QueueOffset(4), {}, {IndexEntry{}}).ok());
  const auto file = IndexFile::FromBytes(IndexFileName(begin), *kept.Contents(), identity);
  REQUIRE(file.ok());
  files.Keep(begin, *file);
  CHECK((*files.FindRun(begin, 7))->run.first == QueueOffset(4));
  CHECK(files.open_files() == 0);

  IndexFileWriter written(identity);
  REQUIRE(written.AddRun(7, QueueOffset(5), {}, {IndexEntry{}}).ok());
  REQUIRE(written.WriteTo(*directory, IndexFileName(begin)).ok());
  files.Register(begin, identity);
  CHECK((*files.FindRun(begin, 7))->run.first == QueueOffset(5));
  CHECK(files.open_files() == 1);
}

TEST_CASE("a file that is forgotten or replaced while it is opened is good for who opened it") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  BlockCache cache(1 << 20);
  IndexFiles files(directory.get(), &cache);
  const IndexIdentity identity = SampleIdentity(1);
  const LogPosition begin = identity.segment_begin;
  IndexFileWriter writer(identity);
  REQUIRE(writer.AddRun(7, QueueOffset(4), {}, {IndexEntry{}}).ok());
  REQUIRE(writer.WriteTo(*directory, IndexFileName(begin)).ok());
  const bool is_replaced = GENERATE(true, false);
  files.Register(begin, identity);
  file_system.SetHook([&](const Operation& operation) {
    if (operation.kind != OperationKind::kOpen) return;
    if (is_replaced) {
      files.Register(begin, identity);
    } else {
      files.Forget(begin);
      files.Forget(begin);  // once is enough
    }
  });

  const auto run = files.FindRun(begin, 7);

  REQUIRE(run.ok());
  CHECK((*run)->run.first == QueueOffset(4));
  CHECK(files.open_files() == 0);
}

TEST_CASE("many threads look while files come, go and are replaced") {
  constexpr uint64_t kSegments = 100;
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  BlockCache cache(64 << 10);
  IndexFiles files(directory.get(), &cache);
  const auto write = [&](uint64_t segment) {
    const IndexIdentity identity = SampleIdentity(segment);
    IndexFileWriter writer(identity);
    return writer.AddRun(7, QueueOffset(segment), {}, {IndexEntry{}}).ok() &&
           writer.WriteTo(*directory, IndexFileName(identity.segment_begin)).ok();
  };
  for (uint64_t segment = 0; segment < kSegments; ++segment) {
    REQUIRE(write(segment));
    files.Register(LogPosition(segment * kSegmentBytes), SampleIdentity(segment));
  }

  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> found{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 3000; ++i) {
        const uint64_t segment = (i * (t * 2 + 3)) % kSegments;
        const auto run = files.FindRun(LogPosition(segment * kSegmentBytes), 7);
        if (run.ok() && *run && (*run)->run.first == QueueOffset(segment)) {
          found += 1;
        } else if (!absl::IsNotFound(run.status())) {
          wrong += 1;
        }
      }
    });
  }
  for (uint64_t i = 0; i < 500; ++i) {
    const uint64_t segment = i % 10;
    files.Forget(LogPosition(segment * kSegmentBytes));
    if (i % 3 == 0 && !write(segment)) wrong += 1;
    files.Register(LogPosition(segment * kSegmentBytes), SampleIdentity(segment));
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(wrong == 0);
  CHECK(found > 0);
  CHECK(files.open_files() <= IndexFiles::kOpenFilesMax);
}

}  // namespace
}  // namespace weir::testing
