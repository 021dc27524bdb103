#include "support/filter_tree.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace weir::testing {
namespace {

// Few, so that conditions meet messages.
const std::vector<std::string> kNames = {"a",    "b",   "price",   "$x_1",  "order-id",
                                         "TAGS", "and", "quo\"te", "größe", "A"};
const std::vector<std::string> kNumbers = {"0",
                                           "5",
                                           "-5",
                                           "+5",
                                           "5.0",
                                           "5.5",
                                           ".5",
                                           "5.",
                                           "5e1",
                                           "50",
                                           "9007199254740992",
                                           "9007199254740993",
                                           "9007199254740992.0",
                                           "9223372036854775807",
                                           "-9223372036854775808",
                                           "9223372036854775808.",
                                           "1e-400"};
const std::vector<std::string> kTexts = {"",     "x",    "xy",    "xyx", "it's",
                                         "''",   "true", "FALSE", "inf", "nan",
                                         "-inf", "5 ",   "abc",   "\"",  "9223372036854775808",
                                         "1e400"};
const std::vector<std::string> kSymbols = {"=", "<>", "<", "<=", ">", ">="};

const std::string& OneOf(const std::vector<std::string>& all, Choose choose) {
  return all[choose(all.size())];
}

// Holds every integer of 64 bits and every double.
std::optional<long double> NumberOf(const std::string& text) {
  static_assert(std::numeric_limits<long double>::digits >= 64);
  if (text == "inf") return std::numeric_limits<long double>::infinity();
  if (text == "-inf") return -std::numeric_limits<long double>::infinity();
  if (text == "nan") return std::numeric_limits<long double>::quiet_NaN();
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string::npos) {
    return std::nullopt;
  }
  char* end = nullptr;
  errno = 0;
  const long long integer = std::strtoll(text.c_str(), &end, 10);
  if (*end == '\0' && errno == 0) return integer;
  const double real = std::strtod(text.c_str(), &end);
  if (*end != '\0') return std::nullopt;
  return real;
}

std::optional<bool> BooleanOf(const std::string& text) {
  const std::string lower = absl::AsciiStrToLower(text);
  if (lower == "true") return true;
  if (lower == "false") return false;
  return std::nullopt;
}

template <typename T>
bool Holds(const T& left, const std::string& symbol, const T& right) {
  if (symbol == "=") return left == right;
  if (symbol == "<>") return left != right;
  if (symbol == "<") return left < right;
  if (symbol == "<=") return left <= right;
  if (symbol == ">") return left > right;
  return left >= right;
}

FilterTree::Verdict Not(FilterTree::Verdict verdict) {
  return verdict ? FilterTree::Verdict(!*verdict) : std::nullopt;
}
FilterTree::Verdict And(FilterTree::Verdict a, FilterTree::Verdict b) {
  if (a == false || b == false) return false;
  if (!a || !b) return std::nullopt;
  return true;
}
FilterTree::Verdict Or(FilterTree::Verdict a, FilterTree::Verdict b) {
  return Not(And(Not(a), Not(b)));
}

}  // namespace

FilterSubject FilterSubject::Grow(Choose choose) {
  FilterSubject subject;
  if (choose(2) == 1) subject.tag = OneOf(kTexts, choose);
  for (uint64_t i = choose(4); i > 1; --i) subject.keys.push_back(OneOf(kTexts, choose) + "k");
  for (uint64_t i = choose(10); i > 0; --i) {
    const std::vector<std::string>& values = choose(2) == 0 ? kNumbers : kTexts;
    subject.properties.emplace_back(OneOf(kNames, choose), OneOf(values, choose));
  }
  return subject;
}

MessageRecord FilterSubject::Record() const {
  const std::vector<absl::string_view> key_views(keys.begin(), keys.end());
  std::vector<Property> views;
  for (const auto& [name, value] : properties) views.push_back({name, value});
  return MessageRecord({.tag = tag, .keys = key_views, .properties = views}, "body");
}

std::string FilterSubject::Print() const {
  std::string text = absl::StrCat("tag \"", tag, "\", keys \"", absl::StrJoin(keys, " "), "\"");
  for (const auto& [name, value] : properties)
    absl::StrAppend(&text, ", ", name, "=\"", value, "\"");
  return text;
}

