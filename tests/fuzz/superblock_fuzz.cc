// Any bytes as the superblock of a store, in one file or in two generations.

#include <string>

#include "format/superblock.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/header_sealing.h"
#include "fuzz/hostile_store.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

// The mode byte; the lowest two bits choose the sample.
constexpr uint8_t kSeal = 4;
constexpr uint8_t kPatches = 8;
constexpr uint8_t kThorough = 16;
constexpr uint8_t kTwoFiles = 32;

void Run(FuzzInput input) {
  const uint8_t mode = input.Byte();
  const SampleStore& sample = Samples()[mode % 4];
  CrashImage image = sample.image;
  std::string bytes =
      AnyBytesLike(ReadFileOf(image, "superblock"), mode & kPatches, 2 * kSuperblockBytes, input);
  if (mode & kSeal) SealSuperblock(bytes);
  if (mode & kTwoFiles) {
    const size_t first = std::min(bytes.size(), kSuperblockBytes);
    WriteFileOf(image, "superblock.1", absl::string_view(bytes).substr(first));
    bytes.resize(first);
  }
  WriteFileOf(image, "superblock", bytes);
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
