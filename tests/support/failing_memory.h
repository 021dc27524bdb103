// Memory that runs out on demand: of the allocations that are watched the nth fails, alone or with
// all that follow it. What is watched is what a thread allocates while it holds a Watch, and on
// demand what every other thread does.
//
//   FailingMemory::Fail({.nth = 17});
//   {
//     const FailingMemory::Watch watch;
//     status = store->Flush();
//   }
//   FailingMemory::BringBack();
//   CHECK((FailingMemory::failures() == 0 || absl::IsUnavailable(status)));
//
// An allocation is a call of operator new, and one of mmap() that is not for the fault file system.
// Who wants this lists failing_memory.cc among the sources of his program: it replaces both there.

#ifndef WEIR_TESTS_SUPPORT_FAILING_MEMORY_H_
#define WEIR_TESTS_SUPPORT_FAILING_MEMORY_H_

#include <cstdint>
#include <limits>

namespace weir::testing {

struct MemoryFailure {
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  uint64_t nth = kNever;  // of the watched allocations, from 0
  bool is_for_ever = false;
};

class FailingMemory {
 public:
  // Counts from 0 again, and fails so. Other threads are watched if `watches_others`.
  static void Fail(MemoryFailure failure, bool watches_others = false);
  // From now on nothing fails, and nothing is counted.
  static void BringBack();

  // Since the last Fail(), those that failed included.
  static uint64_t allocations();
  static uint64_t failures();

  // Allocations of all threads, and mappings, that were not given back.
  static int64_t live();
  static int64_t live_mappings();

  // What this thread allocates is watched, or is not after all, while the object lives.
  class Watch {
   public:
    Watch();
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
  };
  class Aside {
   public:
    Aside();
    ~Aside();
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;
  };
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_FAILING_MEMORY_H_