FilterTree FilterTree::Grow(Choose choose) { return GrowBelow(choose, 4); }

FilterTree FilterTree::GrowBelow(Choose choose, int depth) {
  const uint64_t kind = depth == 0 ? 0 : choose(6);
  if (kind <= 1) return GrowComparison(choose);
  FilterTree tree;
  tree.kind_ = kind <= 3 ? Kind::kAnd : kind == 4 ? Kind::kOr : Kind::kNot;
  const uint64_t parts = tree.kind_ == Kind::kNot ? 1 : 2 + choose(3);
  for (uint64_t i = 0; i < parts; ++i) tree.parts_.push_back(GrowBelow(choose, depth - 1));
  return tree;
}

FilterTree::Operand FilterTree::GrowProperty(Choose choose) {
  switch (choose(8)) {
    case 6:
      return {Operand::Kind::kTags, ""};
    case 7:
      return {Operand::Kind::kKeys, ""};
    default:
      return {Operand::Kind::kProperty, OneOf(kNames, choose)};
  }
}

FilterTree::Operand FilterTree::GrowNumber(Choose choose) {
  return {Operand::Kind::kNumber, OneOf(kNumbers, choose)};
}

FilterTree::Operand FilterTree::GrowLiteral(Choose choose) {
  switch (choose(5)) {
    case 0:
      return {Operand::Kind::kBoolean, choose(2) == 0 ? "true" : "false"};
    case 1:
    case 2:
      return {Operand::Kind::kText, OneOf(choose(2) == 0 ? kTexts : kNumbers, choose)};
    default:
      return GrowNumber(choose);
  }
}

FilterTree::Operand FilterTree::GrowOrdered(Choose choose) {
  return choose(4) == 0 ? GrowProperty(choose) : GrowNumber(choose);
}

FilterTree FilterTree::GrowComparison(Choose choose) {
  FilterTree tree;
  const bool is_of_literal = choose(8) == 7;
  const auto value = [&] { return is_of_literal ? GrowLiteral(choose) : GrowProperty(choose); };
  const auto ordered = [&] { return is_of_literal ? GrowNumber(choose) : GrowProperty(choose); };
  tree.test_ = static_cast<Test>(choose(8));
  tree.is_not_ = choose(2) == 1;
  switch (tree.test_) {
    case Test::kCompare: {
      tree.is_not_ = false;
      tree.symbol_ = OneOf(kSymbols, choose);
      const bool is_order = tree.symbol_ != "=" && tree.symbol_ != "<>";
      tree.operands_ = {is_order ? ordered() : value(), is_order         ? GrowOrdered(choose)
                                                        : choose(4) == 0 ? GrowProperty(choose)
                                                                         : GrowLiteral(choose)};
      if (choose(3) == 2) std::swap(tree.operands_[0], tree.operands_[1]);
      break;
    }
    case Test::kBetween: {
      tree.operands_ = {ordered(), GrowOrdered(choose), GrowOrdered(choose)};
      Operand& low = tree.operands_[1];
      Operand& high = tree.operands_[2];
      const bool has_order =
          low.kind == Operand::Kind::kNumber && high.kind == Operand::Kind::kNumber;
      if (has_order && *NumberOf(high.text) < *NumberOf(low.text)) std::swap(low, high);
      break;
    }
    case Test::kIn:
      tree.operands_ = {value()};
      for (uint64_t i = choose(4) + 1; i > 0; --i) tree.operands_.push_back(GrowLiteral(choose));
      break;
    case Test::kContains:
    case Test::kStartsWith:
    case Test::kEndsWith:
      // An empty part is refused; the first text is.
      tree.operands_ = {value(), {Operand::Kind::kText, kTexts[1 + choose(kTexts.size() - 1)]}};
      break;
    case Test::kIsNull:
      tree.operands_ = {value()};
      break;
    case Test::kAlone:
      tree.is_not_ = false;
      tree.operands_ = {GrowProperty(choose)};
      if (is_of_literal) tree.operands_ = {{Operand::Kind::kBoolean, "false"}};
      break;
  }
  return tree;
}

