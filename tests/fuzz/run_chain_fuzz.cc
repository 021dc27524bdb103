// Index files whose runs of a queue are linked to each other, with links that lie. Every walk must
// end, and every answer is a status or within bounds.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "format/file_names.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/index_sealing.h"
#include "index/index_file_writer.h"
#include "index/index_files.h"
#include "index/run_chain.h"
#include "log/block_cache.h"
#include "support/fault_file_system.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr uint64_t kSegmentBytes = 4096;
constexpr uint8_t kSegmentsMax = 24;
constexpr uint32_t kQueue = 7;

std::unique_ptr<Directory> OpenStore(FaultFileSystem& disk) {
  auto directory = disk.OpenDirectory("/store", /*create=*/true);
  RequireOk(directory.status(), "the disk");
  return *std::move(directory);
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
    const IndexIdentity identity = SealedIdentity(segment);
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

void Run(FuzzInput input) {
  Chain chain;
  const RunLink other_tail = Chain::AnyLink(input);
  const LogPosition log_begin(input.Below(kSegmentsMax) * kSegmentBytes);
  for (uint64_t segment = 0; segment < kSegmentsMax && !input.empty(); ++segment) {
    chain.Add(segment, input);
  }
  chain.Walk(chain.tail(), LogPosition(0));
  chain.Walk(other_tail, log_begin);
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
