// Compiled for weir_mutants only.

#include "base/mutant.h"

#include <time.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

#if defined(WEIR_MUTANTS)

namespace weir::internal {
namespace {

constexpr const char* kNames[] = {
#define WEIR_PROTECTION_NAME(name, place, what) #name,
    WEIR_PROTECTIONS(WEIR_PROTECTION_NAME)
#undef WEIR_PROTECTION_NAME
};
constexpr int kNothing = -1;
// Not what a harness answers that found something.
constexpr int kUnknownStatus = 78;

int RemovedByEnvironment() {
  const char* const wanted = std::getenv("WEIR_MUTANT");
  if (wanted == nullptr || *wanted == '\0') return kNothing;
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (std::strcmp(wanted, kNames[i]) == 0) return static_cast<int>(i);
  }
  std::fprintf(stderr, "WEIR_MUTANT=%s: there is no such protection\n", wanted);
  std::_Exit(kUnknownStatus);
}

}  // namespace

bool Without(Protection protection) {
  static const int removed = RemovedByEnvironment();
  return removed == static_cast<int>(protection);
}

void Linger() {
  constexpr uint32_t kOneIn = 61;  // a prime: not always at the same place of a group
  static std::atomic<uint32_t> calls{0};
  if (calls.fetch_add(1, std::memory_order_relaxed) % kOneIn != 0) return;
  const timespec time{.tv_sec = 0, .tv_nsec = 100'000};
  nanosleep(&time, nullptr);
}

}  // namespace weir::internal

#endif  // WEIR_MUTANTS