std::optional<std::string> FilterTree::TextOf(const Operand& operand,
                                              const FilterSubject& subject) {
  switch (operand.kind) {
    case Operand::Kind::kTags:
      if (subject.tag.empty()) return std::nullopt;
      return subject.tag;
    case Operand::Kind::kKeys:
      if (subject.keys.empty()) return std::nullopt;
      return absl::StrJoin(subject.keys, " ");
    case Operand::Kind::kProperty:
      for (const auto& [name, value] : subject.properties) {
        if (name == operand.text) return value;
      }
      return std::nullopt;
    default:
      return operand.text;
  }
}

FilterTree::Verdict FilterTree::Compare(const Operand& left, const std::string& symbol,
                                        const Operand& right, const FilterSubject& subject) {
  const auto has = [&](Operand::Kind kind) { return left.kind == kind || right.kind == kind; };
  const auto left_text = TextOf(left, subject);
  const auto right_text = TextOf(right, subject);
  if (!left_text || !right_text) return std::nullopt;
  if (has(Operand::Kind::kBoolean)) {
    const auto a = BooleanOf(*left_text);
    const auto b = BooleanOf(*right_text);
    return a && b ? Verdict(Holds(*a, symbol, *b)) : std::nullopt;
  }
  if (has(Operand::Kind::kNumber) || (symbol != "=" && symbol != "<>")) {
    const auto a = NumberOf(*left_text);
    const auto b = NumberOf(*right_text);
    if (!a || !b || *a != *a || *b != *b) return std::nullopt;
    return Holds(*a, symbol, *b);
  }
  return Holds(*left_text, symbol, *right_text);
}

FilterTree::Verdict FilterTree::EvaluateComparison(const FilterSubject& subject) const {
  const auto text = TextOf(operands_[0], subject);
  switch (test_) {
    case Test::kCompare:
      return Compare(operands_[0], symbol_, operands_[1], subject);
    case Test::kIsNull:
      return !text.has_value();
    case Test::kBetween:
      return And(Compare(operands_[0], ">=", operands_[1], subject),
                 Compare(operands_[0], "<=", operands_[2], subject));
    case Test::kIn: {
      Verdict any = false;
      for (size_t i = 1; i < operands_.size(); ++i) {
        any = Or(any, Compare(operands_[0], "=", operands_[i], subject));
      }
      return any;
    }
    case Test::kAlone:
      return text ? BooleanOf(*text) : std::nullopt;
    default:
      break;
  }
  if (!text) return std::nullopt;
  const std::string& part = operands_[1].text;
  const size_t first = text->find(part);
  if (test_ == Test::kContains) return first != std::string::npos;
  if (test_ == Test::kStartsWith) return first == 0;
  return text->size() >= part.size() && text->substr(text->size() - part.size()) == part;
}

FilterTree::Verdict FilterTree::Evaluate(const FilterSubject& subject) const {
  switch (kind_) {
    case Kind::kNot:
      return Not(parts_[0].Evaluate(subject));
    case Kind::kAnd:
    case Kind::kOr: {
      Verdict all = kind_ == Kind::kAnd;
      for (const FilterTree& part : parts_) {
        const Verdict one = part.Evaluate(subject);
        all = kind_ == Kind::kAnd ? And(all, one) : Or(all, one);
      }
      return all;
    }
    case Kind::kComparison:
      break;
  }
  const Verdict verdict = EvaluateComparison(subject);
  return is_not_ ? Not(verdict) : verdict;
}

size_t FilterTree::Terms() const {
  if (kind_ == Kind::kComparison) return 1;
  size_t terms = 0;
  for (const FilterTree& part : parts_) terms += part.Terms();
  return terms;
}

// An expression as it grows, with what makes no difference chosen at random. One thing is chosen
// after the other: every compiler shall write the same.
class FilterTree::Writer {
 public:
  explicit Writer(Choose choose) : choose_(choose) {}

  const std::string& text() const { return text_; }
  bool Chooses(uint64_t one_in) { return choose_(one_in) == one_in - 1; }

