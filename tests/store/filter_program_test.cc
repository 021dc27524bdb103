#include "store/filter_program.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "store/filter_compiler.h"
#include "store/filter_verdict.h"

namespace weir::testing {
namespace {

// Names that say what they are: t is true, f is false, u is not there.
const Properties kTruths = {{"t", "true"}, {"f", "false"}};

TEST_CASE("AND is false if one side is, true if both are, and else unknown") {
  const std::vector<std::pair<std::string, char>> table = {
      {"t AND t", 'T'}, {"t AND f", 'F'}, {"t AND u", '?'}, {"f AND t", 'F'}, {"f AND f", 'F'},
      {"f AND u", 'F'}, {"u AND t", '?'}, {"u AND f", 'F'}, {"u AND u", '?'}};
  for (const auto& [expression, verdict] : table) {
    CAPTURE(expression);
    CHECK(VerdictOf(expression, kTruths) == verdict);
  }
}

TEST_CASE("OR is true if one side is, false if both are, and else unknown") {
  const std::vector<std::pair<std::string, char>> table = {
      {"t OR t", 'T'}, {"t OR f", 'T'}, {"t OR u", 'T'}, {"f OR t", 'T'}, {"f OR f", 'F'},
      {"f OR u", '?'}, {"u OR t", 'T'}, {"u OR f", '?'}, {"u OR u", '?'}};
  for (const auto& [expression, verdict] : table) {
    CAPTURE(expression);
    CHECK(VerdictOf(expression, kTruths) == verdict);
  }
}

TEST_CASE("NOT turns true and false round, and leaves unknown what it is, however deep it lies") {
  CHECK(VerdictOf("NOT t", kTruths) == 'F');
  CHECK(VerdictOf("NOT f", kTruths) == 'T');
  CHECK(VerdictOf("NOT u", kTruths) == '?');
  CHECK(VerdictOf("NOT (u AND t)", kTruths) == '?');
  CHECK(VerdictOf("NOT (u AND f)", kTruths) == 'T');
  CHECK(VerdictOf("NOT (u OR t)", kTruths) == 'F');
  CHECK(VerdictOf("NOT (t AND NOT (u OR NOT t))", kTruths) == '?');
  CHECK(VerdictOf("NOT (f OR NOT (u AND f))", kTruths) == 'F');
}

TEST_CASE("the six comparisons of numbers") {
  const Properties five = {{"p", "5"}};
  const std::vector<std::pair<std::string, std::string>> table = {
      // with 4, 5 and 6
      {"=", "FTF"}, {"<>", "TFT"}, {"<", "FFT"}, {"<=", "FTT"}, {">", "TFF"}, {">=", "TTF"}};
  for (const auto& [symbol, verdicts] : table) {
    for (int number = 4; number <= 6; ++number) {
      CAPTURE(symbol, number);
      const char verdict = verdicts[static_cast<size_t>(number - 4)];
      CHECK(VerdictOf(absl::StrCat("p ", symbol, " ", number), five) == verdict);
      CHECK(VerdictOf(absl::StrCat("p ", symbol, " ", number, ".0"), five) == verdict);
      CHECK(VerdictOf(absl::StrCat("u ", symbol, " ", number), five) == '?');
      // The same with the sides changed: what 5 is to 4, 4 is not to 5.
      const char mirrored =
          symbol == "=" || symbol == "<>" ? verdict : verdicts[static_cast<size_t>(6 - number)];
      CHECK(VerdictOf(absl::StrCat(number, " ", symbol, " p"), five) == mirrored);
    }
  }
}

TEST_CASE("numbers are compared without loss") {
  CHECK(VerdictOf("p = 9007199254740993", {{"p", "9007199254740993"}}) == 'T');
  CHECK(VerdictOf("p = 9007199254740993", {{"p", "9007199254740992"}}) == 'F');
  CHECK(VerdictOf("p = 9007199254740993", {{"p", "9007199254740992.0"}}) == 'F');
  CHECK(VerdictOf("p < 9223372036854775807", {{"p", "9223372036854775806"}}) == 'T');
  CHECK(VerdictOf("p > 9223372036854775807", {{"p", "9223372036854775808"}}) == 'T');
  CHECK(VerdictOf("p = 5", {{"p", "5.0"}}) == 'T');
  CHECK(VerdictOf("p = 5", {{"p", "5e0"}}) == 'T');
  CHECK(VerdictOf("p = 5", {{"p", "+5"}}) == 'T');
  CHECK(VerdictOf("p = 0.1", {{"p", "0.1000000000000000055"}}) == 'T');  // the nearest double
  CHECK(VerdictOf("p > 5", {{"p", "5.000000000000001"}}) == 'T');
  CHECK(VerdictOf("p > 1e308", {{"p", "inf"}}) == 'T');
  CHECK(VerdictOf("p > 1e308", {{"p", "1e400"}}) == 'T');
  CHECK(VerdictOf("p < 0", {{"p", "-inf"}}) == 'T');
}

TEST_CASE("a text that is no number is unknown to a number") {
  for (const absl::string_view text : {"", "abc", "5 ", "0x5", "true", "nan"}) {
    for (const absl::string_view symbol : {"=", "<>", "<", ">="}) {
      CHECK(VerdictOf(absl::StrCat("p ", symbol, " 5"), {{"p", std::string(text)}}) == '?');
    }
    CHECK(VerdictOf("p BETWEEN 1 AND 9", {{"p", std::string(text)}}) == '?');
    CHECK(VerdictOf("p IN (1, 5)", {{"p", std::string(text)}}) == '?');
  }
}

TEST_CASE("texts are equal byte by byte") {
  CHECK(VerdictOf("p = 'x'", {{"p", "x"}}) == 'T');
  CHECK(VerdictOf("p <> 'x'", {{"p", "x"}}) == 'F');
  CHECK(VerdictOf("p = 'x'", {{"p", "X"}}) == 'F');
  CHECK(VerdictOf("p = 'x'", {{"p", "x "}}) == 'F');
  CHECK(VerdictOf("p <> 'x'", {{"p", ""}}) == 'T');
  CHECK(VerdictOf("p = ''", {{"p", ""}}) == 'T');
  CHECK(VerdictOf("p = '5'", {{"p", "5.0"}}) == 'F');
  CHECK(VerdictOf("p = '''''x'''''", {{"p", "''x''"}}) == 'T');
  CHECK(VerdictOf("u = 'x'", {{"p", "x"}}) == '?');
  CHECK(VerdictOf("u <> 'x'", {{"p", "x"}}) == '?');
  CHECK(VerdictOf("'x' = p", {{"p", "x"}}) == 'T');
}

TEST_CASE("a boolean is what says true or false, in letters of any case") {
  for (const absl::string_view yes : {"true", "TRUE", "True"}) {
    const Properties p = {{"p", std::string(yes)}};
    CHECK(VerdictOf("p", p) == 'T');
    CHECK(VerdictOf("p = TRUE", p) == 'T');
    CHECK(VerdictOf("p = FALSE", p) == 'F');
    CHECK(VerdictOf("p <> FALSE", p) == 'T');
    CHECK(VerdictOf("TRUE = p", p) == 'T');
  }
  CHECK(VerdictOf("p", {{"p", "false"}}) == 'F');
  CHECK(VerdictOf("p = FALSE", {{"p", "FALSE"}}) == 'T');
  for (const absl::string_view neither : {"", "1", "yes", "true "}) {
    for (const absl::string_view expression : {"p", "p = TRUE", "p = FALSE", "p <> TRUE"}) {
      CHECK(VerdictOf(expression, {{"p", std::string(neither)}}) == '?');
    }
  }
}

TEST_CASE("BETWEEN has both bounds in it") {
  for (const auto& [value, verdict] : std::vector<std::pair<std::string, char>>{
           {"1", 'F'}, {"1.999", 'F'}, {"2", 'T'}, {"3.5", 'T'}, {"10", 'T'}, {"10.001", 'F'}}) {
    CAPTURE(value);
    CHECK(VerdictOf("p BETWEEN 2 AND 10", {{"p", value}}) == verdict);
    CHECK(VerdictOf("p NOT BETWEEN 2 AND 10", {{"p", value}}) == (verdict == 'T' ? 'F' : 'T'));
    CHECK(VerdictOf("p BETWEEN low AND high", {{"p", value}, {"low", "2"}, {"high", "10"}}) ==
          verdict);
  }
  CHECK(VerdictOf("u BETWEEN 2 AND 10", kTruths) == '?');
  CHECK(VerdictOf("u NOT BETWEEN 2 AND 10", kTruths) == '?');
  // One bound that is known may be enough.
  CHECK(VerdictOf("p BETWEEN u AND 10", {{"p", "11"}}) == 'F');
  CHECK(VerdictOf("p BETWEEN u AND 10", {{"p", "9"}}) == '?');
  CHECK(VerdictOf("p NOT BETWEEN 2 AND u", {{"p", "1"}}) == 'T');
  CHECK(VerdictOf("p NOT BETWEEN 2 AND u", {{"p", "3"}}) == '?');
}

TEST_CASE("IN is true of each literal of its list") {
  for (const absl::string_view in : {"3", "4", "five"}) {
    CHECK(VerdictOf("p IN ('3', '4', 'five')", {{"p", std::string(in)}}) == 'T');
    CHECK(VerdictOf("p NOT IN ('3', '4', 'five')", {{"p", std::string(in)}}) == 'F');
  }
  CHECK(VerdictOf("p IN ('3', '4')", {{"p", "3.0"}}) == 'F');
  CHECK(VerdictOf("p IN (3, 4)", {{"p", "3.0"}}) == 'T');
  CHECK(VerdictOf("p NOT IN ('3', '4')", {{"p", "8"}}) == 'T');
  CHECK(VerdictOf("p IN (TRUE)", {{"p", "true"}}) == 'T');
  CHECK(VerdictOf("u IN ('3')", kTruths) == '?');
  CHECK(VerdictOf("u NOT IN ('3')", kTruths) == '?');
  // Unknown to the number, and not the text: the list as a whole is unknown.
  CHECK(VerdictOf("p IN (3, 'x')", {{"p", "x"}}) == 'T');
  CHECK(VerdictOf("p IN (3, 'x')", {{"p", "y"}}) == '?');
}

TEST_CASE("IS NULL is true of what is not there, and never unknown") {
  CHECK(VerdictOf("u IS NULL", kTruths) == 'T');
  CHECK(VerdictOf("u IS NOT NULL", kTruths) == 'F');
  CHECK(VerdictOf("t IS NULL", kTruths) == 'F');
  CHECK(VerdictOf("t IS NOT NULL", kTruths) == 'T');
  CHECK(VerdictOf("p IS NULL", {{"p", ""}}) == 'F');
  CHECK(VerdictOf("p IS NULL", Properties{}) == 'T');
  CHECK(VerdictOf("5 IS NULL", kTruths) == 'F');
  CHECK(VerdictOf("u IS NULL OR u = 'x'", kTruths) == 'T');
}

TEST_CASE("CONTAINS, STARTSWITH and ENDSWITH look for a part of the text") {
  const Properties text = {{"p", "one two one"}};
  CHECK(VerdictOf("p CONTAINS 'two'", text) == 'T');
  CHECK(VerdictOf("p CONTAINS 'one two one'", text) == 'T');
  CHECK(VerdictOf("p CONTAINS 'two '", text) == 'T');
  CHECK(VerdictOf("p CONTAINS 'Two'", text) == 'F');
  CHECK(VerdictOf("p CONTAINS 'one two one '", text) == 'F');
  CHECK(VerdictOf("p STARTSWITH 'one'", text) == 'T');
  CHECK(VerdictOf("p STARTSWITH 'two'", text) == 'F');
  CHECK(VerdictOf("p ENDSWITH 'one'", text) == 'T');
  CHECK(VerdictOf("p ENDSWITH 'two'", text) == 'F');
  CHECK(VerdictOf("p ENDSWITH 'x one two one'", text) == 'F');
  for (const absl::string_view word : {"CONTAINS", "STARTSWITH", "ENDSWITH"}) {
    CHECK(VerdictOf(absl::StrCat("p NOT ", word, " 'one'"), text) == 'F');
    CHECK(VerdictOf(absl::StrCat("p NOT ", word, " '2'"), text) == 'T');
    CHECK(VerdictOf(absl::StrCat("u ", word, " 'one'"), text) == '?');
    CHECK(VerdictOf(absl::StrCat("u NOT ", word, " 'one'"), text) == '?');
    CHECK(VerdictOf(absl::StrCat("p ", word, " 'x'"), {{"p", ""}}) == 'F');
  }
  CHECK(VerdictOf("p CONTAINS '5'", {{"p", "1500"}}) == 'T');
}

TEST_CASE("two properties are equal if their texts are, and in an order if both are numbers") {
  CHECK(VerdictOf("p = q", {{"p", "3.14"}, {"q", "3.14"}}) == 'T');
  CHECK(VerdictOf("p <> q", {{"p", "3.14"}, {"q", "3.141"}}) == 'T');
  CHECK(VerdictOf("p = q", {{"p", "5"}, {"q", "5.0"}}) == 'F');
  CHECK(VerdictOf("p < q", {{"p", "9"}, {"q", "10"}}) == 'T');
  CHECK(VerdictOf("p >= q", {{"p", "5"}, {"q", "5.0"}}) == 'T');
  CHECK(VerdictOf("p < q", {{"p", "a"}, {"q", "b"}}) == '?');
  CHECK(VerdictOf("p < q", {{"p", "9"}, {"q", "b"}}) == '?');
  CHECK(VerdictOf("p = q", {{"p", "9"}}) == '?');
  CHECK(VerdictOf("q = p", {{"p", "9"}}) == '?');
  CHECK(VerdictOf("p = q", Properties{}) == '?');
  CHECK(VerdictOf("p < p", {{"p", "9"}}) == 'F');
}

TEST_CASE("two literals are compared like a literal and a text") {
  CHECK(VerdictOf("1 = 1", Properties{}) == 'T');
  CHECK(VerdictOf("1 < 0.5", Properties{}) == 'F');
  CHECK(VerdictOf("'a' = 'a'", Properties{}) == 'T');
  CHECK(VerdictOf("'a' = 1", Properties{}) == '?');
  CHECK(VerdictOf("5.0 = '5'", Properties{}) == 'T');
  CHECK(VerdictOf("'5' = 5.0", Properties{}) == 'T');
  CHECK(VerdictOf("TRUE = 'True'", Properties{}) == 'T');
  CHECK(VerdictOf("TRUE = 1", Properties{}) == '?');
  CHECK(VerdictOf("TRUE <> FALSE", Properties{}) == 'T');
  CHECK(VerdictOf("TRUE", Properties{}) == 'T');
  CHECK(VerdictOf("FALSE", Properties{}) == 'F');
  CHECK(VerdictOf("'abc' CONTAINS 'b'", Properties{}) == 'T');
  CHECK(VerdictOf("7L = 7", Properties{}) == 'T');
}

TEST_CASE("names mean exactly what they say") {
  CHECK(VerdictOf("P = 'x'", {{"p", "x"}}) == '?');
  CHECK(VerdictOf("p = 'x'", {{"pp", "x"}}) == '?');
  CHECK(VerdictOf("pp = 'x'", {{"p", "x"}, {"pq", "y"}, {"pp", "x"}}) == 'T');
  CHECK(VerdictOf("\"order-id\" = 'x'", {{"order-id", "x"}}) == 'T');
  // Long names that begin alike.
  CHECK(VerdictOf("instrument = 'x'", {{"instrumenu", "y"}, {"instrument", "x"}}) == 'T');
  CHECK(VerdictOf("instrument IS NULL", {{"instrumenu", "y"}, {"instruments", "y"}}) == 'T');
  CHECK(VerdictOf("seventy = 'x'", {{"seventz", "y"}, {"seventy", "x"}}) == 'T');
  CHECK(VerdictOf("\"AND\" = 'x'", {{"AND", "x"}}) == 'T');
  CHECK(VerdictOf("\"p\" = 'x'", {{"p", "x"}}) == 'T');
}

TEST_CASE("of several properties of one name the first counts") {
  CHECK(VerdictOf("p = 'x'", {{"q", "1"}, {"p", "x"}, {"p", "y"}}) == 'T');
  CHECK(VerdictOf("p = 'y'", {{"p", ""}, {"p", "y"}}) == 'F');
  CHECK(VerdictOf("p = 'x' AND q = '1'", {{"p", "x"}, {"p", "y"}, {"q", "1"}}) == 'T');
}

TEST_CASE("TAGS is the message's tag, and a property of that name is found between quotes") {
  const FilterSubject tagged{.tag = "NEW", .properties = {{"TAGS", "old"}}};
  const FilterSubject untagged{.properties = {{"TAGS", "old"}}};
  CHECK(VerdictOn(tagged, "TAGS = 'NEW'") == 'T');
  CHECK(VerdictOn(tagged, "TAGS IN ('OLD', 'NEW')") == 'T');
  CHECK(VerdictOn(tagged, "TAGS IS NULL") == 'F');
  CHECK(VerdictOn(untagged, "TAGS = 'NEW'") == '?');
  CHECK(VerdictOn(untagged, "TAGS IS NULL") == 'T');
  CHECK(VerdictOn(tagged, "\"TAGS\" = 'old' AND TAGS = 'NEW'") == 'T');
  CHECK(VerdictOn(tagged, "tags IS NULL") == 'T');
}

TEST_CASE("KEYS are the message's keys with a blank between each two") {
  const FilterSubject none{.properties = {{"KEYS", "x"}}};
  const FilterSubject one{.keys = {"A-1"}};
  const FilterSubject three{.keys = {"A-1", "B", "C"}};
  CHECK(VerdictOn(none, "KEYS IS NULL") == 'T');
  CHECK(VerdictOn(one, "KEYS = 'A-1'") == 'T');
  CHECK(VerdictOn(three, "KEYS = 'A-1 B C'") == 'T');
  CHECK(VerdictOn(three, "KEYS CONTAINS ' B '") == 'T');
  FilterSubject most;
  for (char letter = 'a'; most.keys.size() < kMaxKeys; ++letter) {
    most.keys.emplace_back(kMaxKeyBytes, letter);
  }
  CHECK(VerdictOn(most, "KEYS STARTSWITH 'aaa' AND KEYS CONTAINS 'o p' AND KEYS ENDSWITH 'ppp'") ==
        'T');
}

TEST_CASE("of more keys than a message can have the first so many are KEYS") {
  const auto program = internal::CompileFilter(
      "KEYS STARTSWITH 'kkk' AND KEYS ENDSWITH 'k' AND KEYS CONTAINS 'k k'");
  REQUIRE(program.ok());
  std::string encoded;
  for (int i = 0; i < 255; ++i) encoded += "\377" + std::string(255, 'k');
  internal::DecodedParts parts;
  parts.keys = encoded;
  parts.key_count = 255;
  CHECK(program->Matches(parts));
}

TEST_CASE("what a filter needs is found among as many properties as a message can have") {
  Properties many;
  for (int i = 0; i < 3000; ++i) many.emplace_back(absl::StrCat("n", i), "v");
  CHECK(VerdictOf("n0 = 'v' AND n2999 = 'v' AND n3000 IS NULL", many) == 'T');
  const std::string longest(kMaxPropertiesBytes - 4, '9');
  CHECK(VerdictOf("p > 1e300", {{"p", longest}}) == 'T');
  CHECK(VerdictOf("p CONTAINS '9999' AND p NOT CONTAINS '98'", {{"p", longest}}) == 'T');
}

TEST_CASE("properties whose lengths lie are as many as can be read") {
  const auto program = internal::CompileFilter("p = 'x'");
  const auto missing = internal::CompileFilter("p IS NULL");
  REQUIRE((program.ok() && missing.ok()));
  const std::string good("\1\1\0px", 5);
  for (const auto& [bytes, is_there] : std::vector<std::pair<std::string, bool>>{
           {good, true},
           {good + "\1", true},
           {std::string("\0\0\0", 3) + good, true},        // a name of no byte
           {std::string("\1\377\377q", 4) + good, false},  // a value that never ends
           {std::string("\377\0\0q", 4) + good, false},    // a name that never ends
           {good.substr(0, 4), false},
           {good.substr(0, 2), false}}) {
    internal::DecodedParts parts;
    parts.properties = bytes;
    CHECK(program->Matches(parts) == is_there);
    CHECK(missing->Matches(parts) == !is_there);
  }
}

TEST_CASE("a program may be moved, and is what it was") {
  auto program = internal::CompileFilter("p = 'short' AND \"a name between quotes\" = 'it''s'");
  REQUIRE(program.ok());
  const internal::FilterProgram moved = *std::move(program);
  const MessageRecord record =
      FilterSubject{.properties = {{"p", "short"}, {"a name between quotes", "it's"}}}.Record();
  CHECK(moved.Matches(*internal::DecodeParts(record.record())));
}

}  // namespace
}  // namespace weir::testing
