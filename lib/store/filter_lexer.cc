#include "store/filter_lexer.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace weir::internal {
namespace {

using Kind = FilterToken::Kind;

struct Spelling {
  absl::string_view text;
  Kind kind;
};

constexpr Spelling kWords[] = {
    {"AND", Kind::kAnd},           {"OR", Kind::kOr},
    {"NOT", Kind::kNot},           {"IS", Kind::kIs},
    {"NULL", Kind::kNull},         {"TRUE", Kind::kTrue},
    {"FALSE", Kind::kFalse},       {"IN", Kind::kIn},
    {"BETWEEN", Kind::kBetween},   {"CONTAINS", Kind::kContains},
    {"ENDSWITH", Kind::kEndsWith}, {"STARTSWITH", Kind::kStartsWith},
};

// One that begins with another stands before it.
constexpr Spelling kSymbols[] = {
    {"<>", Kind::kNotEqual}, {"<=", Kind::kLessOrEqual}, {">=", Kind::kGreaterOrEqual},
    {"<", Kind::kLess},      {">", Kind::kGreater},      {"=", Kind::kEqual},
    {"(", Kind::kOpen},      {")", Kind::kClose},        {",", Kind::kComma},
};

bool BeginsName(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$';
}
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsInName(char c) { return BeginsName(c) || IsDigit(c); }
bool IsBlank(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

}  // namespace

absl::Status FilterError(size_t column, absl::string_view expected, absl::string_view found) {
  return absl::InvalidArgumentError(
      absl::StrCat("filter: column ", column, ": expected ", expected, ", found ", found));
}

std::string Shown(absl::string_view found) {
  constexpr size_t kShownBytes = 40;
  if (found.empty()) return "the end";
  std::string shown = "\"";
  for (const char& c : found.substr(0, kShownBytes)) {
    const bool is_printable = absl::ascii_isprint(static_cast<unsigned char>(c));
    shown += is_printable ? std::string(1, c) : absl::CHexEscape({&c, 1});
  }
  return shown + (found.size() > kShownBytes ? "...\"" : "\"");
}

FilterLexer::FilterLexer(absl::string_view expression) : expression_(expression) {
  texts_.reserve(expression.size());
}

char FilterLexer::Peek(size_t ahead) const {
  return ahead < expression_.size() - at_ ? expression_[at_ + ahead] : '\0';
}

size_t FilterLexer::SkipDigits() {
  const size_t from = at_;
  while (IsDigit(Peek())) ++at_;
  return at_ - from;
}

absl::Status FilterLexer::Unexpected(absl::string_view expected) const {
  return FilterError(at_ + 1, expected, Shown(expression_.substr(at_, 1)));
}

absl::string_view FilterLexer::Keep(absl::string_view text) {
  const size_t begin = texts_.size();
  texts_.insert(texts_.end(), text.begin(), text.end());
  return {texts_.data() + begin, text.size()};
}

FilterToken FilterLexer::Cut(Kind kind, size_t from) const {
  const absl::string_view text = expression_.substr(from, at_ - from);
  return {.kind = kind, .column = from + 1, .text = text, .as_written = text};
}

absl::StatusOr<FilterToken> FilterLexer::Next() {
  while (IsBlank(Peek())) ++at_;
  if (at_ == expression_.size()) return Cut(Kind::kEnd, at_);
  const char c = Peek();
  if (c == '\'') return Quoted(Kind::kText);
  if (c == '"') return Quoted(Kind::kQuotedName);
  if (BeginsName(c)) return Word();
  if (IsDigit(c) || c == '.' || c == '+' || c == '-') return ReadNumber();
  FilterToken symbol = Symbol();
  if (symbol.kind == Kind::kEnd) {
    return Unexpected("a property, a literal or an operator");
  }
  return symbol;
}

FilterToken FilterLexer::Symbol() {
  const size_t from = at_;
  for (const Spelling& symbol : kSymbols) {
    if (!absl::StartsWith(expression_.substr(at_), symbol.text)) continue;
    at_ += symbol.text.size();
    return Cut(symbol.kind, from);
  }
  return Cut(Kind::kEnd, from);
}

FilterToken FilterLexer::Word() {
  const size_t from = at_;
  while (IsInName(Peek())) ++at_;
  FilterToken token = Cut(Kind::kName, from);
  for (const Spelling& word : kWords) {
    if (absl::EqualsIgnoreCase(word.text, token.text)) token.kind = word.kind;
  }
  if (token.kind == Kind::kName) token.text = Keep(token.text);
  if (token.kind == Kind::kTrue) token.text = "true";
  if (token.kind == Kind::kFalse) token.text = "false";
  return token;
}

// The quote is the byte where it begins; two of them in a row stand for one.
absl::StatusOr<FilterToken> FilterLexer::Quoted(Kind kind) {
  const size_t from = at_;
  const char quote = Peek();
  const size_t begin = texts_.size();
  for (++at_;; ++at_) {
    if (at_ == expression_.size()) {
      return Unexpected(absl::StrCat("the quote that ends what begins at column ", from + 1));
    }
    if (Peek() == quote && Peek(1) != quote) break;
    if (Peek() == quote) ++at_;
    texts_.push_back(Peek());
  }
  ++at_;
  FilterToken token = Cut(kind, from);
  token.text = {texts_.data() + begin, texts_.size() - begin};
  return token;
}

absl::StatusOr<FilterToken> FilterLexer::ReadNumber() {
  const size_t from = at_;
  if (Peek() == '+' || Peek() == '-') ++at_;
  size_t digits = SkipDigits();
  bool is_integer = true;
  if (Peek() == '.') {
    is_integer = false;
    ++at_;
    digits += SkipDigits();
  }
  if (digits == 0) return Unexpected("a digit");
  if (Peek() == 'e' || Peek() == 'E') {
    is_integer = false;
    ++at_;
    if (Peek() == '+' || Peek() == '-') ++at_;
    if (SkipDigits() == 0) return Unexpected("a digit of the exponent");
  }
  FilterToken token = Cut(Kind::kNumber, from);
  if (is_integer && (Peek() == 'l' || Peek() == 'L')) ++at_;  // as Java writes a long
  if (IsInName(Peek()) || Peek() == '.') return Unexpected("the end of the number");
  const std::optional<Number> number = ParseNumber(token.text);
  if (!number || number->is_integer != is_integer || std::isinf(number->AsDouble())) {
    return FilterError(token.column, is_integer ? "an integer of 64 bits" : "a double",
                       Shown(token.text));
  }
  token.number = *number;
  return token;
}

}  // namespace weir::internal
