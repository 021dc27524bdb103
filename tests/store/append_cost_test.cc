// Counts what a plain append in steady state costs beyond instructions: a child process appends at
// an even pace, its appending thread traced, and the counts between two marks must be nothing.
//
// The measurement itself is the one of the performance table (bench/append_cost.h).

#include "../../bench/append_cost.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "../../bench/allocation_counter.h"
#include "absl/strings/str_cat.h"
#include "support/skipped.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEIR_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_SANITIZED 1
#endif
#endif

namespace weir::bench {
namespace {

std::string FreshDirectory() {
  std::string path = std::filesystem::temp_directory_path() / "weir-append-cost-XXXXXX";
  REQUIRE(mkdtemp(path.data()) != nullptr);
  return path;
}

TEST_CASE("the allocation counter sees every form of new") {
  const uint64_t before = ThreadAllocations();

  struct alignas(128) Wide {
    char bytes[128];
  };
  // Called by name: allocations of a new expression may be optimised away.
  ::operator delete(::operator new(1));
  ::operator delete[](::operator new[](1));
  ::operator delete(::operator new(sizeof(Wide), std::align_val_t(alignof(Wide))),
                    std::align_val_t(alignof(Wide)));
  ::operator delete(::operator new(1, std::nothrow));

  CHECK(ThreadAllocations() - before == 4);
}

TEST_CASE("an append in steady state makes no system call, page fault or heap allocation") {
#ifdef WEIR_SANITIZED
  testing::Skip("a build without sanitizers, whose own memory and calls would be counted");
#else
  const std::string parent = FreshDirectory();

  AppendCost cost = MeasureAppendCost(parent + "/1");
  // On a busy machine the worker may get no core until the front is full: no steady state.
  if (cost.front_stalls > 0) cost = MeasureAppendCost(parent + "/2");
  if (cost.front_stalls > 0) cost = MeasureAppendCost(parent + "/3");

  std::filesystem::remove_all(parent);
  INFO(cost.failure);
  REQUIRE(cost.failure.empty());
  INFO(cost.appends << " appends, " << cost.bytes << " bytes, " << cost.context_switches
                    << " waits, " << cost.front_stalls << " stalls for a full front");
  CHECK(cost.appends > 100'000);
  CHECK(cost.allocations == 0);
  CHECK(cost.page_faults == 0);
  if (cost.untraced.empty()) {
    // A quarter-full front and the end of idleness may each wake a worker.
    CHECK(cost.system_calls <= cost.wakes_max);
  } else {
    testing::Skip(absl::StrCat("to trace its child, to count system calls: ", cost.untraced));
  }
#endif
}

}  // namespace
}  // namespace weir::bench
