#include "base/guarded.h"

#include <catch2/catch.hpp>
#include <memory>
#include <new>
#include <stdexcept>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir::internal {
namespace {

TEST_CASE("an allocation that fails inside is a status outside, and what was made is unmade") {
  const auto token = std::make_shared<int>(7);
  const absl::Status status = Guarded([&]() -> absl::Status {
    const std::shared_ptr<int> held = token;
    throw std::bad_alloc();
  });
  const absl::StatusOr<int> number =
      Guarded([]() -> absl::StatusOr<int> { throw std::bad_alloc(); });

  CHECK(absl::IsUnavailable(status));
  CHECK(absl::IsUnavailable(number.status()));
  CHECK(token.use_count() == 1);
}

TEST_CASE("what a call returns goes through, and so does an exception that is not about memory") {
  CHECK(Guarded([] { return absl::OkStatus(); }).ok());
  CHECK(absl::IsDataLoss(Guarded([] { return absl::DataLossError("gone"); })));
  CHECK(*Guarded([]() -> absl::StatusOr<int> { return 5; }) == 5);
  CHECK_THROWS_AS(Guarded([]() -> absl::Status { throw std::runtime_error("of the host"); }),
                  std::runtime_error);
}

}  // namespace
}  // namespace weir::internal
