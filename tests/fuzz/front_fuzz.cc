// Any bytes as the front that a dead process left behind: it is adopted or left alone.

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "format/front_layout.h"
#include "format/record.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/hostile_store.h"
#include "fuzz/record_sealing.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

// The mode byte.
constexpr uint8_t kSealIdentity = 1;
constexpr uint8_t kSealRecords = 2;
constexpr uint8_t kPatches = 4;
constexpr uint8_t kThorough = 8;
constexpr uint8_t kRingOnly = 16;  // the header page stays as it was
constexpr uint8_t kBells = 32;     // the page of doorbells too

constexpr size_t kClaimedEndAt = offsetof(FrontHeader, claimed_end);
constexpr size_t kFrontBeginAt = offsetof(FrontHeader, front_begin);
constexpr size_t kWrittenEndAt = offsetof(FrontHeader, written_end);

// Of the sample's own front.
FrontIdentity IdentityOf(const std::string& front) {
  return Load<FrontIdentity>(&front[offsetof(FrontHeader, identity)]);
}

void WriteIdentity(std::string& front, const FrontIdentity& identity) {
  alignas(FrontHeader) char page[sizeof(FrontHeader)] = {};
  WriteFrontIdentity(*reinterpret_cast<FrontHeader*>(page), identity);
  front.replace(0, kClaimedEndAt, page, kClaimedEndAt);
}

void SealRing(std::string& front, const FrontIdentity& identity) {
  const uint64_t begin = Load<uint64_t>(&front[kFrontBeginAt]);
  const uint64_t claimed = Load<uint64_t>(&front[kClaimedEndAt]);
  const uint64_t ring_bytes = front.size() - kFrontHeaderBytes;
  if (begin > claimed || claimed - begin > ring_bytes || begin % 8 != 0) return;
  std::string log(claimed - begin, '\0');
  const auto ring_at = [&](uint64_t i) -> char& {
    return front[kFrontHeaderBytes + (begin + i) % ring_bytes];
  };
  for (uint64_t i = 0; i < log.size(); ++i) log[i] = ring_at(i);
  // What stands before a change of the incarnation was sealed with the one before.
  uint64_t incarnation = identity.incarnation;
  if (log.size() >= kOpenCopyBytes && LoadHeader(log.data()).type == RecordType::kOpen) {
    incarnation = Load<uint64_t>(&log[kRecordHeaderBytes]);
  }
  SealRecords(absl::MakeSpan(log), LogPosition(begin), identity.segment_bytes, incarnation);
  for (uint64_t i = 0; i < log.size(); ++i) ring_at(i) = log[i];
}

bool EndsAreAligned(const std::string& front) {
  uint64_t bits = 0;
  for (const size_t at : {kClaimedEndAt, kFrontBeginAt, kWrittenEndAt}) {
    bits |= Load<uint64_t>(&front[at]);
  }
  return bits % kRecordAlignment == 0;
}

void WriteBells(CrashImage& image, FuzzInput& input) {
  std::string bytes(input.Bytes(input.Byte()));
  bytes.resize(kDoorbellBytes);
  for (auto& [name, memory] : image.shared) {
    if (memory.size.ring_bytes != 0) continue;
    memory.bytes = std::make_shared<const std::string>(bytes);
  }
}

void Run(FuzzInput input) {
  const uint8_t mode = input.Byte();
  const SampleStore& sample = SampleNamed("killed");
  CrashImage image = sample.image;
  if (mode & kBells) WriteBells(image, input);
  const auto front = std::find_if(image.shared.begin(), image.shared.end(), [](const auto& shared) {
    return shared.second.size.ring_bytes != 0;
  });
  Require(front != image.shared.end(), "the sample has a front");
  const std::string& original = *front->second.bytes;
  const FrontIdentity identity = IdentityOf(original);

  const size_t kept = (mode & kRingOnly) ? kFrontHeaderBytes : 0;
  const absl::string_view changeable = absl::string_view(original).substr(kept);
  std::string bytes = original;
  const std::string any = AnyBytesLike(changeable, mode & kPatches, changeable.size(), input);
  bytes.replace(kept, any.size(), any);
  if (mode & kSealIdentity) WriteIdentity(bytes, identity);
  if (mode & kSealRecords) SealRing(bytes, identity);
  // A reading process does not look whether the ends are multiples of 8, and loads words where none
  // can be.
  const bool is_thorough = (mode & kThorough) && EndsAreAligned(bytes);
  front->second.bytes = std::make_shared<const std::string>(std::move(bytes));

  OpenHostile(sample, image,
              {.is_content_known = (mode & kSealRecords) == 0, .is_thorough = is_thorough});
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
