// What an expression says of a message: true, false or unknown.

#ifndef WEIR_TESTS_STORE_FILTER_VERDICT_H_
#define WEIR_TESTS_STORE_FILTER_VERDICT_H_

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "support/filter_tree.h"
#include "weir/filter.h"

namespace weir::testing {

using Properties = std::vector<std::pair<std::string, std::string>>;

inline Filter CompileFilter(absl::string_view expression) {
  const absl::StatusOr<Filter> filter = Filter::Compile(expression);
  INFO(expression);
  INFO(filter.status());
  REQUIRE(filter.ok());
  return *filter;
}

inline bool Matches(absl::string_view expression, const FilterSubject& subject) {
  return CompileFilter(expression).Matches(subject.Record().view());
}

// 'T', 'F' or '?'. What neither the expression nor its opposite matches is unknown.
inline char VerdictOn(const FilterSubject& subject, absl::string_view expression) {
  const bool is_true = Matches(expression, subject);
  const bool is_false = Matches(absl::StrCat("NOT (", expression, ")"), subject);
  REQUIRE_FALSE((is_true && is_false));
  return is_true ? 'T' : is_false ? 'F' : '?';
}
inline char VerdictOf(absl::string_view expression, const Properties& properties) {
  return VerdictOn({.properties = properties}, expression);
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_STORE_FILTER_VERDICT_H_
