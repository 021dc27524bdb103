#include "base/number.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace weir::internal {
namespace {

// Doubles lose the last digits of large integers, so an integer never becomes one here.
std::partial_ordering Compare(int64_t integer, double real) {
  constexpr double kBehindLargest = 9223372036854775808.0;  // 2^63
  if (std::isnan(real)) return std::partial_ordering::unordered;
  if (real >= kBehindLargest) return std::partial_ordering::less;
  if (real < -kBehindLargest) return std::partial_ordering::greater;
  const double whole = std::trunc(real);
  const auto whole_integer = static_cast<int64_t>(whole);
  if (integer != whole_integer) return integer <=> whole_integer;
  return whole <=> real;
}

std::optional<Number> ParseWord(absl::string_view text) {
  if (text == "inf") return Number::Of(std::numeric_limits<double>::infinity());
  if (text == "-inf") return Number::Of(-std::numeric_limits<double>::infinity());
  if (text == "nan") return Number::Of(std::numeric_limits<double>::quiet_NaN());
  return std::nullopt;
}

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

}  // namespace

std::partial_ordering Number::CompareKinds(const Number& a, const Number& b) {
  return a.is_integer ? Compare(a.integer, b.real) : 0 <=> Compare(b.integer, a.real);
}

std::optional<Number> ParseNumber(absl::string_view text) {
  const char* const end = text.data() + text.size();
  // The standard library knows one of the two signs, and more words than we do.
  const bool has_plus = !text.empty() && text[0] == '+';
  const bool has_minus = !text.empty() && text[0] == '-';
  const char* const begin = text.data() + (has_plus ? 1 : 0);
  const char* const digits = begin + (has_minus ? 1 : 0);
  if (digits == end || !(IsDigit(*digits) || *digits == '.')) return ParseWord(text);
  int64_t integer = 0;
  const auto [integer_end, integer_error] = std::from_chars(begin, end, integer);
  if (integer_end == end && integer_error == std::errc()) return Number::Of(integer);
  double real = 0;
  const auto [real_end, real_error] = std::from_chars(begin, end, real);
  if (real_end != end) return std::nullopt;
  // It does not say at which end of the doubles the number is out of their range.
  if (real_error != std::errc() && !absl::SimpleAtod(text, &real)) return std::nullopt;
  return Number::Of(real);
}

}  // namespace weir::internal
