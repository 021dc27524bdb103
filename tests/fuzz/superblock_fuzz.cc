// Any bytes as the superblock of a store, in one file or in two generations.

#include <string>

#include "base/bytes.h"
#include "base/checksum.h"
#include "format/superblock.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/hostile_store.h"
#include "log/superblock_file.h"
#include "support/fault_file_system.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

// The mode byte; the lowest two bits choose the sample.
constexpr uint8_t kSeal = 4;
constexpr uint8_t kPatches = 8;
constexpr uint8_t kThorough = 16;
constexpr uint8_t kTwoFiles = 32;

void SealSlots(std::string& bytes) {
  const std::string magic = EncodeSuperblock({}).substr(0, 8);
  for (size_t at = 0; at + kSuperblockSlotBytes <= bytes.size(); at += kSuperblockSlotBytes) {
    bytes.replace(at, magic.size(), magic);
    const absl::string_view checked(&bytes[at], kSuperblockSlotBytes - 8);
    Store<uint64_t>(&bytes[at + checked.size()], Checksum(checked, Load<uint64_t>(magic.data())));
  }
}

// Decoded, encoded and decoded: the same.
void CheckDecoding(const std::string& bytes) {
  const auto decoded = DecodeSuperblock(bytes);
  if (!decoded.ok()) return Require(!absl::IsInternal(decoded.status()), "DecodeSuperblock");
  const auto again = DecodeSuperblock(EncodeSuperblock(*decoded));
  RequireOk(again.status(), "what was decoded can be encoded");
  Require(*again == *decoded, "and is the same");
}

void CheckLoading(const CrashImage& image) {
  FaultFileSystem disk(image);
  const auto directory = disk.OpenDirectory("/store", /*create=*/false);
  RequireOk(directory.status(), "the disk");
  auto file = SuperblockFile::Load(**directory, OpenMode::kReadWrite);
  if (!file.ok() || *file == nullptr) return;
  const Superblock before = (*file)->current();
  if (before.sequence == ~uint64_t{0}) return;  // a store that lives for ever ends here
  RequireOk((*file)->Update([](Superblock& block) { ++block.epoch; }), "Update");
  const auto again = SuperblockFile::Load(**directory, OpenMode::kRead);
  RequireOk(again.status(), "what was written loads");
  Require((*again)->current() == (*file)->current(), "and is the newest");
}

void Run(FuzzInput input) {
  const uint8_t mode = input.Byte();
  const SampleStore& sample = Samples()[mode % 4];
  CrashImage image = sample.image;
  std::string bytes =
      AnyBytesLike(ReadFileOf(image, "superblock"), mode & kPatches, 2 * kSuperblockBytes, input);
  if (mode & kSeal) SealSlots(bytes);
  CheckDecoding(bytes);
  if (mode & kTwoFiles) {
    const size_t first = std::min(bytes.size(), kSuperblockBytes);
    WriteFileOf(image, "superblock.1", absl::string_view(bytes).substr(first));
    bytes.resize(first);
  }
  WriteFileOf(image, "superblock", bytes);
  CheckLoading(image);
  // What verifies under a hostile superblock was still written by the sample.
  OpenHostile(sample, image, {.is_content_known = true, .is_thorough = (mode & kThorough) != 0});
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
