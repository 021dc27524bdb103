// A filter's expression, compiled: its comparisons in a row, each of which says where to go on.
//
// A message matches if the expression is true, so "unknown" has to be told from "false" only below
// a NOT. Under an even number of them unknown goes where false goes, under an odd number where true
// goes, and AND, OR and NOT are nothing but jumps.
//
// Invariants
// 1. A step leads to a later step or to an end: a run looks at each comparison once at most.
// 2. A run takes no memory. Of the message it reads each property once to find it; a number is read
//    once however many steps compare it.

#ifndef WEIR_STORE_FILTER_PROGRAM_H_
#define WEIR_STORE_FILTER_PROGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/number.h"
#include "format/record.h"

namespace weir::internal {

enum class Truth : uint8_t { kFalse, kTrue, kUnknown };

// The text that a step looks at, and what is known of it.
struct FilterValue {
  enum class Reading : uint8_t { kNotTried, kNumber, kNoNumber };

  // Not set by the constructor: a run sets those that it needs.
  const char* data;  // null: the message has none
  size_t size;
  Reading reading;
  Number number;  // if kNumber

  void Set(absl::string_view text) {
    data = text.data();
    size = text.size();
    reading = Reading::kNotTried;
  }
  void SetMissing() { Set({}); }
  bool is_missing() const { return data == nullptr; }
  absl::string_view text() const { return {data, size}; }
  // Null if the text is no number.
  const Number* AsNumber();
};

// Which orders of the left and the right side fulfil a comparison.
inline constexpr uint8_t kLess = 1;
inline constexpr uint8_t kEqual = 2;
inline constexpr uint8_t kGreater = 4;

struct FilterStep {
  enum class Test : uint8_t {
    kConstant,    // `truth`
    kMissing,     // there is no value
    kBoolean,     // the value is the boolean `boolean`
    kText,        // ... the text `text`
    kContains,    // ... a text with `text` in it
    kStartsWith,  // ... that begins with it
    kEndsWith,    // ... that ends with it
    kNumber,      // its order to `number` is one of `orders`
    kSameText,    // it is the text of the value `other`
    kNumbers,     // its order to the value `other` is one of `orders`
  };

  Test test = Test::kConstant;
  Truth truth = Truth::kUnknown;
  bool boolean = false;
  uint8_t orders = 0;
  // Where unknown goes: to `if_true`, under an odd number of NOTs.
  bool unknown_as_true = false;
  uint16_t value = 0;  // which one
  uint16_t other = 0;
  uint16_t if_true = 0;  // a step, or an end
  uint16_t if_false = 0;
  absl::string_view text;
  Number number = Number::Of(int64_t{0});
};

// What one step says; `values` are those of the message.
Truth Evaluate(const FilterStep& step, FilterValue* values);

class FilterProgram {
 public:
  // The ends.
  static constexpr uint16_t kAccept = 0xFFFF;
  static constexpr uint16_t kReject = 0xFFFE;

  // Where a value comes from.
  struct Source {
    enum class Kind : uint8_t { kProperty, kTag, kKeys };
    Kind kind = Kind::kProperty;
    absl::string_view name;  // of a property
    friend bool operator==(const Source&, const Source&) = default;
  };

  // There is at least one step. Names and texts are views of `texts` (of the buffer, which moves
  // with it).
  FilterProgram(absl::string_view expression, std::vector<char> texts, std::vector<Source> sources,
                std::vector<FilterStep> steps);

  absl::string_view expression() const { return expression_; }

  // Of a record whose parts decode.
  bool Matches(const DecodedParts& parts) const;

 private:
  // A property that is looked for.
  struct Wanted {
    uint64_t mark;  // of its name
    uint16_t value;
    absl::string_view name;
  };

  void FindProperties(absl::string_view encoded, FilterValue* values) const;

  std::string expression_;
  std::vector<char> texts_;
  std::vector<FilterStep> steps_;
  std::vector<Wanted> wanted_;
  size_t value_count_;
  // Values that are no properties; negative: none.
  int tag_value_ = -1;
  int keys_value_ = -1;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_FILTER_PROGRAM_H_
