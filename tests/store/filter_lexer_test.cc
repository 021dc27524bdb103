#include "store/filter_lexer.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace weir::internal {
namespace {

using Kind = FilterToken::Kind;

struct Read {
  std::vector<FilterToken> tokens;
  std::vector<char> texts;
};

Read ReadAll(absl::string_view expression) {
  FilterLexer lexer(expression);
  Read read;
  for (;;) {
    const auto token = lexer.Next();
    INFO(token.status());
    REQUIRE(token.ok());
    if (token->kind == Kind::kEnd) break;
    read.tokens.push_back(*token);
  }
  const auto again = lexer.Next();
  CHECK((again.ok() && again->kind == Kind::kEnd));
  read.texts = lexer.TakeTexts();
  return read;
}

FilterToken Only(absl::string_view expression) {
  const Read read = ReadAll(expression);
  CAPTURE(expression);
  REQUIRE(read.tokens.size() == 1);
  return read.tokens[0];
}

std::string ErrorOf(absl::string_view expression) {
  FilterLexer lexer(expression);
  for (;;) {
    const auto token = lexer.Next();
    if (!token.ok()) {
      CHECK(absl::IsInvalidArgument(token.status()));
      return std::string(token.status().message());
    }
    if (token->kind == Kind::kEnd) return "no error";
  }
}

TEST_CASE("every word and symbol of the language is known, the words in letters of any case") {
  const std::vector<std::pair<std::string, Kind>> words = {{"AND", Kind::kAnd},
                                                           {"or", Kind::kOr},
                                                           {"Not", Kind::kNot},
                                                           {"iS", Kind::kIs},
                                                           {"NULL", Kind::kNull},
                                                           {"true", Kind::kTrue},
                                                           {"False", Kind::kFalse},
                                                           {"in", Kind::kIn},
                                                           {"between", Kind::kBetween},
                                                           {"Contains", Kind::kContains},
                                                           {"endswith", Kind::kEndsWith},
                                                           {"StartsWith", Kind::kStartsWith},
                                                           {"=", Kind::kEqual},
                                                           {"<>", Kind::kNotEqual},
                                                           {"<", Kind::kLess},
                                                           {"<=", Kind::kLessOrEqual},
                                                           {">", Kind::kGreater},
                                                           {">=", Kind::kGreaterOrEqual},
                                                           {"(", Kind::kOpen},
                                                           {")", Kind::kClose},
                                                           {",", Kind::kComma}};
  CHECK(words.size() == static_cast<size_t>(Kind::kComma) - static_cast<size_t>(Kind::kTrue) + 1);
  for (const auto& [word, kind] : words) CHECK(Only(word).kind == kind);
}

TEST_CASE("words need nothing between them but where two would be one") {
  const Read read = ReadAll("(a<=-5)OR'x'<>b,NOT\tIS\n");
  std::string written;
  std::vector<size_t> columns;
  for (const FilterToken& token : read.tokens) {
    written += std::string(token.as_written) + "|";
    columns.push_back(token.column);
  }
  CHECK(written == "(|a|<=|-5|)|OR|'x'|<>|b|,|NOT|IS|");
  CHECK(columns == std::vector<size_t>{1, 2, 3, 5, 7, 8, 10, 13, 15, 16, 17, 21});
}

TEST_CASE("a name has letters, digits, _ and $, no digit first, and every case is another name") {
  for (const absl::string_view name : {"a", "A", "_", "$", "price_2", "$x", "android", "orders",
                                       "inner", "isnt", "notable", "betweens", "TAGS"}) {
    const Read read = ReadAll(name);
    REQUIRE(read.tokens.size() == 1);
    CHECK(read.tokens[0].kind == Kind::kName);
    CHECK(read.tokens[0].text == name);
  }
}

TEST_CASE("a text may hold every byte, and two quotes in it are one") {
  const auto text_of = [](absl::string_view expression) {
    const Read read = ReadAll(expression);
    REQUIRE(read.tokens.size() == 1);
    CHECK(read.tokens[0].kind == Kind::kText);
    CHECK(read.tokens[0].as_written == expression);
    return std::string(read.tokens[0].text);
  };
  CHECK(text_of("''").empty());
  CHECK(text_of("'x'") == "x");
  CHECK(text_of("'it''s'") == "it's");
  CHECK(text_of("''''") == "'");
  CHECK(text_of("''''''") == "''");
  CHECK(text_of("'\"'") == "\"");
  CHECK(text_of("' AND '") == " AND ");
  CHECK(text_of("'gr\xC3\xB6\xC3\x9F"
                "e'") ==
        "gr\xC3\xB6\xC3\x9F"
        "e");
  const absl::string_view zero("'a\0b'", 5);
  CHECK(text_of(zero) == std::string("a\0b", 3));
}

TEST_CASE("any name stands between double quotes, and two of those in it are one") {
  const Read read = ReadAll(R"("order-id" "say ""x""" "AND" "it's")");
  REQUIRE(read.tokens.size() == 4);
  for (const FilterToken& token : read.tokens) CHECK(token.kind == Kind::kQuotedName);
  CHECK(read.tokens[0].text == "order-id");
  CHECK(read.tokens[1].text == "say \"x\"");
  CHECK(read.tokens[2].text == "AND");
  CHECK(read.tokens[3].text == "it's");
}

TEST_CASE("an integer keeps all of its digits") {
  const auto integer = [](absl::string_view text) {
    const FilterToken token = Only(text);
    REQUIRE(token.kind == Kind::kNumber);
    REQUIRE(token.number.is_integer);
    return token.number.integer;
  };
  CHECK(integer("0") == 0);
  CHECK(integer("42") == 42);
  CHECK(integer("+42") == 42);
  CHECK(integer("-42") == -42);
  CHECK(integer("42L") == 42);
  CHECK(integer("-42l") == -42);
  CHECK(integer("007") == 7);
  CHECK(integer("9007199254740993") == 9007199254740993);
  CHECK(integer("9223372036854775807") == 9223372036854775807);
  CHECK(integer("-9223372036854775808") == -9223372036854775807 - 1);
}

TEST_CASE("a double has a point or an exponent") {
  const auto real = [](absl::string_view text) {
    const FilterToken token = Only(text);
    REQUIRE(token.kind == Kind::kNumber);
    REQUIRE_FALSE(token.number.is_integer);
    return token.number.real;
  };
  CHECK(real("5.0") == 5.0);
  CHECK(real("5.") == 5.0);
  CHECK(real(".5") == 0.5);
  CHECK(real("-.5") == -0.5);
  CHECK(real("+5.25") == 5.25);
  CHECK(real("5e3") == 5000.0);
  CHECK(real("5.E3") == 5000.0);
  CHECK(real("25E-1") == 2.5);
  CHECK(real("1e+300") == 1e300);
  CHECK(real("0.0") == 0.0);
  CHECK(real("1e-400") == 0.0);
}

TEST_CASE("what is no word is refused where it stands") {
  CHECK(ErrorOf("a # b") ==
        "filter: column 3: expected a property, a literal or an operator, found \"#\"");
  CHECK(ErrorOf("a != b") ==
        "filter: column 3: expected a property, a literal or an operator, found \"!\"");
  CHECK(ErrorOf("gr\xC3\xB6sse") ==
        "filter: column 3: expected a property, a literal or an operator, found \"\\xc3\"");
  CHECK(ErrorOf(absl::string_view("a \0", 3)) ==
        "filter: column 3: expected a property, a literal or an operator, found \"\\x00\"");
  CHECK(ErrorOf("a = 'x") ==
        "filter: column 7: expected the quote that ends what begins at column 5, found the end");
  CHECK(ErrorOf("'it''") ==
        "filter: column 6: expected the quote that ends what begins at column 1, found the end");
  CHECK(ErrorOf("\"x") ==
        "filter: column 3: expected the quote that ends what begins at column 1, found the end");
  CHECK(ErrorOf("'") ==
        "filter: column 2: expected the quote that ends what begins at column 1, found the end");
}

TEST_CASE("a number that is none is refused where it stops being one") {
  CHECK(ErrorOf("a > -") == "filter: column 6: expected a digit, found the end");
  CHECK(ErrorOf("--5") == "filter: column 2: expected a digit, found \"-\"");
  CHECK(ErrorOf("- 5") == "filter: column 2: expected a digit, found \" \"");
  CHECK(ErrorOf(".") == "filter: column 2: expected a digit, found the end");
  CHECK(ErrorOf("a.b") == "filter: column 3: expected a digit, found \"b\"");
  CHECK(ErrorOf("5e") == "filter: column 3: expected a digit of the exponent, found the end");
  CHECK(ErrorOf("5e+x") == "filter: column 4: expected a digit of the exponent, found \"x\"");
  CHECK(ErrorOf("1.2.3") == "filter: column 4: expected the end of the number, found \".\"");
  CHECK(ErrorOf("5x") == "filter: column 2: expected the end of the number, found \"x\"");
  CHECK(ErrorOf("0x10") == "filter: column 2: expected the end of the number, found \"x\"");
  CHECK(ErrorOf("5LL") == "filter: column 3: expected the end of the number, found \"L\"");
  CHECK(ErrorOf("5.0L") == "filter: column 4: expected the end of the number, found \"L\"");
}

TEST_CASE("a number that no type holds is refused whole") {
  CHECK(ErrorOf("a > 9223372036854775808") ==
        "filter: column 5: expected an integer of 64 bits, found \"9223372036854775808\"");
  CHECK(ErrorOf("a > -9223372036854775809") ==
        "filter: column 5: expected an integer of 64 bits, found \"-9223372036854775809\"");
  CHECK(ErrorOf("a > 1e400") == "filter: column 5: expected a double, found \"1e400\"");
  CHECK(ErrorOf(absl::StrCat(std::string(1000, '9'), ".")) ==
        "filter: column 1: expected a double, found \"" + std::string(40, '9') + "...\"");
}

TEST_CASE("texts are views that stay when the lexer is gone") {
  std::vector<FilterToken> tokens;
  std::vector<char> texts;
  {
    const std::string expression = "first = 'second''s' AND \"third\" = 'x'";
    Read read = ReadAll(expression);
    tokens = std::move(read.tokens);
    texts = std::move(read.texts);
  }
  CHECK(tokens[0].text == "first");
  CHECK(tokens[2].text == "second's");
  CHECK(tokens[4].text == "third");
  CHECK(tokens[6].text == "x");
}

}  // namespace
}  // namespace weir::internal
