// Any bytes as what segments, superblocks and fronts begin with, and as a page of doorbells. What
// is understood is understood the same again, and nobody rings for ever.

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "format/front_layout.h"
#include "format/segment_header.h"
#include "format/superblock.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/header_sealing.h"
#include "log/doorbell.h"
#include "log/header_faults.h"
#include "log/superblock_file.h"
#include "support/fault_file_system.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

// The second byte.
constexpr uint8_t kSeal = 1;
constexpr uint8_t kPatches = 2;
constexpr uint8_t kTwoFiles = 4;

constexpr uint64_t kSegmentBytes = 4096;
constexpr uint64_t kRingBytes = 8192;

Uuid SomeUuid(uint8_t byte) {
  Uuid uuid;
  uuid.fill(byte);
  return uuid;
}

void CheckSegmentHeader(uint8_t flags, FuzzInput& input) {
  static const auto* const example =
      new std::string(EncodeSegmentHeader({.store = SomeUuid(1),
                                           .segment_bytes = kSegmentBytes,
                                           .begin = LogPosition(3 * kSegmentBytes),
                                           .incarnation = 7,
                                           .predecessor_end = LogPosition(3 * kSegmentBytes)}));
  std::string bytes = AnyBytesLike(*example, flags & kPatches, kSegmentHeaderBytes, input);
  if (flags & kSeal) SealSegmentHeader(bytes);
  const auto decoded = DecodeSegmentHeader(bytes);
  const auto whole = WholeHeaderCopies(bytes);
  if (!decoded.ok()) {
    const bool is_foreign = absl::IsInvalidArgument(decoded.status());
    Require(is_foreign || (!whole[0] && !whole[1]), "a whole copy is found");
    return Require(!absl::IsInternal(decoded.status()), decoded.status().ToString());
  }
  Require(whole[0] || whole[1], "what was decoded is a whole copy");
  const auto again = DecodeSegmentHeader(EncodeSegmentHeader(*decoded));
  RequireOk(again.status(), "what was decoded can be encoded");
  Require(*again == *decoded, "and is the same");
}

std::string AnySuperblock(uint8_t flags, FuzzInput& input) {
  static const auto* const example = new std::string([] {
    Superblock superblock{.store = SomeUuid(1),
                          .segment_bytes = kSegmentBytes,
                          .sequence = 4,
                          .durable_end = LogPosition(5000),
                          .prepared_end = LogPosition(3 * kSegmentBytes),
                          .incarnation = 7,
                          .next_incarnation = 8,
                          .boot = SomeUuid(2),
                          .front = FrontKind::kShared,
                          .front_directory = "/front"};
    const std::string older = EncodeSuperblock(superblock);
    ++superblock.sequence;
    return older + EncodeSuperblock(superblock);
  }());
  std::string bytes = AnyBytesLike(*example, flags & kPatches, kSuperblockBytes, input);
  if (flags & kSeal) SealSuperblock(bytes);
  return bytes;
}

void CheckSuperblock(const std::string& bytes) {
  const auto decoded = DecodeSuperblock(bytes);
  const auto slots = SuperblockSlots(bytes);
  const bool has_whole = std::count(slots.begin(), slots.end(), SlotState::kWhole) > 0;
  if (!decoded.ok()) {
    Require(absl::IsInvalidArgument(decoded.status()) || !has_whole, "a whole slot is found");
    return Require(!absl::IsInternal(decoded.status()), "DecodeSuperblock");
  }
  Require(has_whole, "what was decoded is a whole slot");
  const auto again = DecodeSuperblock(EncodeSuperblock(*decoded));
  RequireOk(again.status(), "what was decoded can be encoded");
  Require(*again == *decoded, "and is the same");
}

// In one file, or in two generations of it.
void LoadSuperblock(uint8_t flags, const std::string& bytes) {
  FaultFileSystem disk;
  disk.MakeDirectory("/store");
  const size_t first = (flags & kTwoFiles) ? kSuperblockSlotBytes : kSuperblockBytes;
  disk.WriteFile("/store/superblock", bytes.substr(0, first));
  if (bytes.size() > first) disk.WriteFile("/store/superblock.1", bytes.substr(first));
  const auto directory = disk.OpenDirectory("/store", /*create=*/false);
  RequireOk(directory.status(), "the disk");
  RequireOk(SuperblockFaults(**directory).status(), "SuperblockFaults");
  auto file = SuperblockFile::Load(**directory, OpenMode::kReadWrite);
  if (!file.ok() || *file == nullptr) return;
  const Superblock before = (*file)->current();
  if (before.sequence == ~uint64_t{0}) return;  // a store that lives for ever ends here
  RequireOk((*file)->Update([](Superblock& block) { ++block.epoch; }), "Update");
  const auto again = SuperblockFile::Load(**directory, OpenMode::kRead);
  RequireOk(again.status(), "what was written loads");
  Require((*again)->current() == (*file)->current(), "and is the newest");
}

