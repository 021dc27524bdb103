#include "support/skipped.h"

#include <atomic>
#include <catch2/catch.hpp>

namespace weir::testing {
namespace {

std::atomic<int> skipped_count{0};

}  // namespace

void Skip(const std::string& needs) {
  ++skipped_count;
  WARN("SKIPPED: this test needs " << needs);
}

int ExitStatus(int failures) {
  if (failures == 0) return skipped_count > 0 ? kSkippedStatus : 0;
  return failures == kSkippedStatus ? 1 : failures;
}

}  // namespace weir::testing