  void Add(absl::string_view text) { absl::StrAppend(&text_, text); }
  void Blank() { text_.append(1 + choose_(2), " \t\n"[choose_(3)]); }
  void MaybeBlank() {
    if (Chooses(2)) Blank();
  }
  // In letters of any case.
  void Word(absl::string_view word) {
    const bool is_mixed = Chooses(2);
    for (const char c : word) {
      const bool is_small = is_mixed && Chooses(2);
      text_ += is_small ? absl::ascii_tolower(static_cast<unsigned char>(c)) : c;
    }
  }
  void WordBetween(absl::string_view word) {
    Blank();
    Word(word);
    Blank();
  }
  void Add(const Operand& operand);

 private:
  void AddQuoted(absl::string_view text, absl::string_view quote) {
    const std::string twice = absl::StrCat(quote, quote);
    absl::StrAppend(&text_, quote, absl::StrReplaceAll(text, {{quote, twice}}), quote);
  }

  const Choose choose_;
  std::string text_;
};

void FilterTree::Writer::Add(const Operand& operand) {
  switch (operand.kind) {
    case Operand::Kind::kTags:
      return Add("TAGS");
    case Operand::Kind::kKeys:
      return Add("KEYS");
    case Operand::Kind::kNumber:
      return Add(operand.text);
    case Operand::Kind::kBoolean:
      return Word(absl::AsciiStrToUpper(operand.text));
    case Operand::Kind::kText:
      return AddQuoted(operand.text, "'");
    case Operand::Kind::kProperty:
      break;
  }
  const std::vector<std::string> plain = {"a", "b", "A", "price", "$x_1"};
  const bool is_plain = std::find(plain.begin(), plain.end(), operand.text) != plain.end();
  return is_plain && !Chooses(4) ? Add(operand.text) : AddQuoted(operand.text, "\"");
}

void FilterTree::WriteComparison(Writer& writer) const {
  writer.Add(operands_[0]);
  switch (test_) {
    case Test::kAlone:
      return;
    case Test::kCompare:
      writer.MaybeBlank();
      writer.Add(symbol_);
      writer.MaybeBlank();
      return writer.Add(operands_[1]);
    case Test::kIsNull:
      writer.WordBetween("IS");
      if (is_not_) writer.Word("NOT");
      if (is_not_) writer.Blank();
      return writer.Word("NULL");
    default:
      break;
  }
  if (is_not_) {
    writer.Blank();
    writer.Word("NOT");
  }
  switch (test_) {
    case Test::kBetween:
      writer.WordBetween("BETWEEN");
      writer.Add(operands_[1]);
      writer.WordBetween("AND");
      return writer.Add(operands_[2]);
    case Test::kContains:
      writer.WordBetween("CONTAINS");
      return writer.Add(operands_[1]);
    case Test::kStartsWith:
      writer.WordBetween("STARTSWITH");
      return writer.Add(operands_[1]);
    case Test::kEndsWith:
      writer.WordBetween("ENDSWITH");
      return writer.Add(operands_[1]);
    default:
      break;
  }
  writer.WordBetween("IN");
  for (size_t i = 1; i < operands_.size(); ++i) {
    writer.Add(i == 1 ? "(" : ",");
    writer.MaybeBlank();
    writer.Add(operands_[i]);
    writer.MaybeBlank();
  }
  writer.Add(")");
}

void FilterTree::Write(Writer& writer, Kind around) const {
  const bool binds_less =
      (kind_ == Kind::kOr && around != Kind::kOr) || (kind_ == Kind::kAnd && around == Kind::kNot);
  const bool has_parentheses = binds_less || writer.Chooses(8);
  if (has_parentheses) writer.Add("(");
  if (has_parentheses) writer.MaybeBlank();
  if (kind_ == Kind::kComparison) WriteComparison(writer);
  if (kind_ == Kind::kNot) {
    writer.Word("NOT");
    writer.Blank();
  }
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (i > 0) writer.WordBetween(kind_ == Kind::kAnd ? "AND" : "OR");
    parts_[i].Write(writer, kind_);
  }
  if (has_parentheses) writer.Add(")");
}

std::string FilterTree::Print(Choose choose) const {
  Writer writer(choose);
  Write(writer, Kind::kOr);
  return writer.text();
}

}  // namespace weir::testing
