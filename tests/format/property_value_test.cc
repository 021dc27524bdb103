#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "support/message_record.h"
#include "support/random.h"
#include "weir/message.h"

namespace weir::testing {
namespace {

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
constexpr int64_t kSmallest = std::numeric_limits<int64_t>::min();

TEST_CASE("a boolean, an integer and a double are written as everybody writes them") {
  CHECK(PropertyValue(true).text() == "true");
  CHECK(PropertyValue(false).text() == "false");
  CHECK(PropertyValue(0).text() == "0");
  CHECK(PropertyValue(-42).text() == "-42");
  CHECK(PropertyValue(uint8_t{7}).text() == "7");
  CHECK(PropertyValue(int8_t{-7}).text() == "-7");
  CHECK(PropertyValue(kLargest).text() == "9223372036854775807");
  CHECK(PropertyValue(kSmallest).text() == "-9223372036854775808");
  CHECK(PropertyValue(~uint64_t{0}).text() == "18446744073709551615");
  CHECK(PropertyValue(101.25).text() == "101.25");
  CHECK(PropertyValue(0.1).text() == "0.1");
  CHECK(PropertyValue(5.0).text() == "5");
  CHECK(PropertyValue(1e30).text() == "1e+30");
  CHECK(PropertyValue(-std::numeric_limits<double>::max()).text() == "-1.7976931348623157e+308");
  CHECK(PropertyValue(-2.2250738585072014e-308).text() == "-2.2250738585072014e-308");
  CHECK(PropertyValue(std::numeric_limits<double>::infinity()).text() == "inf");
  CHECK(PropertyValue(-std::numeric_limits<double>::infinity()).text() == "-inf");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(PropertyValue(nan).text() == "nan");
  CHECK(PropertyValue(std::copysign(nan, -1)).text() == "nan");
}

TEST_CASE("every integer is read as it was written") {
  Random random(1);
  for (int i = 0; i < 10'000; ++i) {
    const auto value = static_cast<int64_t>(random.Next()) >> random.Below(64);
    if (IntegerOf(PropertyValue(value)) != value) FAIL(value);
  }
  CHECK(IntegerOf(PropertyValue(kLargest)) == kLargest);
  CHECK(IntegerOf(PropertyValue(kSmallest)) == kSmallest);
  CHECK_FALSE(IntegerOf(PropertyValue(~uint64_t{0})).has_value());
}

TEST_CASE("every double is read as it was written") {
  Random random(2);
  for (int i = 0; i < 100'000; ++i) {
    double value = 0;
    if (i % 2 == 0) {
      const uint64_t bits = random.Next();
      std::memcpy(&value, &bits, sizeof value);
      if (std::isnan(value)) continue;
    } else {
      value = static_cast<double>(static_cast<int64_t>(random.Next()) >> random.Below(64)) / 8;
    }
    if (DoubleOf(PropertyValue(value)) != value) FAIL(PropertyValue(value).text());
  }
  const auto nan = DoubleOf(PropertyValue(std::numeric_limits<double>::quiet_NaN()));
  REQUIRE(nan.has_value());
  CHECK(std::isnan(*nan));
}

TEST_CASE("a text is asked for what it says, and says nothing of any other kind") {
  CHECK(IntegerOf("+42") == 42);
  CHECK(DoubleOf("42") == 42.0);
  CHECK(DoubleOf("9007199254740993") == 9007199254740992.0);
  CHECK(DoubleOf("1e400") == std::numeric_limits<double>::infinity());
  for (const absl::string_view yes : {"true", "TRUE", "True", "tRuE"})
    CHECK(BooleanOf(yes) == true);
  for (const absl::string_view no : {"false", "FALSE", "False"}) CHECK(BooleanOf(no) == false);
  CHECK_FALSE(IntegerOf("42.0").has_value());
  CHECK_FALSE(IntegerOf("9223372036854775808").has_value());
  for (const absl::string_view text : {"", " ", "abc", "4 2", "truth", "fals", "true ", "yes"}) {
    CAPTURE(text);
    CHECK_FALSE(IntegerOf(text).has_value());
    CHECK_FALSE(DoubleOf(text).has_value());
    CHECK_FALSE(BooleanOf(text).has_value());
  }
  for (const absl::string_view text : {"1", "0"}) CHECK_FALSE(BooleanOf(text).has_value());
}

TEST_CASE("typed values of a message come back from its record") {
  const PropertyValue lots(-1200);
  const PropertyValue price(101.25);
  const PropertyValue is_urgent(true);
  const std::vector<Property> properties = {
      {"venue", "XNAS"}, {"lots", lots}, {"price", price}, {"urgent", is_urgent}};
  const MessageRecord record({.properties = properties}, "body");
  const MessageView view = record.view();

  CHECK(view.property("venue") == "XNAS");
  CHECK(IntegerOf(*view.property("lots")) == -1200);
  CHECK(DoubleOf(*view.property("price")) == 101.25);
  CHECK(BooleanOf(*view.property("urgent")) == true);
}

TEST_CASE("a copy of a value has a text of its own") {
  const auto original = std::make_unique<PropertyValue>(123456789);
  const PropertyValue copy = *original;
  CHECK(copy.text().data() != original->text().data());
  CHECK(copy.text() == "123456789");
}

}  // namespace
}  // namespace weir::testing
