// A property of a message: a name with a value. Values are text; a number or a boolean is kept as
// the text that says it, so it reads the same in every tool and language.
//
//   const weir::PropertyValue price(101.25);
//   store->Append({.topic = "orders", .properties = {{"venue", "XNAS"}, {"price", price}}});
//   ...
//   const std::optional<double> price = weir::DoubleOf(*message.property("price"));
//
// Everything here is a value; any number of threads may use one at the same time.

#ifndef WEIR_PROPERTY_H_
#define WEIR_PROPERTY_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace weir {

inline constexpr size_t kMaxPropertyNameBytes = 255;

// A name with a value. Names and values are bytes; a name has 1 to kMaxPropertyNameBytes of them.
// Only views: what they point to must live until the append returns.
struct Property {
  absl::string_view name;
  absl::string_view value;
  friend bool operator==(const Property&, const Property&) = default;
};

// The text of a number or a boolean, for Property::value, which views it: it must live until the
// append returns. Takes nothing from the heap.
class PropertyValue {
 public:
  // "true" or "false".
  explicit PropertyValue(bool value);
  // All digits, behind a '-' if it is negative: "-42".
  template <std::signed_integral Integer>
  requires(!std::same_as<Integer, char>) explicit PropertyValue(Integer value) {
    Write(int64_t{value});
  }
  template <std::unsigned_integral Integer>
  requires(!std::same_as<Integer, char> &&
           !std::same_as<Integer, bool>) explicit PropertyValue(Integer value) {
    Write(uint64_t{value});
  }
  // The shortest text that is read as the same double: "0.1", "1e+30", "5"; "inf", "-inf", "nan".
  explicit PropertyValue(double value);

  absl::string_view text() const { return {text_, size_}; }
  operator absl::string_view() const { return text(); }  // NOLINT(google-explicit-constructor)

 private:
  void Write(int64_t value);
  void Write(uint64_t value);

  char text_[31];
  uint8_t size_ = 0;
};

// What a value says, as a filter understands it (filter.h); nullopt if it says nothing of the kind.
//
// A text of a sign or none and digits that 64 bits hold: "42", "-42", "+42", "007".
std::optional<int64_t> IntegerOf(absl::string_view value);
// The double that is nearest to a decimal number, with or without a point and an exponent: "5",
// "-.5", "5e-3"; infinite beyond the largest one. Also "inf", "-inf" and "nan".
std::optional<double> DoubleOf(absl::string_view value);
// "true" and "false" in letters of any case.
std::optional<bool> BooleanOf(absl::string_view value);

}  // namespace weir

#endif  // WEIR_PROPERTY_H_
