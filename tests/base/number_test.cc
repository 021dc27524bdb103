#include "base/number.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "support/random.h"

namespace weir::internal {
namespace {

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
constexpr int64_t kSmallest = std::numeric_limits<int64_t>::min();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool IsInteger(absl::string_view text, int64_t value) {
  const auto number = ParseNumber(text);
  return number && number->is_integer && number->integer == value;
}
bool IsReal(absl::string_view text, double value) {
  const auto number = ParseNumber(text);
  return number && !number->is_integer && number->real == value;
}

char OrderOf(const Number& a, const Number& b) {
  const std::partial_ordering order = a <=> b;
  return order < 0 ? '<' : order > 0 ? '>' : order == 0 ? '=' : '?';
}

TEST_CASE("digits that 64 bits hold are an integer, with a sign or without") {
  CHECK(IsInteger("0", 0));
  CHECK(IsInteger("-0", 0));
  CHECK(IsInteger("+7", 7));
  CHECK(IsInteger("007", 7));
  CHECK(IsInteger("9007199254740993", 9007199254740993));
  CHECK(IsInteger("9223372036854775807", kLargest));
  CHECK(IsInteger("+9223372036854775807", kLargest));
  CHECK(IsInteger("-9223372036854775808", kSmallest));
  CHECK(IsInteger("00000000000000000000000000000001", 1));
}

TEST_CASE("every other decimal number is the nearest double") {
  CHECK(IsReal("5.0", 5));
  CHECK(IsReal("5.", 5));
  CHECK(IsReal(".5", 0.5));
  CHECK(IsReal("+.5", 0.5));
  CHECK(IsReal("-0.1", -0.1));
  CHECK(IsReal("5e3", 5000));
  CHECK(IsReal("5.E3", 5000));
  CHECK(IsReal("+5E+3", 5000));
  CHECK(IsReal("25e-1", 2.5));
  CHECK(IsReal("9223372036854775808", 9223372036854775808.0));
  CHECK(IsReal("-9223372036854775809", -9223372036854775808.0));
  CHECK(IsReal("1e400", kInfinity));
  CHECK(IsReal("-1e400", -kInfinity));
  CHECK(IsReal(std::string(400, '9'), kInfinity));
  CHECK(IsReal("1e-400", 0));
  CHECK(IsReal("inf", kInfinity));
  CHECK(IsReal("-inf", -kInfinity));
  const auto nan = ParseNumber("nan");
  REQUIRE(nan);
  CHECK(std::isnan(nan->AsDouble()));
}

TEST_CASE("what is not a decimal number is no number") {
  for (const absl::string_view text :
       {"",         " ",    "+",     "-",      ".",    "-.",  "e5",    ".e5",      "5e",    "5e+",
        "5 ",       " 5",   "5\n",   "+-5",    "-+5",  "--5", "++5",   "+-.5",     "1.2.3", "1e5.5",
        "1,5",      "0x10", "0x1p3", "5f",     "5d",   "5L",  "1_000", "Infinity", "INF",   "+inf",
        "infinity", "NaN",  "-nan",  "nan(1)", "true", "abc", "5abc"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseNumber(text).has_value());
  }
  CHECK_FALSE(ParseNumber(absl::string_view("5\0", 2)).has_value());
}

TEST_CASE("a decimal number of any length is the double that is nearest to it") {
  testing::Random random(3);
  for (int i = 0; i < 200'000; ++i) {
    std::string text = random.OneIn(3) ? "-" : "";
    const uint64_t digits = random.Between(1, 22);
    const uint64_t point = random.Below(digits + 1);
    for (uint64_t k = 0; k < digits; ++k) {
      if (k == point) text += '.';
      text += static_cast<char>('0' + random.Below(random.OneIn(2) ? 10 : 2));
    }
    if (point == digits) text += '.';
    if (!IsReal(text, std::strtod(text.c_str(), nullptr))) FAIL(text);
    // Longer, and the same.
    text += text.ends_with('.') ? "" : std::string(20, '0');
    if (!IsReal(text, std::strtod(text.c_str(), nullptr))) FAIL(text);
  }
}

TEST_CASE("an integer and a double compare by what they are, not by the nearest double") {
  const auto is = [](int64_t integer, double real) {
    const char order = OrderOf(Number::Of(integer), Number::Of(real));
    const char mirrored = OrderOf(Number::Of(real), Number::Of(integer));
    CHECK(mirrored == (order == '<' ? '>' : order == '>' ? '<' : order));
    return order;
  };
  CHECK(is(5, 5.0) == '=');
  CHECK(is(5, 5.5) == '<');
  CHECK(is(6, 5.5) == '>');
  CHECK(is(-5, -5.5) == '>');
  CHECK(is(-6, -5.5) == '<');
  CHECK(is(0, -0.0) == '=');
  CHECK(is(0, 5e-324) == '<');
  CHECK(is(0, -5e-324) == '>');
  // 2^53 + 1 has no double of its own.
  CHECK(is(9007199254740993, 9007199254740992.0) == '>');
  CHECK(is(9007199254740992, 9007199254740992.0) == '=');
  // 2^63 is what the largest integer would be rounded to.
  CHECK(is(kLargest, 9223372036854775808.0) == '<');
  CHECK(is(kLargest, 9223372036854774784.0) == '>');
  CHECK(is(kSmallest, -9223372036854775808.0) == '=');
  CHECK(is(kSmallest, -9223372036854777856.0) == '>');
  CHECK(is(kLargest, kInfinity) == '<');
  CHECK(is(kSmallest, -kInfinity) == '>');
  CHECK(is(5, kNan) == '?');
  CHECK(OrderOf(Number::Of(kNan), Number::Of(kNan)) == '?');
}

TEST_CASE("numbers of both kinds compare as in an arithmetic that has room for both") {
  // On every machine that weir runs on these hold 64 bits besides sign and exponent.
  static_assert(std::numeric_limits<long double>::digits >= 64);
  testing::Random random(1);
  std::vector<Number> numbers;
  for (int i = 0; i < 300; ++i) {
    const auto integer = static_cast<int64_t>(random.Next()) >> random.Below(64);
    numbers.push_back(Number::Of(integer));
    // Doubles of any size, and next to the integers.
    numbers.push_back(Number::Of(
        std::ldexp(static_cast<double>(integer), static_cast<int>(random.Below(200)) - 100)));
    numbers.push_back(Number::Of(
        std::nextafter(static_cast<double>(integer), random.OneIn(2) ? kInfinity : -kInfinity)));
    numbers.push_back(Number::Of(static_cast<double>(integer)));
  }
  const auto exact = [](const Number& number) {
    return number.is_integer ? static_cast<long double>(number.integer)
                             : static_cast<long double>(number.real);
  };
  size_t compared = 0;
  for (const Number& a : numbers) {
    for (const Number& b : numbers) {
      if ((a <=> b) != (exact(a) <=> exact(b)))
        FAIL("other order: " << a.AsDouble() << " and " << b.AsDouble());
      ++compared;
    }
  }
  CHECK(compared >= 1'000'000);
}

}  // namespace
}  // namespace weir::internal
