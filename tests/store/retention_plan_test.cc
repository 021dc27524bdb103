// Which segments the policies let go.

#include "store/retention_plan.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"

namespace weir::testing {
namespace {

using internal::OldSegment;
using internal::PlanRetention;
using internal::RetentionFacts;
using internal::RetentionPlan;

constexpr int64_t kHour = int64_t{3600} * 1'000'000'000;
constexpr int64_t kNow = 1000 * kHour;

// Ten segments of 100 bytes; the newest message of the i-th is 10 - i hours old.
RetentionFacts Ten() {
  RetentionFacts facts{.now = kNow, .used_bytes = 1200, .free_bytes = 500};
  for (uint64_t i = 0; i < 10; ++i) {
    facts.segments.push_back({.begin = LogPosition(i * 4096),
                              .limit = LogPosition((i + 1) * 4096),
                              .newest = kNow - static_cast<int64_t>(10 - i) * kHour,
                              .bytes = 100});
  }
  return facts;
}

std::string NobodyKeeps(const OldSegment&) { return ""; }

TEST_CASE("without a policy nothing goes") {
  const RetentionPlan plan = PlanRetention({}, Ten(), NobodyKeeps);
  CHECK(plan.drop == 0);
  CHECK(plan.refuse.ok());
}

TEST_CASE("what is older than allowed goes; what is just as old stays") {
  CHECK(PlanRetention({.max_age = absl::Hours(7)}, Ten(), NobodyKeeps).drop == 3);
  CHECK(
      PlanRetention({.max_age = absl::Hours(7) - absl::Nanoseconds(1)}, Ten(), NobodyKeeps).drop ==
      4);
  CHECK(PlanRetention({.max_age = absl::Hours(10)}, Ten(), NobodyKeeps).drop == 0);
  CHECK(PlanRetention({.max_age = absl::ZeroDuration()}, Ten(), NobodyKeeps).drop == 10);
}

TEST_CASE("a young segment keeps those behind it, whatever their messages say") {
  RetentionFacts facts = Ten();
  facts.segments[1].newest = kNow;
  CHECK(PlanRetention({.max_age = absl::Hours(1)}, facts, NobodyKeeps).drop == 1);
}

TEST_CASE("as many go as bring the files into the budget, to the byte") {
  CHECK(PlanRetention({.max_bytes = 1200}, Ten(), NobodyKeeps).drop == 0);
  CHECK(PlanRetention({.max_bytes = 1199}, Ten(), NobodyKeeps).drop == 1);
  CHECK(PlanRetention({.max_bytes = 1100}, Ten(), NobodyKeeps).drop == 1);
  CHECK(PlanRetention({.max_bytes = 1}, Ten(), NobodyKeeps).drop == 10);
}

TEST_CASE("segments go early while the disk is short, and appends wait only for what is not ours") {
  CHECK(PlanRetention({.free_bytes_low = 500}, Ten(), NobodyKeeps).drop == 0);
  CHECK(PlanRetention({.free_bytes_low = 501}, Ten(), NobodyKeeps).drop == 1);
  const RetentionPlan enough =
      PlanRetention({.free_bytes_low = 800, .free_bytes_min = 800}, Ten(), NobodyKeeps);
  CHECK(enough.drop == 3);
  CHECK(enough.refuse.ok());
  const RetentionPlan never =
      PlanRetention({.free_bytes_low = 5000, .free_bytes_min = 1501}, Ten(), NobodyKeeps);
  CHECK(never.drop == 10);
  CHECK(absl::IsResourceExhausted(never.refuse));
  CHECK(PlanRetention({.free_bytes_low = 5000, .free_bytes_min = 1500}, Ten(), NobodyKeeps)
            .refuse.ok());
}

TEST_CASE("what must stay stays with all behind it, and the refusal says who keeps it") {
  const auto third_is_kept = [](const OldSegment& segment) {
    return segment.begin == LogPosition(2 * 4096) ? "group g is slow" : "";
  };
  const RetentionPlan by_bytes = PlanRetention({.max_bytes = 500}, Ten(), third_is_kept);
  CHECK(by_bytes.drop == 2);
  CHECK(absl::IsResourceExhausted(by_bytes.refuse));
  CHECK(absl::StrContains(by_bytes.refuse.message(), "group g is slow"));
  // Nobody has to wait because something is old.
  const RetentionPlan by_age = PlanRetention({.max_age = absl::Hours(1)}, Ten(), third_is_kept);
  CHECK(by_age.drop == 2);
  CHECK(by_age.refuse.ok());
}

TEST_CASE("nobody is asked about a segment that the policy keeps anyway") {
  size_t asked = 0;
  PlanRetention({.max_bytes = 1050}, Ten(), [&](const OldSegment&) {
    ++asked;
    return std::string();
  });
  CHECK(asked == 2);
}

}  // namespace
}  // namespace weir::testing
