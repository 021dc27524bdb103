// A file in memory answers as one on a disk would, and takes nothing.

#include "index/bytes_file.h"

#include <catch2/catch.hpp>
#include <string>

namespace weir::internal {
namespace {

std::string Read(BytesFile& file, uint64_t offset, size_t bytes) {
  std::string out(bytes, '?');
  const auto got = file.Read(offset, absl::MakeSpan(out));
  REQUIRE(got.ok());
  out.resize(*got);
  return out;
}

TEST_CASE("a read gets what is there, less at the end and nothing behind it") {
  BytesFile file("0123456789");
  CHECK(Read(file, 0, 10) == "0123456789");
  CHECK(Read(file, 3, 4) == "3456");
  CHECK(Read(file, 8, 10) == "89");
  CHECK(Read(file, 10, 1).empty());
  CHECK(Read(file, ~uint64_t{0}, 1).empty());
  CHECK(file.Stat()->size == 10);
}

TEST_CASE("nothing that would change it is done") {
  BytesFile file("0123456789");
  const absl::string_view piece = "x";
  CHECK(absl::IsFailedPrecondition(file.Write(0, {piece})));
  CHECK(absl::IsFailedPrecondition(file.Truncate(0)));
  CHECK(absl::IsFailedPrecondition(file.Allocate(100)));
  CHECK(absl::IsFailedPrecondition(file.Sync()));
  CHECK(Read(file, 0, 100) == "0123456789");
}

}  // namespace
}  // namespace weir::internal
