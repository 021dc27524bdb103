#include "store/tag_set.h"

#include <catch2/catch.hpp>
#include <string>
#include <unordered_map>

namespace weir::internal {
namespace {

bool Matches(absl::string_view expression, absl::string_view tag) {
  const auto set = TagSet::Parse(expression);
  INFO(set.status());
  REQUIRE(set.ok());
  // What the filter word denies the tag must deny as well: it is asked first.
  if (set->Matches(tag)) CHECK(set->MayMatch(FilterWord(tag)));
  return set->MayMatch(FilterWord(tag)) && set->Matches(tag);
}

TEST_CASE("a star matches every tag, also the empty one") {
  for (const absl::string_view all : {"*", " * ", "\t*\n"}) {
    CHECK(TagSet::Parse(all)->matches_all());
    for (const absl::string_view tag : {"", "A", "*", "anything at all"}) CHECK(Matches(all, tag));
  }
}

TEST_CASE("a set matches each of its tags, whole and with nothing around them") {
  for (const absl::string_view set : {"A||B", "A || B", "  A\t||\nB  ", "B || A || A"}) {
    CAPTURE(set);
    CHECK_FALSE(TagSet::Parse(set)->matches_all());
    CHECK(Matches(set, "A"));
    CHECK(Matches(set, "B"));
    for (const absl::string_view other : {"", "C", "a", "AB", "A ", "A||B", "A || B", "*"}) {
      CHECK_FALSE(Matches(set, other));
    }
  }
  CHECK(Matches("two words", "two words"));
  CHECK(Matches("A|B", "A|B"));  // one bar is a letter
  CHECK_FALSE(Matches("A|B", "A"));
}

TEST_CASE("a star inside a set is a tag like any other") {
  CHECK(Matches("A || *", "*"));
  CHECK_FALSE(Matches("A || *", "B"));
}

TEST_CASE("an empty tag in a set is refused") {
  for (const absl::string_view set : {"", " ", "||", "A ||", "|| A", "A || || B", "A |||| B"}) {
    CAPTURE(set);
    CHECK(absl::IsInvalidArgument(TagSet::Parse(set).status()));
  }
  CHECK(absl::IsInvalidArgument(TagSet::Parse(absl::string_view()).status()));
}

TEST_CASE("a tag that no message can have is refused, the longest that one can have is not") {
  const std::string longest(kMaxTagBytes, 'x');
  CHECK(Matches("A || " + longest, longest));
  CHECK(absl::IsInvalidArgument(TagSet::Parse("A || " + longest + "x").status()));
}

TEST_CASE("tags whose filter words are the same are told apart") {
  // Two of them are found by trying: with 32 bits it takes about 80,000.
  std::unordered_map<uint32_t, std::string> seen;
  std::string one;
  std::string other;
  for (int i = 0; one.empty(); ++i) {
    const std::string tag = std::to_string(i);
    const auto [found, is_new] = seen.emplace(FilterWord(tag), tag);
    if (is_new) continue;
    one = found->second;
    other = tag;
  }
  const auto set = TagSet::Parse(one);
  REQUIRE(set.ok());
  CHECK(set->MayMatch(FilterWord(other)));
  CHECK(set->Matches(one));
  CHECK_FALSE(set->Matches(other));
}

}  // namespace
}  // namespace weir::internal
