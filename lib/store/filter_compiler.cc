#include "store/filter_compiler.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/filter_lexer.h"
#include "weir/filter.h"

namespace weir::internal {
namespace {

using Kind = FilterToken::Kind;
using Source = FilterProgram::Source;
using Test = FilterStep::Test;

// Ways out of a condition that do not lead anywhere yet: a chain through their own targets. Each is
// a step's number twice, plus one if the step's test holds.
struct Exits {
  uint16_t first;
  uint16_t last;
};
constexpr uint16_t kNoExit = 0xFFFF;
static_assert(2 * kMaxFilterTerms < kNoExit);

// The steps of a part of the expression, all in a row.
struct Clause {
  Exits if_true;
  Exits if_false;
};

Clause Not(const Clause& condition) { return {condition.if_false, condition.if_true}; }

bool IsLiteral(Kind kind) {
  return kind == Kind::kText || kind == Kind::kNumber || kind == Kind::kTrue ||
         kind == Kind::kFalse;
}

// A side of a comparison.
struct Operand {
  FilterToken token;
  uint16_t value = 0;  // of a property

  bool is_property() const { return token.kind == Kind::kName || token.kind == Kind::kQuotedName; }
  bool is_number() const { return token.kind == Kind::kNumber; }
  // The stronger of two sides says how the other is read.
  int Strength() const {
    if (is_property()) return 0;
    if (token.kind == Kind::kText) return 1;
    return is_number() ? 2 : 3;
  }
};

// How a comparison compares.
struct Operator {
  uint8_t orders = 0;
  bool is_negated = false;  // <>

  bool is_order() const { return orders != kEqual; }
};

std::optional<Operator> OperatorOf(Kind kind) {
  switch (kind) {
    case Kind::kEqual:
      return Operator{kEqual};
    case Kind::kNotEqual:
      return Operator{kEqual, /*is_negated=*/true};
    case Kind::kLess:
      return Operator{kLess};
    case Kind::kLessOrEqual:
      return Operator{kLess | kEqual};
    case Kind::kGreater:
      return Operator{kGreater};
    case Kind::kGreaterOrEqual:
      return Operator{kGreater | kEqual};
    default:
      return std::nullopt;
  }
}

// What is said of b and a if `orders` is said of a and b.
uint8_t Mirrored(uint8_t orders) {
  return static_cast<uint8_t>((orders & kEqual) | ((orders & kLess) != 0 ? kGreater : 0) |
                              ((orders & kGreater) != 0 ? kLess : 0));
}

// Reads the expression once, from left to right, and writes its steps as it goes. Functions are
// named after what they read; `negated` says whether an odd number of NOTs stand around it.
class Compiler {
 public:
  explicit Compiler(absl::string_view expression) : expression_(expression), lexer_(expression) {}

  absl::StatusOr<FilterProgram> Compile() &&;

 private:
  absl::StatusOr<Clause> Alternatives(bool negated);  // joined by OR
  absl::StatusOr<Clause> Conjunction(bool negated);   // joined by AND
  absl::StatusOr<Clause> Negation(bool negated);      // behind any number of NOTs
  absl::StatusOr<Clause> Parentheses(bool negated);
  absl::StatusOr<Clause> Comparison(bool negated);
  absl::StatusOr<Clause> Between(const Operand& value, bool negated);
  absl::StatusOr<Clause> In(const Operand& value, bool negated);
  absl::StatusOr<Clause> Part(const Operand& value, Test test, bool negated);
  absl::StatusOr<Operand> Value(absl::string_view expected = "a property or a literal");
  absl::StatusOr<Operand> Literal();

  // Comparisons written as steps.
  absl::StatusOr<Clause> Compare(Operand left, Operator how, Operand right, bool negated);
  absl::StatusOr<Clause> Add(const Operand& left, FilterStep step, bool negated);
  absl::StatusOr<uint16_t> SourceOf(const FilterToken& name);

  absl::Status Advance();
  // Takes the word if it is the next one.
  absl::StatusOr<bool> Take(Kind kind);
  absl::Status Expect(Kind kind, absl::string_view expected);
  absl::Status Unexpected(absl::string_view expected) const {
    return FilterError(token_.column, expected, Shown(token_.as_written));
  }

