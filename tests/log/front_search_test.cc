// Which front an open goes on in, and what it says when there is none.

#include "log/front_search.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "format/file_names.h"
#include "log/small_log.h"

namespace weir::testing {
namespace {

constexpr uint64_t kIncarnation = 0x77;
constexpr size_t kRing = 16384;

FrontIdentity SomeIdentity() {
  FrontIdentity identity{.incarnation = kIncarnation, .segment_bytes = kSegment};
  identity.store.fill(5);
  identity.boot.fill(6);
  return identity;
}

struct Search {
  // A front of that identity that is left behind; `is_used`: something was claimed in it.
  void Leave(const FrontIdentity& of, bool is_used) {
    auto memory = disk.CreateShared("", FrontName(kIncarnation),
                                    {.header_bytes = kFrontHeaderBytes, .ring_bytes = kRing});
    REQUIRE(memory.ok());
    FrontIdentity identity = of;
    identity.ring_bytes = kRing;
    WriteFrontIdentity(*reinterpret_cast<FrontHeader*>((*memory)->header()), identity);
    Front front(*std::move(memory), kSegment, kIncarnation);
    front.Begin(LogPosition(kSegmentHeaderBytes));
    front.set_limit(LogPosition(kRing));
    Reservation place;
    const auto stamp = [](LogPosition, char* bytes, int64_t time) {
      StampPlain(bytes, 56, time, 0);
    };
    if (is_used) REQUIRE(front.TryClaim(56, 1, stamp, &place));
  }
  FrontSearch Begin() { return FrontSearch(options, disk, health, report); }

  FaultFileSystem disk;
  StoreOptions options;
  Health health{nullptr};
  RecoveryReport report;
};

TEST_CASE("the front that the superblock tells of is taken, used or not") {
  Search search;
  search.Leave(SomeIdentity(), GENERATE(false, true));

  const auto found = search.Begin().Told("", SomeIdentity());

  REQUIRE(found.ok());
  CHECK(*found != nullptr);
  CHECK_FALSE(search.report.possible_loss);
}

TEST_CASE("if the one that was told of is gone or another's, something may be lost, and is told") {
  Search search;
  const bool is_there = GENERATE(false, true);
  FrontIdentity other = SomeIdentity();
  other.store.fill(9);
  if (is_there) search.Leave(other, true);

  const auto found = search.Begin().Told("", SomeIdentity());

  REQUIRE(found.ok());
  CHECK(*found == nullptr);
  CHECK(search.report.possible_loss);
  CHECK(search.report.notes.size() == 1);
}

TEST_CASE("one that nobody told of is taken if something was appended to it, and that is damage") {
  Search search;
  search.Leave(SomeIdentity(), true);
  search.options.strict_recovery = GENERATE(false, true);

  const auto found = search.Begin().Untold(SomeIdentity());

  CHECK(found.ok() != search.options.strict_recovery);
  CHECK(search.health.Has(Condition::kDamage) != search.options.strict_recovery);
  if (found.ok()) CHECK(*found != nullptr);
}

TEST_CASE("one that nobody told of and nobody used is left to be cleared away, without a word") {
  Search search;
  FrontIdentity other = SomeIdentity();
  other.store.fill(9);
  const std::string what = GENERATE("none", "unused", "another's", "not looked for");
  if (what == "unused") search.Leave(SomeIdentity(), false);
  if (what == "another's") search.Leave(other, true);
  if (what == "not looked for") {
    search.Leave(SomeIdentity(), true);
    search.options.front_directory = "private";
  }

  const auto found = search.Begin().Untold(SomeIdentity());

  INFO(what);
  REQUIRE(found.ok());
  CHECK(*found == nullptr);
  CHECK(search.report.notes.empty());
  CHECK_FALSE(search.health.Has(Condition::kDamage));
}

}  // namespace
}  // namespace weir::testing
