// Any bytes as an index file, opened and asked everything; and chains of runs whose links lie.
// Every walk must end, and every answer is a status or within bounds.

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
#include "index/index_file_writer.h"
#include "index/index_files.h"
#include "index/run_chain.h"
#include "log/block_cache.h"
#include "support/fault_file_system.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr size_t kFileBytesMax = 16 << 10;
constexpr uint64_t kSegmentBytes = 4096;
constexpr uint8_t kSegmentsMax = 24;
constexpr uint32_t kQueue = 7;

// The mode byte.
constexpr uint8_t kChain = 1;
constexpr uint8_t kSeal = 2;
constexpr uint8_t kHasCache = 4;

IndexIdentity IdentityOf(uint64_t segment) {
  IndexIdentity identity;
  // As in the example of FORMAT.md, so that it is a seed.
  for (size_t i = 0; i < identity.store.size(); ++i) {
    identity.store[i] = static_cast<uint8_t>(0xA0 + i);
  }
  identity.segment_begin = LogPosition(segment * kSegmentBytes);
  identity.segment_end = identity.segment_begin + kSegmentBytes;
  identity.records_end = identity.segment_begin + 4000;
  identity.incarnation = 0x1111111111111111;
  identity.incarnations_digest = 0x2222222222222222;
  return identity;
}

std::unique_ptr<Directory> OpenStore(FaultFileSystem& disk) {
  auto directory = disk.OpenDirectory("/store", /*create=*/true);
  RequireOk(directory.status(), "the disk");
  return *std::move(directory);
}

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

void OpenAnyFile(uint8_t mode, FuzzInput& input) {
  const IndexIdentity identity = IdentityOf(2);
  std::string bytes(input.Bytes(kFileBytesMax));
  if (mode & kSeal) SealIndexFile(bytes, identity);
  FaultFileSystem disk;
  const auto directory = OpenStore(disk);
  const std::string name = IndexFileName(identity.segment_begin);
  disk.WriteFile("/store/" + name, bytes);
  BlockCache cache(64 << 10);
  const auto index =
      IndexFile::Open(*directory, name, identity, (mode & kHasCache) ? &cache : nullptr);
  if (!index.ok()) return Require(!absl::IsInternal(index.status()), index.status().ToString());
  Require((*index)->header().file_bytes() == bytes.size(),
          "the file is as long as its header says");
  AskEverything(**index);
}

// A queue with a run in some of the segments. An honest link is made as the indexer makes it.
class Chain {
 public:
  void Add(uint64_t segment, FuzzInput& input) {
    const uint8_t what = input.Byte();
    if (what & 1) return;
    const bool lies = what & 2;
    if (what & 4) next_ += input.Byte();  // a gap
    if ((what & 8) && next_ > 0) --next_;
    RunLinks links;
    if (lies) {
      links = {.depth = input.Byte(), .previous = AnyLink(input), .jump = AnyLink(input)};
    } else {
      const uint64_t before = files_.probes();
      const auto honest = LinksForNewRun(files_, kQueue, tail_, LogPosition(0));
      Require(files_.probes() - before <= 2, "a new run costs two probes");
      if (!honest.ok()) return;
      links = *honest;
    }
    const std::vector<IndexEntry> entries(1 + what / 32);
    const IndexIdentity identity = IdentityOf(segment);
    IndexFileWriter writer(identity);
    // What no file may say is not written; the links that are left lie where nobody can see it.
    if (!writer.AddRun(kQueue, QueueOffset(next_), links, entries).ok()) return;
    RequireOk(writer.WriteTo(*directory_, IndexFileName(identity.segment_begin)), "write");
    files_.Register(identity.segment_begin, identity);
    tail_ = {identity.segment_begin, QueueOffset(next_)};
    next_ += entries.size();
    ++runs_;
  }

  void Walk(RunLink tail, LogPosition log_begin) {
    for (uint64_t offset = 0; offset <= std::min<uint64_t>(next_ + 1, 40); ++offset) {
      const uint64_t before = files_.probes();
      const auto found = FindRunOf(files_, kQueue, tail, QueueOffset(offset), log_begin);
      Require(files_.probes() - before <= runs_ + 1, "a walk looks at no run twice");
      if (!found.ok()) {
        Require(!absl::IsInternal(found.status()), found.status().ToString());
        continue;
      }
      if (!found->has_value()) continue;
      const RunLocation& location = **found;
      Require(location.run.queue_number == kQueue && location.segment_begin >= log_begin,
              "a run of the queue");
      Require(location.run.first <= QueueOffset(offset) && QueueOffset(offset) < location.run.end(),
              "the run that holds the offset");
    }
    LinksForNewRun(files_, kQueue, tail, log_begin).IgnoreError();
  }

  RunLink tail() const { return tail_; }
  static RunLink AnyLink(FuzzInput& input) {
    const uint8_t segment = input.Byte();
    if (segment == 0xFF) return kNoLink;
    return {LogPosition(segment % (kSegmentsMax + 1) * kSegmentBytes), QueueOffset(input.Byte())};
  }

 private:
  FaultFileSystem disk_;
  const std::unique_ptr<Directory> directory_ = OpenStore(disk_);
  BlockCache cache_{64 << 10};
  IndexFiles files_{directory_.get(), &cache_};
  RunLink tail_ = kNoLink;
  uint64_t next_ = 0;
  uint64_t runs_ = 0;
};

void WalkAnyChain(FuzzInput& input) {
  Chain chain;
  const RunLink other_tail = Chain::AnyLink(input);
  const LogPosition log_begin(input.Below(kSegmentsMax) * kSegmentBytes);
  for (uint64_t segment = 0; segment < kSegmentsMax && !input.empty(); ++segment) {
    chain.Add(segment, input);
  }
  chain.Walk(chain.tail(), LogPosition(0));
  chain.Walk(other_tail, log_begin);
}

void Run(FuzzInput input) {
  const uint8_t mode = input.Byte();
  if (mode & kChain) return WalkAnyChain(input);
  OpenAnyFile(mode, input);
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
