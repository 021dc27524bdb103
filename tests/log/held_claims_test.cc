#include "log/held_claims.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace weir::internal {
namespace {

// What another thread says of itself.
bool HeldByAnotherThread(const HeldClaims& claims) {
  bool held = true;
  std::thread([&] { held = claims.HeldByThisThread(); }).join();
  return held;
}

TEST_CASE("the lowest claim and its age are told, in whatever order claims come and go") {
  HeldClaims claims;
  CHECK_FALSE(claims.Lowest());
  claims.Add({}, LogPosition(2000), 20);
  claims.Add({}, LogPosition(1000), 10);
  claims.Add({}, LogPosition(3000), 30);
  CHECK(claims.Lowest() == std::pair(LogPosition(1000), int64_t{10}));

  claims.Remove(LogPosition(1000));
  CHECK(claims.Lowest() == std::pair(LogPosition(2000), int64_t{20}));
  claims.Remove(LogPosition(3000));
  CHECK(claims.Lowest() == std::pair(LogPosition(2000), int64_t{20}));
  claims.Remove(LogPosition(2000));
  CHECK_FALSE(claims.Lowest());
}

TEST_CASE("a thread holds a claim until it gave back the last one") {
  HeldClaims claims;
  CHECK_FALSE(claims.HeldByThisThread());
  claims.Add({}, LogPosition(1000), 0);
  claims.Add({}, LogPosition(2000), 0);
  CHECK(claims.HeldByThisThread());
  claims.Remove(LogPosition(1000));
  CHECK(claims.HeldByThisThread());
  claims.Remove(LogPosition(2000));
  CHECK_FALSE(claims.HeldByThisThread());
}

TEST_CASE("the claims of a thread are no other thread's, and those of a log no other log's") {
  HeldClaims claims;
  HeldClaims of_another_log;
  claims.Add({}, LogPosition(1000), 0);

  CHECK_FALSE(HeldByAnotherThread(claims));
  CHECK_FALSE(of_another_log.HeldByThisThread());
  CHECK_FALSE(of_another_log.Lowest());
  of_another_log.Add({}, LogPosition(1000), 0);
  of_another_log.Remove(LogPosition(1000));
  CHECK(claims.HeldByThisThread());
  claims.Remove(LogPosition(1000));
}

TEST_CASE("a claim that another thread gives back holds nobody up, and is none of that thread's") {
  HeldClaims claims;
  claims.Add({}, LogPosition(1000), 0);
  bool holds_own = false;
  bool holds_none = false;
  std::thread([&] {
    claims.Add({}, LogPosition(2000), 0);
    claims.Remove(LogPosition(1000));
    holds_own = claims.HeldByThisThread();
    claims.Remove(LogPosition(2000));
    holds_none = !claims.HeldByThisThread();
  }).join();

  CHECK(holds_own);
  CHECK(holds_none);
  CHECK_FALSE(claims.HeldByThisThread());
  CHECK_FALSE(claims.Lowest());
}

TEST_CASE("a claim that was moved is held by who uses it, since it was taken") {
  HeldClaims claims;
  claims.Add({}, LogPosition(1000), 10);
  bool held_by_other = false;
  std::optional<std::pair<LogPosition, int64_t>> lowest;
  std::thread([&] {
    claims.Own(LogPosition(1000));
    claims.Own(LogPosition(2000));  // there is none
    held_by_other = claims.HeldByThisThread();
    lowest = claims.Lowest();
    claims.Remove(LogPosition(1000));
  }).join();

  CHECK(held_by_other);
  CHECK(lowest == std::pair(LogPosition(1000), int64_t{10}));
  CHECK_FALSE(claims.HeldByThisThread());
}

TEST_CASE("a log at the address of an earlier one inherits no claims") {
  std::optional<HeldClaims> claims(std::in_place);
  claims->Add({}, LogPosition(1000), 0);
  claims.emplace();

  CHECK_FALSE(claims->HeldByThisThread());
  CHECK_FALSE(claims->Lowest());
}

TEST_CASE("many threads take and give back claims, and none is left") {
  HeldClaims claims;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 3000; ++i) {
        const LogPosition position(8 * (3 * i + t));
        claims.Add({}, position, 0);
        const auto lowest = claims.Lowest();
        if (!lowest || lowest->first > position || !claims.HeldByThisThread()) wrong += 1;
        claims.Remove(position);
        if (claims.HeldByThisThread()) wrong += 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(wrong == 0);
  CHECK_FALSE(claims.Lowest());
}

}  // namespace
}  // namespace weir::internal
