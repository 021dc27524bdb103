// Any bytes as the ring of a front that a dead process left behind: its claims are settled, and
// from its written end to its claimed end records lie back to back.

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "format/front_layout.h"
#include "format/record.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/record_sealing.h"
#include "log/front.h"
#include "log/front_adoption.h"
#include "support/mirrored_memory.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr uint64_t kSegmentBytes = 4096;
constexpr uint64_t kRingBytes = 8192;
constexpr uint64_t kLogBegin = 6 * kSegmentBytes;
constexpr uint64_t kIncarnation = 0x1111111111111111;

// The mode byte.
constexpr uint8_t kSeal = 1;
constexpr uint8_t kRawEnds = 2;
constexpr uint8_t kWounds = 4;  // behind the sealing

class RingMemory final : public SharedMemory {
 public:
  RingMemory()
      : memory_(
            MirroredMemory::Create({.header_bytes = kFrontHeaderBytes, .ring_bytes = kRingBytes})) {
    Require(memory_ != nullptr, "memory for a ring");
    header_ = memory_->header();
    ring_ = memory_->ring();
    header_bytes_ = kFrontHeaderBytes;
    ring_bytes_ = kRingBytes;
  }
  bool is_shared() const override { return true; }
  absl::Status TryLock() override { return absl::OkStatus(); }
  absl::Status ProbeLock() override { return absl::OkStatus(); }
  absl::StatusOr<bool> IsLinked() override { return true; }

 private:
  const std::unique_ptr<MirroredMemory> memory_;
};

void WriteEnds(FrontHeader& header, uint8_t mode, FuzzInput& input) {
  if (mode & kRawEnds) {
    header.front_begin = input.Take<uint64_t>();
    header.claimed_end = input.Take<uint64_t>();
    header.written_end = input.Take<uint64_t>();
    header.durable_end = input.Take<uint64_t>();
    return;
  }
  // Up to `max`, in records' steps.
  const auto part = [&](uint64_t max) {
    return input.Take<uint16_t>() % (max / kRecordAlignment + 1) * kRecordAlignment;
  };
  const uint64_t begin = kLogBegin + part(kSegmentBytes);
  const uint64_t claimed = begin + part(kRingBytes);
  const uint64_t written = begin + part(claimed - begin);
  header.front_begin = begin;
  header.claimed_end = claimed;
  header.written_end = written;
  header.durable_end = part(written);
}

void FillRing(Front& front, uint8_t mode, FuzzInput& input) {
  const LogPosition begin = front.front_begin();
  const uint64_t bytes = front.claimed_end() - begin;
  std::string wounds(input.Bytes((mode & kWounds) ? 24 : 0));
  std::string log(input.Bytes(bytes));
  log.resize(bytes);
  if (mode & kSeal) SealRecords(absl::MakeSpan(log), begin, kSegmentBytes, kIncarnation);
  FuzzInput places(reinterpret_cast<const uint8_t*>(wounds.data()), wounds.size());
  if (mode & kWounds) log = AnyBytesLike(log, /*patches=*/true, log.size(), places);
  for (uint64_t done = 0; done < bytes;) {
    // Not over the end of the ring at once: it is there twice, and records lie across.
    const uint64_t size = std::min<uint64_t>(bytes - done, 1024);
    std::memcpy(front.At(begin + done), log.data() + done, size);
    done += size;
  }
}

// The end of what lies back to back from the written end on.
LogPosition CheckRecords(const Front& front) {
  const LogPosition claimed = front.claimed_end();
  LogPosition end = front.written_end();
  while (end < claimed) {
    const LogPosition at = RecordStart(end, kSegmentBytes);
    if (claimed <= at || claimed - at < kRecordHeaderBytes) break;
    const RecordHeader header = LoadHeader(front.At(at));
    Require(header.word > 0, "every claim is settled");
    Require(header.bytes() >= kRecordHeaderBytes && header.bytes() % kRecordAlignment == 0 &&
                at + header.bytes() <= claimed,
            "records lie back to back");
    Require(at.value() / kSegmentBytes == (at.value() + header.bytes() - 1) / kSegmentBytes,
            "no record crosses a border");
    end = at + header.bytes();
  }
  return end;
}

void Run(FuzzInput input) {
  const uint8_t mode = input.Byte();
  auto memory = std::make_unique<RingMemory>();
  auto& header = *reinterpret_cast<FrontHeader*>(memory->header());
  WriteEnds(header, mode, input);
  if (!EndsMakeSense(header, kRingBytes)) return;
  Front front(std::move(memory), kSegmentBytes, kIncarnation);
  FillRing(front, mode, input);

  std::vector<DamagedRange> damage;
  const LogPosition written = front.written_end();
  const LogPosition claimed = front.claimed_end();
  SettleClaims(front, &damage);
  Require(front.claimed_end() == claimed, "nothing that was claimed is forgotten");
  Require(front.written_end() >= written && front.written_end() <= claimed,
          "the written end only grows");
  LogPosition told = written;
  for (const DamagedRange& range : damage) {
    Require(range.begin >= told && range.begin < range.end && range.end <= claimed,
            "damage is told once, in order");
    told = range.end;
  }
  const LogPosition end = CheckRecords(front);
  const bool is_cut = !damage.empty() && damage.back().reason == "the front ends inside a record";
  Require(is_cut || RecordStart(end, kSegmentBytes) >= claimed, "up to the claimed end");
  Require(front.PublishedEnd() >= end, "and is published");

  std::vector<DamagedRange> more;
  Require(SettleClaims(front, &more) == 0, "no claim is left");
  Require(more.size() == size_t{is_cut}, "and nothing that is still to be covered");
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
