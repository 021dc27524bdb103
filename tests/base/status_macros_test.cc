#include "base/status_macros.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"

namespace weir::internal {
namespace {

// What a function did until it returned.
struct Trace {
  int evaluated = 0;
  bool went_on = false;
};

absl::Status Give(const absl::Status& status, Trace* trace) {
  ++trace->evaluated;
  return status;
}

absl::Status ReturnIfError(const absl::Status& status, Trace* trace) {
  RETURN_IF_ERROR(Give(status, trace));
  trace->went_on = true;
  return absl::OkStatus();
}

TEST_CASE("an error is returned as it is and at once; without one the function goes on") {
  Trace failed;
  const absl::Status status = ReturnIfError(absl::DataLossError("the disk says no"), &failed);
  CHECK(absl::IsDataLoss(status));
  CHECK(status.message() == "the disk says no");
  CHECK(failed.evaluated == 1);
  CHECK_FALSE(failed.went_on);

  Trace fine;
  CHECK(ReturnIfError(absl::OkStatus(), &fine).ok());
  CHECK(fine.evaluated == 1);
  CHECK(fine.went_on);
}

absl::StatusOr<std::unique_ptr<int>> Make(int value, Trace* trace) {
  ++trace->evaluated;
  if (value < 0) return absl::OutOfRangeError("negative");
  return std::make_unique<int>(value);
}

absl::StatusOr<int> Sum(int a, int b, Trace* trace) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> first, Make(a, trace));
  std::unique_ptr<int> second;
  ASSIGN_OR_RETURN(second, Make(b, trace));
  trace->went_on = true;
  return *first + *second;
}

TEST_CASE("a value is moved out, into something new or something old; an error is returned") {
  Trace fine;
  CHECK(*Sum(2, 3, &fine) == 5);
  CHECK(fine.evaluated == 2);

  Trace failed;
  const absl::StatusOr<int> sum = Sum(2, -1, &failed);
  CHECK(absl::IsOutOfRange(sum.status()));
  CHECK(sum.status().message() == "negative");
  CHECK(failed.evaluated == 2);
  CHECK_FALSE(failed.went_on);

  Trace failed_at_once;
  CHECK_FALSE(Sum(-1, 3, &failed_at_once).ok());
  CHECK(failed_at_once.evaluated == 1);
}

absl::Status Ensure(int value, Trace* trace) {
  ENSURE(++trace->evaluated > 0 && value != 7);
  trace->went_on = true;
  return absl::OkStatus();
}

TEST_CASE("a broken promise is an internal error that names itself and its place") {
  Trace kept;
  CHECK(Ensure(6, &kept).ok());
  CHECK(kept.evaluated == 1);
  CHECK(kept.went_on);
  CHECK_FALSE(AnyBroken());

  Trace broken;
  const absl::Status status = Ensure(7, &broken);
  CHECK(absl::IsInternal(status));
  CHECK(absl::StrContains(status.message(), "status_macros_test.cc:"));
  CHECK(absl::StrContains(status.message(), "value != 7"));
  CHECK(broken.evaluated == 1);
  CHECK_FALSE(broken.went_on);
  CHECK(AnyBroken());
  ForgetBroken();
}

int HalfOf(int value, Trace* trace) {
  if (!HOLDS(++trace->evaluated > 0 && value % 2 == 0)) return 0;
  trace->went_on = true;
  HOLDS(std::pair<int, int>(value, 2).first != 8);
  return value / 2;
}

TEST_CASE("where no status can be returned a broken promise is kept, and the function goes on") {
  Trace kept;
  CHECK(HalfOf(6, &kept) == 3);
  CHECK(kept.evaluated == 1);
  CHECK_FALSE(AnyBroken());

  Trace behind;
  CHECK(HalfOf(8, &behind) == 4);
  CHECK(absl::StrContains(Broken().message(), ".first != 8"));
  ForgetBroken();

  Trace before;
  CHECK(HalfOf(7, &before) == 0);
  CHECK(before.evaluated == 1);
  CHECK_FALSE(before.went_on);
  CHECK(absl::StrContains(Broken().message(), "value % 2 == 0"));
  ForgetBroken();
}

absl::Status WithoutBraces(bool first, bool second, Trace* trace) {
  if (first)
    RETURN_IF_ERROR(Give(absl::NotFoundError("first"), trace));
  else if (second)
    ENSURE(trace == nullptr);
  trace->went_on = true;
  return absl::OkStatus();
}

TEST_CASE("a macro is one statement, also where there are no braces") {
  Trace trace;
  CHECK(absl::IsNotFound(WithoutBraces(true, false, &trace)));
  CHECK(absl::IsInternal(WithoutBraces(false, true, &trace)));
  CHECK_FALSE(trace.went_on);
  ForgetBroken();
  CHECK(WithoutBraces(false, false, &trace).ok());
  CHECK(trace.went_on);
}

}  // namespace
}  // namespace weir::internal
