#include "index/left_out.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"

namespace weir::internal {
namespace {

ScannedRecord RecordAt(uint64_t position) {
  ScannedRecord record{.position = LogPosition(position)};
  record.header.word = 64;
  return record;
}

TEST_CASE("records that follow one another are one range, others begin the next") {
  std::vector<DamagedRange> ranges = {{LogPosition(0), LogPosition(8), "before"}};
  LeftOut left_out(&ranges);
  left_out.Add(RecordAt(64), "queue 3");
  left_out.Add(RecordAt(128), "queue 3");
  left_out.EndRange();
  left_out.EndRange();
  left_out.Add(RecordAt(512), "queue 3");
  REQUIRE(ranges.size() == 3);
  CHECK(ranges[0].reason == "before");
  CHECK(ranges[1].begin == LogPosition(64));
  CHECK(ranges[1].end == LogPosition(192));
  CHECK(ranges[1].reason == "queue 3");
  CHECK(ranges[2].begin == LogPosition(512));
  CHECK(ranges[2].end == LogPosition(576));
}

TEST_CASE("a range for several reasons gives the first and says that there are more, once") {
  std::vector<DamagedRange> ranges;
  LeftOut left_out(&ranges);
  for (uint64_t i = 0; i < 1000; ++i) left_out.Add(RecordAt(i * 64), i < 3 ? "one" : "two");
  REQUIRE(ranges.size() == 1);
  CHECK(absl::StartsWith(ranges[0].reason, "one, and more"));
  CHECK(ranges[0].reason.size() < 40);
  CHECK(ranges[0].end == LogPosition(64'000));
}

TEST_CASE("however much is left out, there are few ranges and the last one ends where it ends") {
  std::vector<DamagedRange> ranges;
  LeftOut left_out(&ranges);
  for (uint64_t i = 0; i < 10'000; ++i) {
    left_out.Add(RecordAt(i * 128), "queue 3");
    left_out.EndRange();
    if (i == 100) ranges.push_back({LogPosition(0), LogPosition(1), "somebody else's"});
  }
  CHECK(ranges.size() == LeftOut::kRangesMax + 1);
  CHECK(ranges.back().reason == "somebody else's");
  CHECK(ranges[LeftOut::kRangesMax - 1].end == LogPosition(9'999 * 128 + 64));
}

}  // namespace
}  // namespace weir::internal
