#include "base/promise.h"

#include <catch2/catch.hpp>
#include <thread>

#include "base/status_macros.h"

namespace weir::internal {
namespace {

constexpr Promise kFirst{"/somewhere/weir/lib/log/front.cc", 12, "begin <= end"};
constexpr Promise kSecond{"front.cc", 34, "end <= limit"};

TEST_CASE("the first promise that broke is told, by its place in the library, until forgotten") {
  CHECK_FALSE(AnyBroken());
  CHECK(Broken().ok());

  Break(kFirst);
  Break(kSecond);

  CHECK(AnyBroken());
  for (int i = 0; i < 2; ++i) {
    CHECK(Broken() == absl::InternalError("lib/log/front.cc:12: broken promise: begin <= end"));
  }
  ForgetBroken();
  CHECK_FALSE(AnyBroken());
  Break(kSecond);
  CHECK(Broken() == absl::InternalError("front.cc:34: broken promise: end <= limit"));
  ForgetBroken();
}

TEST_CASE("what one thread broke is no error of what another one does") {
  bool is_broken_there = true;
  Break(kFirst);
  std::thread other([&] { is_broken_there = AnyBroken(); });
  other.join();
  CHECK_FALSE(is_broken_there);
  CHECK(AnyBroken());
  ForgetBroken();
}

}  // namespace
}  // namespace weir::internal
