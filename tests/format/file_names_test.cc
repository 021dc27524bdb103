#include "format/file_names.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

namespace weir::internal {
namespace {

constexpr uint64_t kLargest = ~uint64_t{0};

TEST_CASE("the names of files are those that FORMAT.md lists") {
  CHECK(SegmentFileName({.begin = LogPosition(67108864)}) == "00000000000067108864");
  CHECK(SegmentFileName({LogPosition(67108864), 2}) == "00000000000067108864.2");
  CHECK(SegmentFileName({LogPosition(kLargest), kLargest}) ==
        "18446744073709551615.18446744073709551615");
  CHECK(SuperblockFileName(0) == "superblock");
  CHECK(SuperblockFileName(2) == "superblock.2");
  CHECK(IndexFileName(LogPosition(67108864)) == "00000000000067108864.index");
  CHECK(TemporaryName("superblock.2") == "superblock.2.tmp");
  CHECK(FrontName(0xC0FFEE) == "weir-0000000000c0ffee");
  CHECK(DoorbellName(0xC0FFEE) == "weir-0000000000c0ffee.bell");
}

TEST_CASE("every name comes back as what it was made from") {
  for (const uint64_t begin : {uint64_t{0}, uint64_t{4096}, uint64_t{1} << 63, kLargest}) {
    for (const uint64_t generation : {uint64_t{0}, uint64_t{1}, uint64_t{10}, kLargest}) {
      const SegmentName name{LogPosition(begin), generation};
      CHECK(ParseSegmentFileName(SegmentFileName(name)) == name);
      CHECK(ParseSuperblockFileName(SuperblockFileName(generation)) == generation);
    }
    CHECK(ParseIndexFileName(IndexFileName(LogPosition(begin))) == LogPosition(begin));
  }
  CHECK(IsTemporaryName(TemporaryName(SuperblockFileName(0))));
}

TEST_CASE("no second spelling names a segment") {
  for (const std::string name : {"",
                                 "0",
                                 "0000000000006710886",
                                 "000000000000067108864",
                                 "0000000000006710886x",
                                 "00000000000067108864.",
                                 "00000000000067108864.0",
                                 "00000000000067108864.02",
                                 "00000000000067108864.+2",
                                 "00000000000067108864.-2",
                                 "00000000000067108864. 2",
                                 "00000000000067108864.2 ",
                                 "00000000000067108864.2.3",
                                 "00000000000067108864.0x2",
                                 "00000000000067108864.2.tmp",
                                 "00000000000067108864.18446744073709551616",
                                 "18446744073709551616",
                                 "99999999999999999999",
                                 "+0000000000067108864",
                                 " 0000000000067108864",
                                 "-0000000000067108864",
                                 "00000000000067108864\n",
                                 "00000000000067108864.index",
                                 "superblock",
                                 "LOCK"}) {
    INFO(name);
    CHECK_FALSE(ParseSegmentFileName(name));
  }
  CHECK_FALSE(ParseSegmentFileName(std::string("00000000000067108864\0", 21)));
}

TEST_CASE("no second spelling names a superblock") {
  for (const std::string name :
       {"", "Superblock", "superblock.", "superblock.0", "superblock.02", "superblock.+2",
        "superblock2", "superblock.2.tmp", "superblock.tmp", "superblock.18446744073709551616",
        "xsuperblock"}) {
    INFO(name);
    CHECK_FALSE(ParseSuperblockFileName(name));
  }
}

TEST_CASE("no second spelling names an index file") {
  for (const std::string name :
       {"", ".index", "0.index", "0000000000006710886.index", "000000000000067108864.index",
        "00000000000067108864", "00000000000067108864.2.index", "00000000000067108864.index.tmp",
        "00000000000067108864.index.index", "18446744073709551616.index",
        "+0000000000067108864.index"}) {
    INFO(name);
    CHECK_FALSE(ParseIndexFileName(name));
  }
}

}  // namespace
}  // namespace weir::internal
