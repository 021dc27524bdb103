// A number as its text says it: an integer of 64 bits, or a double. The two compare without loss.

#ifndef WEIR_BASE_NUMBER_H_
#define WEIR_BASE_NUMBER_H_

#include <compare>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace weir::internal {

// Members are not initialised: what holds many of them on the stack sets those that it needs.
struct Number {
  bool is_integer;
  union {
    int64_t integer;
    double real;
  };

  static Number Of(int64_t value) {
    Number number;
    number.is_integer = true;
    number.integer = value;
    return number;
  }
  static Number Of(double value) {
    Number number;
    number.is_integer = false;
    number.real = value;
    return number;
  }

  // The nearest one, of a large integer.
  double AsDouble() const { return is_integer ? static_cast<double>(integer) : real; }

  // As the exact values compare; NaN with nothing.
  friend std::partial_ordering operator<=>(const Number& a, const Number& b) {
    if (a.is_integer != b.is_integer) return CompareKinds(a, b);
    if (a.is_integer) return a.integer <=> b.integer;
    return a.real <=> b.real;
  }

 private:
  static std::partial_ordering CompareKinds(const Number& a, const Number& b);
};

// A sign or none, digits with or without a point, an exponent or none: "-5", "+5", ".5", "5.",
// "5e-3"; also "inf", "-inf" and "nan". An integer if there are only digits and 64 bits hold it,
// else the nearest double. Nothing if the text is anything else; blanks are something else.
std::optional<Number> ParseNumber(absl::string_view text);

}  // namespace weir::internal

#endif  // WEIR_BASE_NUMBER_H_