  uint16_t here() const { return static_cast<uint16_t>(steps_.size()); }
  uint16_t& TargetOf(uint16_t exit);
  void Lead(Exits exits, uint16_t to);
  Exits Join(Exits a, Exits b);

  const absl::string_view expression_;
  FilterLexer lexer_;
  FilterToken token_;  // the next one
  size_t depth_ = 0;
  std::vector<Source> sources_;
  std::vector<FilterStep> steps_;
};

absl::StatusOr<FilterProgram> Compiler::Compile() && {
  if (expression_.size() > kMaxFilterBytes) {
    return FilterError(kMaxFilterBytes + 1, absl::StrCat("at most ", kMaxFilterBytes, " bytes"),
                       absl::StrCat(expression_.size()));
  }
  RETURN_IF_ERROR(Advance());
  ASSIGN_OR_RETURN(const Clause all, Alternatives(/*negated=*/false));
  if (token_.kind != Kind::kEnd) return Unexpected("AND, OR or the end");
  Lead(all.if_true, FilterProgram::kAccept);
  Lead(all.if_false, FilterProgram::kReject);
  return FilterProgram(expression_, lexer_.TakeTexts(), std::move(sources_), std::move(steps_));
}

absl::StatusOr<Clause> Compiler::Alternatives(bool negated) {
  ASSIGN_OR_RETURN(Clause all, Conjunction(negated));
  while (token_.kind == Kind::kOr) {
    RETURN_IF_ERROR(Advance());
    Lead(all.if_false, here());
    ASSIGN_OR_RETURN(const Clause next, Conjunction(negated));
    all = {Join(all.if_true, next.if_true), next.if_false};
  }
  return all;
}

absl::StatusOr<Clause> Compiler::Conjunction(bool negated) {
  ASSIGN_OR_RETURN(Clause all, Negation(negated));
  while (token_.kind == Kind::kAnd) {
    RETURN_IF_ERROR(Advance());
    Lead(all.if_true, here());
    ASSIGN_OR_RETURN(const Clause next, Negation(negated));
    all = {next.if_true, Join(all.if_false, next.if_false)};
  }
  return all;
}

// In a loop: a thousand NOTs in a row shall not be a thousand calls in each other.
absl::StatusOr<Clause> Compiler::Negation(bool negated) {
  bool is_odd = false;
  while (token_.kind == Kind::kNot) {
    RETURN_IF_ERROR(Advance());
    is_odd = !is_odd;
  }
  const bool inside = negated != is_odd;
  ASSIGN_OR_RETURN(const Clause condition,
                   token_.kind == Kind::kOpen ? Parentheses(inside) : Comparison(inside));
  return is_odd ? Not(condition) : condition;
}

absl::StatusOr<Clause> Compiler::Parentheses(bool negated) {
  if (depth_ == kMaxFilterDepth) {
    return Unexpected(absl::StrCat("at most ", kMaxFilterDepth, " parentheses in each other"));
  }
  ++depth_;
  RETURN_IF_ERROR(Advance());
  ASSIGN_OR_RETURN(const Clause inside, Alternatives(negated));
  RETURN_IF_ERROR(Expect(Kind::kClose, "AND, OR or \")\""));
  --depth_;
  return inside;
}

absl::StatusOr<Clause> Compiler::Comparison(bool negated) {
  ASSIGN_OR_RETURN(const Operand value, Value("a property, a literal, NOT or \"(\""));
  if (const auto how = OperatorOf(token_.kind)) {
    RETURN_IF_ERROR(Advance());
    ASSIGN_OR_RETURN(const Operand right, Value());
    return Compare(value, *how, right, negated);
  }
  if (token_.kind == Kind::kIs) {
    RETURN_IF_ERROR(Advance());
    ASSIGN_OR_RETURN(const bool is_not, Take(Kind::kNot));
    RETURN_IF_ERROR(Expect(Kind::kNull, is_not ? "NULL" : "NULL or NOT NULL"));
    ASSIGN_OR_RETURN(const Clause missing, Add(value, {.test = Test::kMissing}, negated));
    return is_not ? Not(missing) : missing;
  }
  ASSIGN_OR_RETURN(const bool is_not, Take(Kind::kNot));
  const bool inside = negated != is_not;
  absl::StatusOr<Clause> condition;
  switch (token_.kind) {
    case Kind::kBetween:
      condition = Between(value, inside);
      break;
    case Kind::kIn:
      condition = In(value, inside);
      break;
    case Kind::kContains:
      condition = Part(value, Test::kContains, inside);
      break;
    case Kind::kStartsWith:
      condition = Part(value, Test::kStartsWith, inside);
      break;
    case Kind::kEndsWith:
      condition = Part(value, Test::kEndsWith, inside);
      break;
    default:
      if (is_not) return Unexpected("BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH");
      if (value.is_number() || value.token.kind == Kind::kText) return Unexpected("a comparison");
      return Add(value, {.test = Test::kBoolean, .boolean = true}, negated);
  }
  if (condition.ok() && is_not) return Not(*condition);
  return condition;
}

absl::StatusOr<Clause> Compiler::Between(const Operand& value, bool negated) {
  RETURN_IF_ERROR(Advance());
  ASSIGN_OR_RETURN(const Operand low, Value());
  RETURN_IF_ERROR(Expect(Kind::kAnd, "AND"));
  ASSIGN_OR_RETURN(const Operand high, Value());
  if (low.is_number() && high.is_number() && high.token.number < low.token.number) {
    return FilterError(high.token.column, absl::StrCat("at least ", low.token.as_written),
                       Shown(high.token.as_written));
  }
  ASSIGN_OR_RETURN(const Clause above, Compare(value, {kGreater | kEqual}, low, negated));
  Lead(above.if_true, here());
  ASSIGN_OR_RETURN(const Clause below, Compare(value, {kLess | kEqual}, high, negated));
  return Clause{below.if_true, Join(above.if_false, below.if_false)};
}

absl::StatusOr<Clause> Compiler::In(const Operand& value, bool negated) {
  RETURN_IF_ERROR(Advance());
  RETURN_IF_ERROR(Expect(Kind::kOpen, "\"(\""));
  ASSIGN_OR_RETURN(const Operand first, Literal());
  ASSIGN_OR_RETURN(Clause all, Compare(value, {kEqual}, first, negated));
  while (token_.kind == Kind::kComma) {
    RETURN_IF_ERROR(Advance());
    ASSIGN_OR_RETURN(const Operand literal, Literal());
    Lead(all.if_false, here());
    ASSIGN_OR_RETURN(const Clause next, Compare(value, {kEqual}, literal, negated));
    all = {Join(all.if_true, next.if_true), next.if_false};
  }
  RETURN_IF_ERROR(Expect(Kind::kClose, "\",\" or \")\""));
  return all;
}

absl::StatusOr<Clause> Compiler::Part(const Operand& value, Test test, bool negated) {
  RETURN_IF_ERROR(Advance());
  if (token_.kind != Kind::kText || token_.text.empty()) {
    return Unexpected("a text of at least one byte");
  }
  const absl::string_view text = token_.text;
  RETURN_IF_ERROR(Advance());
  return Add(value, {.test = test, .text = text}, negated);
}

absl::StatusOr<Operand> Compiler::Literal() {
  if (!IsLiteral(token_.kind)) return Unexpected("a text, a number, TRUE or FALSE");
  const Operand literal{.token = token_};
  RETURN_IF_ERROR(Advance());
  return literal;
}

absl::StatusOr<Operand> Compiler::Value(absl::string_view expected) {
  Operand value{.token = token_};
  if (value.is_property()) {
    ASSIGN_OR_RETURN(value.value, SourceOf(token_));
  } else if (!IsLiteral(token_.kind)) {
    return Unexpected(expected);
  }
  RETURN_IF_ERROR(Advance());
  return value;
}

absl::StatusOr<uint16_t> Compiler::SourceOf(const FilterToken& name) {
  Source source;
  if (name.kind == Kind::kName && name.text == "TAGS") {
    source.kind = Source::Kind::kTag;
  } else if (name.kind == Kind::kName && name.text == "KEYS") {
    source.kind = Source::Kind::kKeys;
  } else if (name.text.empty() || name.text.size() > kMaxPropertyNameBytes) {
    return FilterError(name.column, "a name of 1 to 255 bytes", Shown(name.as_written));
  } else {
    source.name = name.text;
  }
  const auto known = std::find(sources_.begin(), sources_.end(), source);
  if (known != sources_.end()) return static_cast<uint16_t>(known - sources_.begin());
  if (sources_.size() == kMaxFilterProperties) {
    return FilterError(name.column,
                       absl::StrCat("at most ", kMaxFilterProperties, " different properties"),
                       Shown(name.as_written));
  }
  sources_.push_back(source);
  return static_cast<uint16_t>(sources_.size() - 1);
}

absl::StatusOr<Clause> Compiler::Compare(Operand left, Operator how, Operand right, bool negated) {
  for (const Operand* const side : {&left, &right}) {
    if (how.is_order() && !side->is_property() && !side->is_number()) {
      return FilterError(side->token.column, "a property or a number, which have an order",
                         Shown(side->token.as_written));
    }
  }
  if (left.Strength() > right.Strength()) {
    std::swap(left, right);
    how.orders = Mirrored(how.orders);
  }
  FilterStep step{.orders = how.orders};
  if (right.is_property()) {
    step.test = how.is_order() ? Test::kNumbers : Test::kSameText;
    step.other = right.value;
  } else if (right.is_number()) {
    step.test = Test::kNumber;
    step.number = right.token.number;
  } else if (right.token.kind == Kind::kText) {
    step.test = Test::kText;
    step.text = right.token.text;
  } else {
    step.test = Test::kBoolean;
    step.boolean = right.token.kind == Kind::kTrue;
  }
  ASSIGN_OR_RETURN(const Clause condition, Add(left, step, negated != how.is_negated));
  return how.is_negated ? Not(condition) : condition;
}

absl::StatusOr<Clause> Compiler::Add(const Operand& left, FilterStep step, bool negated) {
  if (steps_.size() == kMaxFilterTerms) {
    return FilterError(left.token.column, absl::StrCat("at most ", kMaxFilterTerms, " comparisons"),
                       Shown(left.token.as_written));
  }
  if (left.is_property()) {
    step.value = left.value;
  } else {
    // A literal is read as the text of a property would be, and once.
    FilterValue value;
    value.Set(left.token.text);
    step.truth = Evaluate(step, &value);
    step.test = Test::kConstant;
  }
  step.unknown_as_true = negated;
  step.if_true = step.if_false = kNoExit;
  const auto if_false = static_cast<uint16_t>(2 * steps_.size());
  const auto if_true = static_cast<uint16_t>(if_false + 1);
  steps_.push_back(step);
  return Clause{{if_true, if_true}, {if_false, if_false}};
}

absl::Status Compiler::Advance() {
  ASSIGN_OR_RETURN(token_, lexer_.Next());
  return absl::OkStatus();
}

absl::StatusOr<bool> Compiler::Take(Kind kind) {
  if (token_.kind != kind) return false;
  RETURN_IF_ERROR(Advance());
  return true;
}

absl::Status Compiler::Expect(Kind kind, absl::string_view expected) {
  if (token_.kind != kind) return Unexpected(expected);
  return Advance();
}

uint16_t& Compiler::TargetOf(uint16_t exit) {
  FilterStep& step = steps_[exit / 2];
  return exit % 2 == 1 ? step.if_true : step.if_false;
}

void Compiler::Lead(Exits exits, uint16_t to) {
  for (uint16_t exit = exits.first; exit != kNoExit;) exit = std::exchange(TargetOf(exit), to);
}

Exits Compiler::Join(Exits a, Exits b) {
  TargetOf(a.last) = b.first;
  return {a.first, b.last};
}

}  // namespace

absl::StatusOr<FilterProgram> CompileFilter(absl::string_view expression) {
  return Compiler(expression).Compile();
}

}  // namespace weir::internal
