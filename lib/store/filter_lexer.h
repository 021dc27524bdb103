// A filter's expression, cut into its words.

#ifndef WEIR_STORE_FILTER_LEXER_H_
#define WEIR_STORE_FILTER_LEXER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/number.h"

namespace weir::internal {

struct FilterToken {
  enum class Kind : uint8_t {
    kEnd,
    kName,        // of a property; `text`
    kQuotedName,  // the same between double quotes
    kText,        // `text`
    kNumber,      // `number`; `text` is its text
    kTrue,        // `text` is that of a property with this value
    kFalse,       // the same
    kNull,
    kAnd,
    kOr,
    kNot,
    kIs,
    kIn,
    kBetween,
    kContains,
    kStartsWith,
    kEndsWith,
    kEqual,
    kNotEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kOpen,
    kClose,
    kComma,
  };

  Kind kind = Kind::kEnd;
  size_t column = 1;             // of its first byte, counted from 1
  absl::string_view text;        // without quotes
  absl::string_view as_written;  // a view of the expression
  Number number = Number::Of(int64_t{0});
};

// What is wrong with an expression, and where.
absl::Status FilterError(size_t column, absl::string_view expected, absl::string_view found);
// `found` as a text of the expression that is shown to somebody: short, in quotes, and printable.
std::string Shown(absl::string_view found);

// Views the expression.
class FilterLexer {
 public:
  explicit FilterLexer(absl::string_view expression);

  // The next word; at the end kEnd, again and again. kInvalidArgument if there is none such.
  absl::StatusOr<FilterToken> Next();

  // What the tokens' texts are views of. Moving it leaves them valid; take it when all are read.
  std::vector<char> TakeTexts() { return std::move(texts_); }

 private:
  absl::StatusOr<FilterToken> Quoted(FilterToken::Kind kind);
  absl::StatusOr<FilterToken> ReadNumber();
  FilterToken Word();
  FilterToken Symbol();

  // 0 behind the end.
  char Peek(size_t ahead = 0) const;
  size_t SkipDigits();  // how many there were
  // What is wrong where the lexer stands.
  absl::Status Unexpected(absl::string_view expected) const;
  FilterToken Cut(FilterToken::Kind kind, size_t from) const;
  absl::string_view Keep(absl::string_view text);

  const absl::string_view expression_;
  size_t at_ = 0;
  std::vector<char> texts_;  // never grows: views of it stay valid
};

}  // namespace weir::internal

#endif  // WEIR_STORE_FILTER_LEXER_H_
