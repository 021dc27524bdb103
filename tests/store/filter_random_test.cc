// Random conditions as trees, evaluated as simply as can be, against what is compiled of the
// expressions that say the same.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "support/filter_tree.h"
#include "support/random.h"
#include "weir/filter.h"

namespace weir::testing {
namespace {

TEST_CASE("a compiled filter says of every message what its condition says") {
  constexpr size_t kSubjects = 40;
  constexpr int kTrees = 20'000;
  Random random(20'260'101);
  const auto choose = [&random](uint64_t bound) { return random.Below(bound); };
  uint64_t evaluations = 0;
  uint64_t verdicts[3] = {};  // false, true, unknown
  uint64_t terms = 0;
  std::vector<FilterSubject> subjects;
  std::vector<MessageRecord> records;
  for (int i = 0; i < kTrees; ++i) {
    if (i % 100 == 0) {
      subjects.clear();
      records.clear();
      for (size_t k = 0; k < kSubjects; ++k) {
        subjects.push_back(FilterSubject::Grow(choose));
        records.push_back(subjects.back().Record());
      }
    }
    const FilterTree tree = FilterTree::Grow(choose);
    const std::string expression = tree.Print(choose);
    const auto filter = Filter::Compile(expression);
    // NOT tells "false" from "unknown".
    const auto opposite = Filter::Compile("NOT (" + expression + ")");
    if (!filter.ok() || !opposite.ok()) FAIL(expression << "\n" << filter.status());
    terms += tree.Terms();
    for (size_t k = 0; k < kSubjects; ++k) {
      const FilterTree::Verdict verdict = tree.Evaluate(subjects[k]);
      const bool matches = filter->Matches(records[k].view());
      if (matches != (verdict == true)) FAIL(expression << "\n" << subjects[k].Print());
      if (opposite->Matches(records[k].view()) != (verdict == false)) {
        FAIL("NOT (" << expression << ")\n" << subjects[k].Print());
      }
      ++verdicts[verdict ? *verdict : 2];
      ++evaluations;
    }
  }
  CHECK(evaluations >= 800'000);
  CHECK(terms >= 60'000);
  for (const uint64_t count : verdicts) CHECK(count >= evaluations / 10);
}

}  // namespace
}  // namespace weir::testing
