// Any bytes as an index file, opened and asked everything. Every walk must end, and every answer is
// a status or within bounds.

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/file_names.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/index_sealing.h"
#include "index/index_file.h"
#include "log/block_cache.h"
#include "support/fault_file_system.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr size_t kFileBytesMax = 16 << 10;

// The mode byte.
constexpr uint8_t kSeal = 2;
constexpr uint8_t kHasCache = 4;

void CheckRun(const IndexFile& index, const QueueRun& run) {
  const IndexIdentity& identity = index.header().identity;
  Require(run.count > 0 && run.entries_begin + run.count <= index.header().entry_count,
          "a run has entries");
  Require(!run.links.previous.exists() || run.links.previous.segment_begin < identity.segment_begin,
          "links lead back");
  Require(!run.links.jump.exists() || run.links.jump.segment_begin < identity.segment_begin,
          "jumps lead back");
  std::vector<IndexEntry> entries(run.count);
  if (!index.ReadEntries(run, 0, absl::MakeSpan(entries)).ok()) return;
  for (const IndexEntry& entry : entries) {
    Require(entry.is_hole() || entry.position(identity.segment_begin) < identity.records_end,
            "an entry leads to a record");
  }
  IndexEntry last;
  RequireOk(index.ReadEntries(run, run.count - 1, absl::MakeSpan(&last, 1)), "the last entry");
  Require(last == entries.back(), "the last entry is the last one");
}

void AskForKeysAndTimes(const IndexFile& index) {
  const IndexHeader& header = index.header();
  const auto slots = index.ReadFilter();
  Require(!slots.ok() || slots->size() == header.filter.bytes(), "all slots of the filter");
  const bool is_sound = index.VerifyAll().ok();
  const uint32_t of_example = KeyHash(header.hash_seed, 3, "A-1");
  for (const uint32_t hash : {uint32_t{0}, of_example, ~uint32_t{0}}) {
    const bool may_hold =
        !slots.ok() || slots->empty() || MayHold(header.filter, slots->data(), hash);
    for (const bool newest_first : {false, true}) {
      std::vector<uint32_t> words;
      const absl::Status found = index.FindKeys(
          {.hash = hash, .end_word = ~uint32_t{0}, .newest_first = newest_first, .max = 20},
          &words);
      Require(words.size() <= 20, "no more than was asked for");
      for (const uint32_t word : words) {
        Require(uint64_t{word} * 8 < header.identity.records_end - header.identity.segment_begin,
                "a key leads to a record");
      }
      if (!is_sound) continue;
      RequireOk(found, "what verifies can be asked");
      Require(words.empty() || may_hold, "what is in the table is in the filter");
      Require(newest_first ? std::is_sorted(words.rbegin(), words.rend())
                           : std::is_sorted(words.begin(), words.end()),
              "in the order that was asked for");
    }
  }
  for (const int64_t time : {int64_t{0}, header.first_store_time, header.last_store_time}) {
    const auto stretch = index.FindTime(time);
    Require(!stretch.ok() || stretch->begin <= stretch->end, "a stretch has a begin and an end");
    Require(!is_sound || stretch.ok(), "what verifies can be asked");
  }
}

void AskEverything(const IndexFile& index) {
  const IndexHeader& header = index.header();
  AskForKeysAndTimes(index);
  std::vector<QueueRun> runs;
  const absl::Status walk = index.ForEachRun([&](const QueueRun& run) {
    runs.push_back(run);
    return absl::OkStatus();
  });
  Require(runs.size() <= header.run_count, "no more runs than were counted");
  for (const QueueRun& run : runs) CheckRun(index, run);
  for (const uint32_t queue : {uint32_t{0}, uint32_t{3}, uint32_t{9}, ~uint32_t{0},
                               header.first_queue, header.last_queue}) {
    const auto found = index.FindRun(queue);
    if (!found.ok() || !found->has_value()) continue;
    Require((*found)->queue_number == queue, "the run of the queue that was asked for");
    CheckRun(index, **found);
  }
  uint64_t saved_bytes = 0;
  for (const absl::string_view name : {"catalogue", "totals", "queues", "nobody"}) {
    const auto saved = index.Saved(name);
    if (saved.ok() && saved->has_value()) saved_bytes += (*saved)->bytes.size();
  }
  Require(saved_bytes <= header.saved_bytes, "sections do not overlap");
  if (!index.VerifyAll().ok()) return;
  RequireOk(walk, "what verifies can be walked");
  for (const QueueRun& run : runs) {
    const auto found = index.FindRun(run.queue_number);
    RequireOk(found.status(), "what verifies can be found");
    Require(found->has_value() && **found == run, "and is what it is");
  }
}

// From a directory and through a cache, or from memory, as a reading process has what it made.
absl::StatusOr<std::shared_ptr<IndexFile>> Open(const std::string& bytes,
                                                const IndexIdentity& identity, Directory* directory,
                                                BlockCache* cache) {
  const std::string name = IndexFileName(identity.segment_begin);
  return directory == nullptr ? IndexFile::FromBytes(name, bytes, identity)
                              : IndexFile::Open(*directory, name, identity, cache);
}

void OpenAnyFile(uint8_t mode, FuzzInput& input) {
  const IndexIdentity identity = SealedIdentity(2);
  std::string bytes(input.Bytes(kFileBytesMax));
  if (mode & kSeal) SealIndexFile(bytes, identity);
  FaultFileSystem disk;
  BlockCache cache(64 << 10);
  std::unique_ptr<Directory> directory;
  if (mode & kHasCache) {
    disk.MakeDirectory("/store");
    disk.WriteFile("/store/" + IndexFileName(identity.segment_begin), bytes);
    auto opened = disk.OpenDirectory("/store", /*create=*/false);
    RequireOk(opened.status(), "the disk");
    directory = *std::move(opened);
  }
  const auto index = Open(bytes, identity, directory.get(), &cache);
  if (!index.ok()) return Require(!absl::IsInternal(index.status()), index.status().ToString());
  Require((*index)->header().file_bytes() == bytes.size(),
          "the file is as long as its header says");
  AskEverything(**index);
}

void Run(FuzzInput input) {
  const uint8_t mode = input.Byte();
  OpenAnyFile(mode, input);
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
