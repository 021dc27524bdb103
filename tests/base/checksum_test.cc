#include "base/checksum.h"

#define XXH_INLINE_ALL  // here with the vectors that all processors have
#include <xxhash.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <unordered_set>

#include "base/checksum_wide.h"
#include "support/skipped.h"

namespace weir::internal {
namespace {

constexpr uint64_t kPrime64 = 11400714785074694797u;

// The bytes that xxHash's own sanity check hashes.
std::string SanityBytes(size_t count) {
  std::string bytes;
  for (uint64_t generator = 2654435761u; bytes.size() < count; generator *= kPrime64) {
    bytes.push_back(static_cast<char>(generator >> 56));
  }
  return bytes;
}

struct Vector {
  size_t bytes;
  uint64_t plain;   // seed 0
  uint64_t seeded;  // seed kPrime64
};

// From xxHash's sanity check (tests/sanity_test_vectors.h): each length goes another way inside.
constexpr Vector kVectors[] = {
    {0, 0x2D06800538D394C2, 0xA8A6B918B2F0364A},   {1, 0xC44BDFF4074EECDB, 0x032BE332DD766EF8},
    {6, 0x27B56A84CD2D7325, 0x84589C116AB59AB9},   {12, 0xA713DAF0DFBB77E7, 0xE7303E1B2336DE0E},
    {24, 0xA3FE70BF9D3510EB, 0x850E80FC35BDD690},  {48, 0x397DA259ECBA1F11, 0xADC2CBAA44ACC616},
    {80, 0xBCDEFBBB2C47C90A, 0xC6DD0CB699532E73},  {195, 0xCD94217EE362EC3A, 0xBA68003D370CB3D9},
    {403, 0xCDEB804D65C6DEA4, 0x6259F6ECFD6443FD}, {512, 0x617E49599013CB6B, 0x3CE457DE14C27708},
};

TEST_CASE("the checksum is XXH3 with 64 bits, whatever the length") {
  const std::string bytes = SanityBytes(512);
  for (const Vector& vector : kVectors) {
    INFO(vector.bytes << " bytes");
    CHECK(Checksum({bytes.data(), vector.bytes}) == vector.plain);
    CHECK(Checksum(bytes.data(), vector.bytes, kPrime64) == vector.seeded);
  }
}

TEST_CASE("wider vectors give the same checksum") {
  if (!HasWideChecksum()) return testing::Skip("a processor with 256-bit vectors");
  // One block of XXH3 has 1,024 bytes; what is behind the last whole one goes another way.
  const std::string bytes = SanityBytes(5'000);
  for (size_t size = 0; size <= bytes.size(); size += size < 1'100 ? 1 : 97) {
    const uint64_t expected = XXH3_64bits_withSeed(bytes.data(), size, kPrime64);
    REQUIRE(WideChecksum(bytes.data(), size, kPrime64) == expected);
    REQUIRE(Checksum(bytes.data(), size, kPrime64) == expected);
  }
}

TEST_CASE("the checksum does not depend on where the bytes lie") {
  const std::string bytes = SanityBytes(300);
  const uint64_t expected = Checksum(bytes, 5);
  for (size_t at = 0; at < 64; ++at) {
    const std::string moved = std::string(at, '\xFF') + bytes + '\xFF';
    CHECK(Checksum(moved.data() + at, bytes.size(), 5) == expected);
  }
}

TEST_CASE("no flipped bit, other length or other seed leaves the checksum as it was") {
  for (const size_t size : {size_t{1}, size_t{16}, size_t{40}, size_t{128}, size_t{241}}) {
    std::string bytes = SanityBytes(size);
    std::unordered_set<uint64_t> seen = {Checksum(bytes, 1)};
    for (size_t bit = 0; bit < size * 8; ++bit) {
      const char mask = static_cast<char>(1 << bit % 8);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
      seen.insert(Checksum(bytes, 1));
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    }
    seen.insert(Checksum(bytes + '\0', 1));
    seen.insert(Checksum({bytes.data(), size - 1}, 1));
    for (int bit = 0; bit < 64; ++bit) seen.insert(Checksum(bytes, 1 ^ uint64_t{1} << bit));

    CHECK(seen.size() == 1 + size * 8 + 2 + 64);
  }
}

}  // namespace
}  // namespace weir::internal
