#include "base/fork_generation.h"

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace weir::internal {
namespace {

std::atomic<uint32_t> generation{0};

}  // namespace

uint32_t ForkGeneration() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  return generation.load(std::memory_order_relaxed);
}

}  // namespace weir::internal
