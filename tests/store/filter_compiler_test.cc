#include "store/filter_compiler.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "store/filter_verdict.h"

namespace weir::testing {
namespace {

// Without the beginning that all have.
std::string ErrorOf(absl::string_view expression) {
  const absl::StatusOr<Filter> filter = Filter::Compile(expression);
  CAPTURE(expression);
  REQUIRE_FALSE(filter.ok());
  CHECK(absl::IsInvalidArgument(filter.status()));
  constexpr absl::string_view kBegin = "filter: column ";
  REQUIRE(absl::StartsWith(filter.status().message(), kBegin));
  return std::string(filter.status().message().substr(kBegin.size()));
}

bool Compiles(absl::string_view expression) { return Filter::Compile(expression).ok(); }

std::string Repeated(absl::string_view text, size_t count, absl::string_view between = "") {
  std::string all;
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&all, i == 0 ? "" : between, text);
  return all;
}

TEST_CASE("a condition begins with a property, a literal, NOT or a parenthesis") {
  const std::string begin = "expected a property, a literal, NOT or \"(\", found ";
  CHECK(ErrorOf("") == "1: " + begin + "the end");
  CHECK(ErrorOf("   ") == "4: " + begin + "the end");
  CHECK(ErrorOf("= 5") == "1: " + begin + "\"=\"");
  CHECK(ErrorOf("a = 5 AND") == "10: " + begin + "the end");
  CHECK(ErrorOf("a = 5 AND OR b = 5") == "11: " + begin + "\"OR\"");
  CHECK(ErrorOf("a = 5 OR )") == "10: " + begin + "\")\"");
  CHECK(ErrorOf("NOT") == "4: " + begin + "the end");
  CHECK(ErrorOf("()") == "2: " + begin + "\")\"");
  CHECK(ErrorOf("a and between 2 and 10") == "7: " + begin + "\"between\"");
  CHECK(ErrorOf("NULL") == "1: " + begin + "\"NULL\"");
}

TEST_CASE("a comparison ends with a value of the kind that belongs to it") {
  CHECK(ErrorOf("a =") == "4: expected a property or a literal, found the end");
  CHECK(ErrorOf("a = = 5") == "5: expected a property or a literal, found \"=\"");
  CHECK(ErrorOf("a = NULL") == "5: expected a property or a literal, found \"NULL\"");
  CHECK(ErrorOf("a = (5)") == "5: expected a property or a literal, found \"(\"");
  CHECK(ErrorOf("a IS") == "5: expected NULL or NOT NULL, found the end");
  CHECK(ErrorOf("a IS 5") == "6: expected NULL or NOT NULL, found \"5\"");
  CHECK(ErrorOf("a IS NOT 5") == "10: expected NULL, found \"5\"");
  CHECK(ErrorOf("a NOT = 5") ==
        "7: expected BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH, found \"=\"");
  CHECK(ErrorOf("a CONTAINS") == "11: expected a text of at least one byte, found the end");
  CHECK(ErrorOf("a CONTAINS b") == "12: expected a text of at least one byte, found \"b\"");
  CHECK(ErrorOf("a NOT STARTSWITH 5") == "18: expected a text of at least one byte, found \"5\"");
  CHECK(ErrorOf("a ENDSWITH ''") == "12: expected a text of at least one byte, found \"''\"");
}

TEST_CASE("BETWEEN has two bounds, and the second is not below the first") {
  CHECK(ErrorOf("a BETWEEN 1") == "12: expected AND, found the end");
  CHECK(ErrorOf("a BETWEEN 1 OR 2") == "13: expected AND, found \"OR\"");
  CHECK(ErrorOf("a BETWEEN 1 AND") == "16: expected a property or a literal, found the end");
  CHECK(ErrorOf("a BETWEEN 10 AND 9") == "18: expected at least 10, found \"9\"");
  CHECK(ErrorOf("a NOT BETWEEN 5.5 AND 5") == "23: expected at least 5.5, found \"5\"");
  CHECK(ErrorOf("a BETWEEN 9007199254740993 AND 9007199254740992.0") ==
        "32: expected at least 9007199254740993, found \"9007199254740992.0\"");
  CHECK(Compiles("a BETWEEN 10 AND 10"));
  CHECK(Compiles("a BETWEEN 10 AND b"));
  CHECK(Compiles("a BETWEEN b AND c"));
}

TEST_CASE("IN has a list of literals in parentheses, with at least one") {
  CHECK(ErrorOf("a IN") == "5: expected \"(\", found the end");
  CHECK(ErrorOf("a IN 'x'") == "6: expected \"(\", found \"'x'\"");
  CHECK(ErrorOf("a IN ()") == "7: expected a text, a number, TRUE or FALSE, found \")\"");
  CHECK(ErrorOf("a IN ('x',)") == "11: expected a text, a number, TRUE or FALSE, found \")\"");
  CHECK(ErrorOf("a IN ('x' 'y')") == "11: expected \",\" or \")\", found \"'y'\"");
  CHECK(ErrorOf("a IN ('x', b)") == "12: expected a text, a number, TRUE or FALSE, found \"b\"");
  CHECK(ErrorOf("a IN ('x', NULL)") ==
        "12: expected a text, a number, TRUE or FALSE, found \"NULL\"");
  CHECK(ErrorOf("a NOT IN ('x'") == "14: expected \",\" or \")\", found the end");
}

TEST_CASE("only numbers and properties have an order") {
  const std::string expected = "expected a property or a number, which have an order, found ";
  CHECK(ErrorOf("a < 'x'") == "5: " + expected + "\"'x'\"");
  CHECK(ErrorOf("'5' >= a") == "1: " + expected + "\"'5'\"");
  CHECK(ErrorOf("a > TRUE") == "5: " + expected + "\"TRUE\"");
  CHECK(ErrorOf("a BETWEEN 'a' AND 'b'") == "11: " + expected + "\"'a'\"");
  CHECK(ErrorOf("a BETWEEN 1 AND 'b'") == "17: " + expected + "\"'b'\"");
  for (const absl::string_view equality : {"a = 'x'", "a <> 'x'", "'x' = a", "a = TRUE"}) {
    CHECK(Compiles(equality));
  }
}

TEST_CASE("behind a condition comes AND, OR or the end, in parentheses a parenthesis") {
  CHECK(ErrorOf("a = 5 b = 5") == "7: expected AND, OR or the end, found \"b\"");
  CHECK(ErrorOf("a = b = c") == "7: expected AND, OR or the end, found \"=\"");
  CHECK(ErrorOf("a = 5)") == "6: expected AND, OR or the end, found \")\"");
  CHECK(ErrorOf("(a = 5") == "7: expected AND, OR or \")\", found the end");
  CHECK(ErrorOf("(a = 5 b") == "8: expected AND, OR or \")\", found \"b\"");
  CHECK(ErrorOf("(a) = 5") == "5: expected AND, OR or the end, found \"=\"");
  CHECK(ErrorOf("a NOT") ==
        "6: expected BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH, found the end");
}

TEST_CASE("only a boolean is a condition by itself") {
  CHECK(ErrorOf("5") == "2: expected a comparison, found the end");
  CHECK(ErrorOf("'x' AND a") == "5: expected a comparison, found \"AND\"");
  for (const absl::string_view boolean : {"a", "TRUE", "FALSE", "NOT a", "(a)", "a AND TRUE"}) {
    CHECK(Compiles(boolean));
  }
}

TEST_CASE("a column counts bytes from the first, whatever they are") {
  CHECK(ErrorOf("\n\t a =") == "7: expected a property or a literal, found the end");
  CHECK(ErrorOf("'gr\xC3\xB6sse' = ") == "13: expected a property or a literal, found the end");
}

TEST_CASE("NOT binds before AND, and AND before OR") {
  const Properties yes_no = {{"t", "true"}, {"f", "false"}};
  CHECK(VerdictOf("t OR t AND f", yes_no) == 'T');
  CHECK(VerdictOf("(t OR t) AND f", yes_no) == 'F');
  CHECK(VerdictOf("f AND t OR t", yes_no) == 'T');
  CHECK(VerdictOf("f AND (t OR t)", yes_no) == 'F');
  CHECK(VerdictOf("NOT f AND f", yes_no) == 'F');
  CHECK(VerdictOf("NOT (f AND f)", yes_no) == 'T');
  CHECK(VerdictOf("NOT t OR t", yes_no) == 'T');
  CHECK(VerdictOf("NOT (t OR t)", yes_no) == 'F');
  CHECK(VerdictOf("NOT NOT t", yes_no) == 'T');
  CHECK(VerdictOf("NOT NOT NOT t", yes_no) == 'F');
  // The AND of BETWEEN is not that of conditions.
  CHECK(VerdictOf("5 BETWEEN 1 AND 9 AND f", yes_no) == 'F');
  CHECK(VerdictOf("5 BETWEEN 1 AND 9 OR f", yes_no) == 'T');
  CHECK(VerdictOf("NOT 5 = 6", yes_no) == 'T');
}

TEST_CASE("an expression has so many bytes at most") {
  const std::string begin = "a = '";
  const std::string longest = begin + std::string(kMaxFilterBytes - begin.size() - 1, 'x') + "'";
  REQUIRE(longest.size() == kMaxFilterBytes);
  CHECK(Compiles(longest));
  CHECK(ErrorOf(longest + " ") == "16385: expected at most 16384 bytes, found 16385");
  CHECK(ErrorOf(std::string(1 << 20, '(')) == "16385: expected at most 16384 bytes, found 1048576");
}

TEST_CASE(
    "so many parentheses stand in each other at most, and as many as one likes side by side") {
  const auto nested = [](size_t depth) {
    return std::string(depth, '(') + "a" + std::string(depth, ')');
  };
  CHECK(Compiles(nested(kMaxFilterDepth)));
  CHECK(ErrorOf(nested(kMaxFilterDepth + 1)) ==
        "65: expected at most 64 parentheses in each other, found \"(\"");
  CHECK(Compiles(Repeated(nested(kMaxFilterDepth), 50, " AND ")));
  CHECK(ErrorOf(std::string(kMaxFilterBytes, '(')) ==
        "65: expected at most 64 parentheses in each other, found \"(\"");
  CHECK(Compiles(Repeated("NOT ", (kMaxFilterBytes - 1) / 4) + "a"));
}

TEST_CASE("an expression has so many comparisons at most, those of BETWEEN and IN among them") {
  CHECK(Compiles(Repeated("a", kMaxFilterTerms, " OR ")));
  CHECK(ErrorOf(Repeated("a", kMaxFilterTerms + 1, " OR ")) ==
        "5121: expected at most 1024 comparisons, found \"a\"");
  const std::string half = Repeated("a BETWEEN 1 AND 2", kMaxFilterTerms / 4, " OR ");
  CHECK(half.size() < kMaxFilterBytes / 2);
  CHECK(Compiles("a IN (" + Repeated("7", kMaxFilterTerms, ",") + ")"));
  CHECK(ErrorOf("a IN (" + Repeated("7", kMaxFilterTerms + 1, ",") + ")") ==
        "1: expected at most 1024 comparisons, found \"a\"");
  const std::string list = "a IN (" + Repeated("7", kMaxFilterTerms - 2, ",") + ")";
  CHECK(Compiles(list + " AND a BETWEEN 1 AND 2"));
  CHECK_FALSE(Compiles(list + " AND a BETWEEN 1 AND 2 AND a"));
  CHECK_FALSE(Compiles("a AND " + list + " AND a BETWEEN 1 AND 2"));
}

TEST_CASE("an expression has so many different properties at most") {
  std::string all;
  for (size_t i = 0; i < kMaxFilterProperties; ++i) {
    absl::StrAppend(&all, i == 0 ? "" : " OR ", "p", i, " = 1");
  }
  CHECK(Compiles(all));
  CHECK(Compiles(all + " OR p0 = 2 OR \"p1\" = 3"));
  const std::string one_more = " OR TAGS = 'x'";
  CHECK(ErrorOf(all + one_more) ==
        absl::StrCat(all.size() + 5, ": expected at most 64 different properties, found \"TAGS\""));
}

TEST_CASE("a name has as many bytes as a property's name can have") {
  const std::string longest(kMaxPropertyNameBytes, 'n');
  CHECK(VerdictOf(longest + " = 'x'", {{longest, "x"}}) == 'T');
  CHECK(VerdictOf("\"" + longest + "\" = 'x'", {{longest, "x"}}) == 'T');
  CHECK(ErrorOf("TRUE OR " + longest + "n = 'x'") ==
        "9: expected a name of 1 to 255 bytes, found \"" + std::string(40, 'n') + "...\"");
  CHECK(ErrorOf("\"\" = 'x'") == "1: expected a name of 1 to 255 bytes, found \"\"\"\"");
}

TEST_CASE("what is found is shown short and printable") {
  CHECK(ErrorOf("a CONTAINS " + std::string(100, 'b')) ==
        "12: expected a text of at least one byte, found \"" + std::string(40, 'b') + "...\"");
  CHECK(ErrorOf("a 'x\n\xff'") == "3: expected AND, OR or the end, found \"'x\\n\\xff'\"");
}

}  // namespace
}  // namespace weir::testing
