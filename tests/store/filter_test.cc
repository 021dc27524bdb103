#include "weir/filter.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "allocation_counter.h"
#include "store/filter_verdict.h"

namespace weir::testing {
namespace {

const FilterSubject kOrder{
    .tag = "NEW",
    .keys = {"AAPL-1", "AAPL-2"},
    .properties = {{"venue", "XNAS"}, {"price", "101.25"}, {"lots", "12"}, {"urgent", "true"}}};

TEST_CASE("a filter that was not compiled matches every message and has no expression") {
  const Filter filter;
  CHECK(filter.Matches(kOrder.Record().view()));
  CHECK(filter.Matches(FilterSubject().Record().view()));
  CHECK(filter.expression().empty());
}

TEST_CASE("a filter knows its expression when the text that it was given is gone") {
  std::string expression = "venue = 'XNAS' AND price BETWEEN 100 AND 102";
  const absl::StatusOr<Filter> filter = Filter::Compile(expression);
  REQUIRE(filter.ok());
  const std::string before = expression;
  expression.assign(expression.size(), '?');
  CHECK(filter->expression() == before);
  CHECK(filter->Matches(kOrder.Record().view()));
}

TEST_CASE("a copy outlives its original") {
  Filter copy;
  {
    const Filter original = CompileFilter("venue = 'XNAS' AND NOT urgent");
    copy = original;
    CHECK(copy.expression().data() == original.expression().data());
  }
  CHECK_FALSE(copy.Matches(kOrder.Record().view()));
  CHECK(copy.Matches(
      FilterSubject{.properties = {{"venue", "XNAS"}, {"urgent", "false"}}}.Record().view()));
}

TEST_CASE("matching takes nothing from the heap") {
  // One of every kind of comparison, and none that a run would leave out.
  const Filter filter = CompileFilter(
      "venue = 'XNAS' AND price > 100 AND price BETWEEN 1.5 AND 1e9 AND lots IN (11, 12) AND "
      "urgent "
      "AND u IS NULL AND venue CONTAINS 'NA' AND venue STARTSWITH 'X' AND venue ENDSWITH 'S' "
      "AND lots < price AND venue <> lots AND TAGS = 'NEW' AND KEYS = 'AAPL-1 AAPL-2'");
  const MessageRecord record = kOrder.Record();
  const MessageView view = record.view();
  const uint64_t before = bench::ThreadAllocations();
  int matched = 0;
  for (int i = 0; i < 1000; ++i) matched += filter.Matches(view) ? 1 : 0;
  CHECK(bench::ThreadAllocations() == before);
  CHECK(matched == 1000);
  // The counter counts.
  const Filter other = CompileFilter("venue = 'XNAS'");
  CHECK(bench::ThreadAllocations() > before);
}

TEST_CASE("typed values that a host writes are what its filters ask for") {
  const PropertyValue lots(int64_t{9007199254740993});
  const PropertyValue price(0.1);
  const PropertyValue is_urgent(true);
  const std::vector<Property> properties = {
      {"lots", lots}, {"price", price}, {"urgent", is_urgent}};
  const MessageRecord record({.properties = properties}, "");
  for (const absl::string_view expression :
       {"lots = 9007199254740993", "lots > 9007199254740992", "price = 0.1", "price < 1", "urgent",
        "urgent = TRUE", "lots > price"}) {
    CAPTURE(expression);
    CHECK(CompileFilter(expression).Matches(record.view()));
  }
}

TEST_CASE("the largest filter says of the largest message what a small one says of a small one") {
  std::string expression = "p <> 0";
  for (size_t i = 1; i < kMaxFilterTerms; ++i) absl::StrAppend(&expression, " AND p <> ", i);
  const std::string digits(kMaxPropertiesBytes - 4, '9');
  CHECK(Matches(expression, {.properties = {{"p", digits}}}));
  CHECK_FALSE(Matches(expression, {.properties = {{"p", "1023"}}}));
  // A part that is nearly there everywhere.
  const std::string part(4096, '9');
  const std::string parts = "p CONTAINS '" + part + "x' OR p CONTAINS 'x" + part + "'";
  CHECK_FALSE(Matches(parts, {.properties = {{"p", digits}}}));
  CHECK(Matches(parts, {.properties = {{"p", digits.substr(1) + "x"}}}));
}

}  // namespace
}  // namespace weir::testing
