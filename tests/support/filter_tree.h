// Conditions as trees, and the simplest way to find out what they say of a message: what compiled
// filters are compared with. Reads and compares numbers in its own way; shares nothing with the
// library but the record that it makes of a message.

#ifndef WEIR_TESTS_SUPPORT_FILTER_TREE_H_
#define WEIR_TESTS_SUPPORT_FILTER_TREE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "support/message_record.h"

namespace weir::testing {

// Gives a number below the bound. A tree that is grown from nothing but zeros ends at once.
using Choose = absl::FunctionRef<uint64_t(uint64_t bound)>;

// What a filter sees of a message.
struct FilterSubject {
  std::string tag;
  std::vector<std::string> keys;
  std::vector<std::pair<std::string, std::string>> properties;

  // Of the names and values that trees know.
  static FilterSubject Grow(Choose choose);
  MessageRecord Record() const;
  // For messages of tests.
  std::string Print() const;
};

class FilterTree {
 public:
  using Verdict = std::optional<bool>;  // nullopt: unknown

  static FilterTree Grow(Choose choose);

  Verdict Evaluate(const FilterSubject& subject) const;
  // As an expression, of many that mean the same.
  std::string Print(Choose choose) const;
  size_t Terms() const;

 private:
  enum class Kind { kComparison, kAnd, kOr, kNot };
  enum class Test { kCompare, kIsNull, kBetween, kIn, kContains, kStartsWith, kEndsWith, kAlone };
  struct Operand {
    enum class Kind { kProperty, kTags, kKeys, kText, kNumber, kBoolean };
    Kind kind = Kind::kProperty;
    std::string text;
  };

  class Writer;

  static FilterTree GrowBelow(Choose choose, int depth);
  static FilterTree GrowComparison(Choose choose);
  static Operand GrowProperty(Choose choose);
  static Operand GrowLiteral(Choose choose);
  static Operand GrowNumber(Choose choose);
  static Operand GrowOrdered(Choose choose);

  static std::optional<std::string> TextOf(const Operand& operand, const FilterSubject& subject);
  static Verdict Compare(const Operand& left, const std::string& symbol, const Operand& right,
                         const FilterSubject& subject);
  Verdict EvaluateComparison(const FilterSubject& subject) const;
  void WriteComparison(Writer& writer) const;
  // As a part of a condition of the kind `around`.
  void Write(Writer& writer, Kind around) const;

  Kind kind_ = Kind::kComparison;
  std::vector<FilterTree> parts_;  // of AND, OR and NOT
  // Of a comparison.
  Test test_ = Test::kAlone;
  bool is_not_ = false;  // IS NOT NULL, NOT IN, ...
  std::string symbol_;   // kCompare
  std::vector<Operand> operands_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_FILTER_TREE_H_
