#include "format/segment_header.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/checksum.h"

namespace weir::internal {
namespace {

// Places that a test must know to break them; FORMAT.md lists them all.
constexpr size_t kVersionAt = 8;
constexpr size_t kChecksumAt = 80;

SegmentHeader Sample() {
  SegmentHeader header;
  header.store.fill(7);
  header.segment_bytes = 4096;
  header.begin = LogPosition(12288);
  header.generation = 3;
  header.incarnation = 0x1111111111111111;
  header.predecessor_end = LogPosition(5000);
  return header;
}

void Spoil(std::string& bytes, size_t at) { bytes[at] = static_cast<char>(bytes[at] ^ 0x10); }

// The same header, every byte of it true, as a later version would write it.
std::string OfVersion(uint32_t version) {
  std::string bytes = EncodeSegmentHeader(Sample());
  const auto magic = Load<uint64_t>(bytes.data());
  for (size_t copy = 0; copy < kSegmentHeaderBytes; copy += kSegmentHeaderCopyBytes) {
    Store(bytes.data() + copy + kVersionAt, version);
    Store(bytes.data() + copy + kChecksumAt, Checksum(bytes.data() + copy, kChecksumAt, magic));
  }
  return bytes;
}

TEST_CASE("a segment header comes back as it was") {
  const std::string bytes = EncodeSegmentHeader(Sample());
  const auto decoded = DecodeSegmentHeader(bytes);

  REQUIRE(bytes.size() == kSegmentHeaderBytes);
  REQUIRE(decoded.ok());
  CHECK(*decoded == Sample());
}

TEST_CASE("either copy of a segment header alone is enough, and none is data loss") {
  const std::string bytes = EncodeSegmentHeader(Sample());
  const std::string garbage(kSegmentHeaderCopyBytes, '\x5A');
  const std::string first = bytes.substr(0, kSegmentHeaderCopyBytes);
  const std::string second = bytes.substr(kSegmentHeaderCopyBytes);

  CHECK(first != second);  // who reads a dump can tell them apart
  for (const std::string& alone : {first + garbage, garbage + second, first}) {
    const auto decoded = DecodeSegmentHeader(alone);
    REQUIRE(decoded.ok());
    CHECK(*decoded == Sample());
  }
  CHECK(absl::IsDataLoss(DecodeSegmentHeader(garbage + garbage).status()));
  CHECK(absl::IsDataLoss(DecodeSegmentHeader("").status()));
}

TEST_CASE("no flipped bit of one copy changes what a segment header says") {
  const std::string bytes = EncodeSegmentHeader(Sample());

  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto decoded = DecodeSegmentHeader(flipped);
    INFO("bit " << bit % 8 << " of byte " << bit / 8);
    REQUIRE(decoded.ok());
    REQUIRE(*decoded == Sample());
  }
}

TEST_CASE("the same bit flipped in both copies is never believed") {
  const std::string bytes = EncodeSegmentHeader(Sample());

  for (size_t bit = 0; bit < (kChecksumAt + 8) * 8; ++bit) {
    std::string flipped = bytes;
    for (const size_t copy : {size_t{0}, size_t{kSegmentHeaderCopyBytes}}) {
      char& byte = flipped[copy + bit / 8];
      byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    }
    INFO("bit " << bit % 8 << " of byte " << bit / 8);
    REQUIRE(absl::IsDataLoss(DecodeSegmentHeader(flipped).status()));
  }
}

TEST_CASE("a segment header that is cut short is data loss unless a copy is left") {
  const std::string bytes = EncodeSegmentHeader(Sample());

  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = DecodeSegmentHeader(bytes.substr(0, size));
    REQUIRE(decoded.ok() == (size >= kSegmentHeaderCopyBytes));
    if (!decoded.ok()) REQUIRE(absl::IsDataLoss(decoded.status()));
  }
}

TEST_CASE("a newer format of a segment is told from damage") {
  const auto newer = DecodeSegmentHeader(OfVersion(2));
  CHECK(absl::IsInvalidArgument(newer.status()));
  CHECK(newer.status().message().find("format 2") != absl::string_view::npos);
  CHECK(absl::IsDataLoss(DecodeSegmentHeader(OfVersion(0)).status()));

  std::string damaged = OfVersion(2);
  Spoil(damaged, 40);
  Spoil(damaged, kSegmentHeaderCopyBytes + 40);
  CHECK(absl::IsDataLoss(DecodeSegmentHeader(damaged).status()));
}

TEST_CASE("a header of something else is damage though its checksum holds") {
  std::string bytes = EncodeSegmentHeader(Sample());
  const auto magic = Load<uint64_t>(bytes.data());
  for (const size_t copy : {size_t{0}, size_t{kSegmentHeaderCopyBytes}}) {
    Spoil(bytes, copy);
    Store(bytes.data() + copy + kChecksumAt, Checksum(bytes.data() + copy, kChecksumAt, magic));
  }

  CHECK(absl::IsDataLoss(DecodeSegmentHeader(bytes).status()));
}

TEST_CASE("a copy of a segment header that stands behind the second one is none") {
  const std::string garbage(kSegmentHeaderBytes, 'x');

  CHECK(absl::IsDataLoss(DecodeSegmentHeader(garbage + EncodeSegmentHeader(Sample())).status()));
}

TEST_CASE("of the two copies each is whole or not, and not if the file ends before it does") {
  using Whole = std::array<bool, 2>;
  const std::string bytes = EncodeSegmentHeader(Sample());
  CHECK(WholeHeaderCopies(bytes) == Whole{true, true});
  CHECK(WholeHeaderCopies(bytes.substr(0, kSegmentHeaderBytes - 1)) == Whole{true, false});
  CHECK(WholeHeaderCopies("") == Whole{false, false});
  std::string damaged = bytes;
  Spoil(damaged, 40);
  CHECK(WholeHeaderCopies(damaged) == Whole{false, true});
}

TEST_CASE("a segment of the other byte order is told from damage") {
  std::string bytes = EncodeSegmentHeader(Sample());
  for (const size_t copy : {size_t{0}, size_t{kSegmentHeaderCopyBytes}}) {
    std::reverse(bytes.data() + copy, bytes.data() + copy + 8);  // the magic
  }

  CHECK(absl::IsInvalidArgument(DecodeSegmentHeader(bytes).status()));
}

TEST_CASE("a segment header that no sane writer writes is data loss though its checksum holds") {
  const auto refused = [](auto change) {
    SegmentHeader header = Sample();
    change(header);
    return absl::IsDataLoss(DecodeSegmentHeader(EncodeSegmentHeader(header)).status());
  };
  using Header = SegmentHeader;

  CHECK_FALSE(refused([](Header&) {}));
  CHECK_FALSE(refused([](Header& h) { h.predecessor_end = h.begin; }));
  CHECK(refused([](Header& h) { h.predecessor_end = h.begin + 8; }));
  CHECK(refused([](Header& h) { h.begin = LogPosition(12296); }));
  CHECK(refused([](Header& h) { h.segment_bytes = 0; }));
  CHECK(refused([](Header& h) { h.segment_bytes = 2048; }));
  CHECK(refused([](Header& h) { h.segment_bytes = 6144; }));
  CHECK(refused([](Header& h) { h.segment_bytes = 8192; }));  // 12288 is no multiple of it
}

}  // namespace
}  // namespace weir::internal
