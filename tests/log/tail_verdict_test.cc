// The table of recovery for a log without a front, line by line.

#include "log/tail_verdict.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr uint64_t kSegment = 4096;
constexpr bool kSameBoot = true;
constexpr bool kOtherBoot = false;

// A log that was durable to 2000 and verifies from there to 3000.
TailScan Whole() {
  TailScan scan;
  scan.watermark = LogPosition(2000);
  scan.end = LogPosition(3000);
  scan.has_records = true;
  return scan;
}

// The same with a hole and records behind it, to 3600.
TailScan Holed(uint64_t begin, uint64_t end) {
  TailScan scan = Whole();
  scan.gaps = {{LogPosition(begin), LogPosition(end)}};
  scan.end = LogPosition(3600);
  scan.records = {LogPosition(end), LogPosition(3500)};
  scan.offsets = {{.position = LogPosition(end), .queue_number = 3, .queue_offset = 7},
                  {.position = LogPosition(3500), .queue_number = 1, .queue_offset = 0}};
  return scan;
}

TEST_CASE("what ends where nothing valid follows ends there, whatever the boot") {
  const auto same_boot = GENERATE(kSameBoot, kOtherBoot);
  const TailVerdict verdict = JudgeTail(Whole(), same_boot, kSegment);
  CHECK(verdict.end == LogPosition(3000));
  CHECK_FALSE(verdict.is_cut);
  CHECK(verdict.damage.empty());
  CHECK(verdict.left_out.empty());
}

TEST_CASE(
    "a hole behind what was durable is a cut after a power loss, and what it leaves out is told") {
  const TailVerdict verdict = JudgeTail(Holed(2400, 2600), kOtherBoot, kSegment);
  CHECK(verdict.is_cut);
  CHECK(verdict.end == LogPosition(2400));
  CHECK(verdict.dropped_bytes == 1200);
  CHECK(verdict.dropped_records == 2);
  REQUIRE(verdict.left_out.size() == 2);
  CHECK(verdict.left_out[0].queue_offset == 7);
  CHECK(verdict.damage.empty());
}

TEST_CASE("within one boot the same hole is damage, and everything behind it stays") {
  const TailVerdict verdict = JudgeTail(Holed(2400, 2600), kSameBoot, kSegment);
  CHECK_FALSE(verdict.is_cut);
  CHECK(verdict.end == LogPosition(3600));
  REQUIRE(verdict.damage.size() == 1);
  CHECK(verdict.damage[0].begin == LogPosition(2400));
  CHECK(verdict.damage[0].end == LogPosition(2600));
  CHECK(verdict.dropped_records == 0);
  CHECK(verdict.left_out.empty());
}

TEST_CASE("below what was durable a hole is damage after a power loss too") {
  const TailVerdict verdict = JudgeTail(Holed(1500, 1800), kOtherBoot, kSegment);
  CHECK_FALSE(verdict.is_cut);
  CHECK(verdict.end == LogPosition(3600));
  REQUIRE(verdict.damage.size() == 1);
  CHECK(verdict.damage[0].reason.find("1500") != std::string::npos);
}

TEST_CASE("a hole that begins at a segment's border begins behind its header") {
  TailScan scan = Holed(kSegment, kSegment + 2000);
  scan.end = LogPosition(2 * kSegment);
  const TailVerdict verdict = JudgeTail(scan, kSameBoot, kSegment);
  REQUIRE(verdict.damage.size() == 1);
  CHECK(verdict.damage[0].begin == LogPosition(kSegment + kSegmentHeaderBytes));
}

TEST_CASE("a log that ends before it was durable has lost its end, and goes on behind it") {
  TailScan scan = Whole();
  scan.end = LogPosition(1200);
  const TailVerdict verdict = JudgeTail(scan, GENERATE(kSameBoot, kOtherBoot), kSegment);
  CHECK(verdict.end == LogPosition(2000));
  REQUIRE(verdict.damage.size() == 1);
  CHECK(verdict.damage[0].begin == LogPosition(1200));
  CHECK(verdict.damage[0].end == LogPosition(2000));
}

TEST_CASE("a segment that cannot be read is damage by its name") {
  TailScan scan = Whole();
  scan.unreadable = {
      {.name = {.begin = LogPosition(kSegment)}, .limit = LogPosition(2 * kSegment)}};
  const TailVerdict verdict = JudgeTail(scan, kOtherBoot, kSegment);
  REQUIRE(verdict.damage.size() == 1);
  CHECK(verdict.damage[0].reason.find("00000000000000004096") != std::string::npos);
}

}  // namespace
}  // namespace weir::testing
