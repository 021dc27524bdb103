// Expressions of filters. An even first byte: the rest is an expression, which compiles or is
// refused at a column that it has. An odd one: the rest chooses a condition and messages, and what
// is compiled of the condition says of each what the condition says.

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "fuzz/fuzz_input.h"
#include "support/filter_tree.h"
#include "weir/filter.h"

namespace weir::testing {
namespace {

void CheckRefusal(absl::string_view expression, const absl::Status& status) {
  Require(absl::IsInvalidArgument(status), status.ToString());
  absl::string_view rest = status.message();
  Require(absl::ConsumePrefix(&rest, "filter: column "), status.ToString());
  size_t column = 0;
  Require(absl::SimpleAtoi(*absl::StrSplit(rest, ':').begin(), &column), status.ToString());
  Require(column >= 1 && column <= expression.size() + 1, status.ToString());
  for (const char c : status.message()) Require(c >= ' ' && c <= '~', "it can be shown");
}

// Of what an expression means nothing is known here, but that it cannot be true and false.
void CheckExpression(absl::string_view expression) {
  const auto filter = Filter::Compile(expression);
  if (!filter.ok()) return CheckRefusal(expression, filter.status());
  Require(filter->expression() == expression, "it knows its expression");
  const auto opposite = Filter::Compile(absl::StrCat("NOT(", expression, ")"));
  const auto again = Filter::Compile(absl::StrCat(" NOT NOT (", expression, ") "));
  for (uint64_t i = 0; i < 4; ++i) {
    uint64_t next = i;
    const auto choose = [&next](uint64_t bound) { return (next = next * 5 + 3) / 7 % bound; };
    const MessageRecord record = FilterSubject::Grow(choose).Record();
    const bool matches = filter->Matches(record.view());
    // Beyond the limits of length and depth these two may be.
    Require(!opposite.ok() || !matches || !opposite->Matches(record.view()), "true and false");
    Require(!again.ok() || again->Matches(record.view()) == matches, "not what it is not");
  }
}

void CheckTree(FuzzInput& input) {
  const auto choose = [&input](uint64_t bound) -> uint64_t {
    return bound == 0 ? 0 : input.Below(static_cast<uint8_t>(bound));
  };
  const FilterTree tree = FilterTree::Grow(choose);
  const std::string expression = tree.Print(choose);
  const auto filter = Filter::Compile(expression);
  RequireOk(filter.status(), expression);
  const auto opposite = Filter::Compile(absl::StrCat("NOT (", expression, ")"));
  RequireOk(opposite.status(), expression);
  for (int i = 0; i < 4; ++i) {
    const FilterSubject subject = FilterSubject::Grow(choose);
    const MessageRecord record = subject.Record();
    const FilterTree::Verdict verdict = tree.Evaluate(subject);
    Require(filter->Matches(record.view()) == (verdict == true), expression, " of ",
            subject.Print());
    Require(opposite->Matches(record.view()) == (verdict == false), "NOT ", expression, " of ",
            subject.Print());
  }
}

void Run(FuzzInput input) {
  if (input.Byte() % 2 == 0) return CheckExpression(input.Rest());
  CheckTree(input);
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  return 0;
}
