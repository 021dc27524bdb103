#include "crash/tally.h"

#include <sys/mman.h>

#include <new>

namespace weir::testing {

Tally* Tally::Create(uint64_t states_max) {
  uint64_t slot_count = 1 << 16;
  while (slot_count < 2 * states_max) slot_count *= 2;
  const size_t bytes = sizeof(Tally) + static_cast<size_t>(slot_count) * sizeof(uint64_t);
  // Fresh anonymous memory is zero: all counters, and all slots free.
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const tally = new (memory) Tally;
  tally->slot_count_ = slot_count;
  return tally;
}

bool Tally::Add(const ImageHash& hash) {
  const uint64_t key = hash.low == 0 ? 1 : hash.low;  // 0 is a free slot
  const uint64_t mask = slot_count_ - 1;
  for (uint64_t probe = 0; probe < slot_count_; ++probe) {
    std::atomic<uint64_t>& slot = slots()[(hash.high + probe) & mask];
    uint64_t found = 0;
    if (slot.compare_exchange_strong(found, key)) {
      ++distinct_;
      return true;
    }
    if (found == key) return false;
  }
  return false;  // full: what is not counted is not claimed
}

uint64_t Tally::nested() const {
  uint64_t sum = 0;
  for (const ScenarioTally& scenario : scenarios) sum += scenario.nested;
  return sum;
}

uint64_t Tally::violations() const {
  uint64_t sum = 0;
  for (const ScenarioTally& scenario : scenarios) sum += scenario.violations;
  return sum;
}

std::atomic<uint64_t>* Tally::slots() { return reinterpret_cast<std::atomic<uint64_t>*>(this + 1); }

}  // namespace weir::testing
