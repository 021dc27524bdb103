#include <charconv>
#include <cmath>
#include <string>

#include "absl/strings/match.h"
#include "base/number.h"
#include "weir/property.h"

namespace weir {
namespace {

// The longest text of all is that of a double: sign, 17 digits, point, exponent of five.
template <typename Number, size_t kBytes>
uint8_t WriteNumber(Number value, char (&text)[kBytes]) {
  static_assert(kBytes >= 24);
  return static_cast<uint8_t>(std::to_chars(text, text + kBytes, value).ptr - text);
}

}  // namespace

PropertyValue::PropertyValue(bool value)
    : size_(static_cast<uint8_t>(absl::string_view(value ? "true" : "false").copy(text_, 5))) {}
PropertyValue::PropertyValue(double value)
    // Without the sign, which some that are no number have.
    : size_(WriteNumber(std::isnan(value) ? std::abs(value) : value, text_)) {}
void PropertyValue::Write(int64_t value) { size_ = WriteNumber(value, text_); }
void PropertyValue::Write(uint64_t value) { size_ = WriteNumber(value, text_); }

std::optional<int64_t> IntegerOf(absl::string_view value) {
  const auto number = internal::ParseNumber(value);
  if (!number || !number->is_integer) return std::nullopt;
  return number->integer;
}

std::optional<double> DoubleOf(absl::string_view value) {
  const auto number = internal::ParseNumber(value);
  if (!number) return std::nullopt;
  return number->AsDouble();
}

std::optional<bool> BooleanOf(absl::string_view value) {
  if (absl::EqualsIgnoreCase(value, "true")) return true;
  if (absl::EqualsIgnoreCase(value, "false")) return false;
  return std::nullopt;
}

}  // namespace weir
