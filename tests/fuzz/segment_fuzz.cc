// Any bytes as a segment or an index file of a whole store: what recovery, catalogue, queues and
// readers make of records and runs that somebody who means no good has sealed.

#include <string>
#include <vector>

#include "base/bytes.h"
#include "format/file_names.h"
#include "format/index_layout.h"
#include "format/segment_header.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/header_sealing.h"
#include "fuzz/hostile_store.h"
#include "fuzz/index_sealing.h"
#include "fuzz/record_sealing.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

// The mode byte; the lowest two bits choose the sample.
constexpr uint8_t kSeal = 4;
constexpr uint8_t kPatches = 8;
constexpr uint8_t kThorough = 16;
constexpr uint8_t kIndex = 32;
constexpr uint8_t kNoIndex = 64;     // of the segment: it is made from the hostile records
constexpr uint8_t kAnyHeader = 128;  // of the segment, its own with a checksum that holds

void SealSegment(std::string& bytes, const std::string& original, bool any_header) {
  const auto header = DecodeSegmentHeader(original);
  RequireOk(header.status(), "the sample's segment");
  if (bytes.size() <= kSegmentHeaderBytes) return;
  if (any_header) {
    SealSegmentHeader(bytes);
  } else {
    bytes.replace(0, kSegmentHeaderBytes, EncodeSegmentHeader(*header));
  }
  SealRecords(absl::MakeSpan(bytes).subspan(kSegmentHeaderBytes),
              header->begin + kSegmentHeaderBytes, header->segment_bytes, header->incarnation);
}

void Run(FuzzInput input) {
  const uint8_t mode = input.Byte();
  const SampleStore& sample = Samples()[mode % 4];
  std::vector<std::string> names;
  for (const SampleFile& file : sample.files) {
    const bool fits = (mode & kIndex) ? ParseIndexFileName(file.name).has_value()
                                      : ParseSegmentFileName(file.name).has_value();
    if (!file.is_shared && fits) names.push_back(file.name);
  }
  if (names.empty()) return;
  const std::string& name = names[input.Byte() % names.size()];
  CrashImage image = sample.image;
  const std::string original = ReadFileOf(image, name);
  std::string bytes = AnyBytesLike(original, mode & kPatches, kSampleSegmentBytes, input);
  if ((mode & kSeal) && (mode & kIndex)) {
    const auto header = DecodeIndexHeader(original);
    RequireOk(header.status(), "the sample's index file");
    SealIndexFile(bytes, header->identity);
  } else if (mode & kSeal) {
    SealSegment(bytes, original, mode & kAnyHeader);
  }
  WriteFileOf(image, name, bytes);
  if ((mode & kNoIndex) && !(mode & kIndex)) {
    // Empty is as good as gone.
    WriteFileOf(image, IndexFileName(ParseSegmentFileName(name)->begin), "");
  }
  // A sealed index file may count holes without number, and who looks for a position in the log
  // walks over them one by one: a hang that would hide everything else.
  const bool counts_holes = (mode & kSeal) && (mode & kIndex);
  OpenHostile(sample, image,
              {.is_content_known = (mode & kSeal) == 0,
               .is_thorough = (mode & kThorough) && !counts_holes});
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