void CheckFrontHeader(uint8_t flags, FuzzInput& input) {
  constexpr size_t kEnds = offsetof(FrontHeader, claimed_end);
  const FrontIdentity identity{.store = SomeUuid(1),
                               .incarnation = 7,
                               .boot = SomeUuid(2),
                               .directory_device = 3,
                               .directory_inode = 4,
                               .lock_device = 5,
                               .lock_inode = 6,
                               .segment_bytes = kSegmentBytes,
                               .ring_bytes = kRingBytes};
  alignas(FrontHeader) char page[sizeof(FrontHeader)] = {};
  auto& header = *reinterpret_cast<FrontHeader*>(page);
  WriteFrontIdentity(header, identity);
  const std::string bytes =
      AnyBytesLike(absl::string_view(page, sizeof(page)), flags & kPatches, sizeof(page), input);
  std::memcpy(page, bytes.data(), bytes.size());
  const FrontIdentity found = header.identity;
  if (flags & kSeal) WriteFrontIdentity(header, found);
  const absl::Status status = CheckFront(header, identity);
  Require(!status.ok() || found == identity, "only the own front is taken");
  Require(status.ok() || !(flags & kSeal) || found != identity, status.ToString());
  const auto end_at = [&](size_t at) { return Load<uint64_t>(page + at); };
  const uint64_t begin = end_at(offsetof(FrontHeader, front_begin));
  const uint64_t claimed = end_at(kEnds);
  Require(!EndsMakeSense(header, kRingBytes) ||
              (begin <= claimed && claimed - begin <= kRingBytes && claimed % 8 == 0),
          "ends that make sense");
}

// A page that other processes write to.
class BellPage final : public SharedMemory {
 public:
  explicit BellPage(absl::string_view bytes) {
    bytes = bytes.substr(0, sizeof(bells_));
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&bells_));
    header_ = reinterpret_cast<char*>(&bells_);
    header_bytes_ = sizeof(bells_);
  }
  bool is_shared() const override { return true; }
  absl::Status TryLock() override { return absl::OkStatus(); }
  absl::Status ProbeLock() override { return absl::OkStatus(); }
  absl::StatusOr<bool> IsLinked() override { return true; }

 private:
  Doorbells bells_{};
};

void RingDoorbells(FuzzInput& input) {
  const auto queue = input.Take<uint32_t>();
  Doorbell doorbell(std::make_unique<BellPage>(input.Rest()), /*other_process=*/false);
  const auto sleeps = [](std::atomic<uint32_t>& word) { return (word.load() & 1) != 0; };
  bool is_ready = false;
  doorbell.Wait(doorbell.queue_word(queue), absl::InfiniteDuration(), [&] {
    is_ready = sleeps(doorbell.queue_word(queue));
    return true;
  });
  Require(is_ready, "who is about to sleep says so, and looks again");
  doorbell.RingQueue(queue);
  doorbell.RingLog();
  Require(!sleeps(doorbell.queue_word(queue)) && !sleeps(doorbell.log_word()), "who rang, woke");
  doorbell.RingAll();
  for (uint32_t number = 0; number < kQueueDoorbells; ++number) {
    Require(!sleeps(doorbell.queue_word(number)), "nobody is left asleep");
  }
}

void Run(FuzzInput input) {
  const uint8_t what = input.Below(5);
  const uint8_t flags = input.Byte();
  switch (what) {
    case 0:
      return CheckSegmentHeader(flags, input);
    case 1:
      return CheckSuperblock(AnySuperblock(flags, input));
    case 2:
      return LoadSuperblock(flags, AnySuperblock(flags, input));
    case 3:
      return CheckFrontHeader(flags, input);
    default:
      return RingDoorbells(input);
  }
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
