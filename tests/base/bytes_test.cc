#include "base/bytes.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <string>

namespace weir::internal {
namespace {

TEST_CASE("values are stored with their smallest byte first, at any address") {
  for (size_t at = 0; at < 8; ++at) {
    char bytes[16] = {};
    Store<uint32_t>(bytes + at, 0x04030201);

    CHECK(std::string(bytes + at, 5) == std::string("\x01\x02\x03\x04\0", 5));
    CHECK(Load<uint32_t>(bytes + at) == 0x04030201);
    CHECK(Load<uint16_t>(bytes + at + 1) == 0x0302);
  }
}

TEST_CASE("the largest and the smallest numbers come back as they were") {
  char bytes[8];
  for (const int64_t value : {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0},
                              std::numeric_limits<int64_t>::max()}) {
    Store(bytes, value);
    CHECK(Load<int64_t>(bytes) == value);
  }
}

TEST_CASE("aligning gives the smallest multiple that is not below") {
  for (const uint64_t alignment : {1u, 2u, 8u, 4096u}) {
    for (const uint64_t base : {uint64_t{0}, uint64_t{1} << 40}) {
      CHECK(AlignUp(base, alignment) == base);
      CHECK(AlignUp(base + 1, alignment) == base + alignment);
      CHECK(AlignUp(base + alignment - 1, alignment) == base + alignment - (alignment == 1));
      CHECK(AlignUp(base + alignment + 1, alignment) == base + 2 * alignment);
    }
  }
}

TEST_CASE("a reader gives what a writer put, in the same order, and then nothing") {
  char bytes[64];
  ByteWriter writer(bytes);
  writer.Put<uint8_t>(7);
  writer.Put<uint64_t>(0x1122334455667788);
  writer.PutBytes("some words");
  writer.PutBytes(absl::string_view());  // of no memory at all
  writer.Put<int16_t>(-2);

  ByteReader reader({bytes, static_cast<size_t>(writer.position() - bytes)});
  CHECK(reader.remaining() == 1 + 8 + 10 + 2);
  CHECK(reader.Take<uint8_t>() == 7);
  CHECK(reader.Take<uint64_t>() == 0x1122334455667788);
  CHECK(reader.TakeBytes(10) == "some words");
  CHECK(reader.Take<int16_t>() == -2);
  CHECK(reader.remaining() == 0);
  CHECK(reader.TakeBytes(0).empty());
  CHECK(reader.ok());
  CHECK(reader.Take<uint8_t>() == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("a writer touches nothing behind what it put") {
  std::string bytes(16, '#');
  ByteWriter writer(bytes.data());
  writer.Put<uint32_t>(0);
  writer.PutBytes("ab");

  CHECK(writer.position() == bytes.data() + 6);
  CHECK(bytes == std::string("\0\0\0\0ab##########", 16));
}

TEST_CASE("behind the first value that is not there every further one is zero, even if it fits") {
  ByteReader reader("abc");
  CHECK(reader.Take<uint32_t>() == 0);
  CHECK_FALSE(reader.ok());

  // Three bytes are left, but whoever reads on reads garbage: a length, say, of another field.
  CHECK(reader.Take<uint8_t>() == 0);
  CHECK(reader.TakeBytes(1).empty());
  CHECK(reader.TakeBytes(0).empty());
  CHECK_FALSE(reader.ok());
}

TEST_CASE("no length is large enough to lead a reader out of its bytes") {
  for (const size_t count : {size_t{4}, size_t{1} << 63, std::numeric_limits<size_t>::max()}) {
    ByteReader reader("abc");
    CHECK(reader.Take<char>() == 'a');
    CHECK(reader.TakeBytes(count).empty());
    CHECK_FALSE(reader.ok());
  }
  ByteReader exact("abc");
  CHECK(exact.TakeBytes(3) == "abc");
  CHECK(exact.ok());
}

TEST_CASE("a reader of nothing has nothing") {
  ByteReader reader{absl::string_view()};
  CHECK(reader.ok());
  CHECK(reader.TakeBytes(0).empty());
  CHECK(reader.ok());
  CHECK(reader.Take<uint8_t>() == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("appended values stand behind what was there, zeros included") {
  std::string bytes = "x";
  AppendValue<uint16_t>(bytes, 0x0100);
  AppendValue<uint32_t>(bytes, 0);

  CHECK(bytes == std::string("x\0\x01\0\0\0\0", 7));
}

}  // namespace
}  // namespace weir::internal
